package runs_test

import (
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/runs"
)

func TestOf(t *testing.T) {
	equal := func(a, b int) bool { return a == b }
	for _, c := range []struct {
		list []int
		want string
	}{
		{nil, ""},
		{[]int{1}, "[1]"},
		{[]int{1, 1, 2, 3, 3, 3, 1}, "[1 1][2][3 3 3][1]"},
	} {
		for range 2 { // it may be ranged over again
			got := ""
			for run := range runs.Of(c.list, equal) {
				got += fmt.Sprint(run)
			}
			if got != c.want {
				t.Errorf("%v: %s, want %s", c.list, got, c.want)
			}
		}
	}
	for range runs.Of([]int{1, 2}, equal) {
		break
	}
}

func TestRunIsNotOverwritten(t *testing.T) {
	list := []int{1, 2}
	for run := range runs.Of(list, func(a, b int) bool { return a == b }) {
		_ = append(run, 9)
	}
	if list[1] != 2 {
		t.Error("what is appended to a run stands in the list")
	}
}
