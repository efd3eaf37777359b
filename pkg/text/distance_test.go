package text

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		limit, want int
	}{
		{"", "", 5, 0}, {"sent", "sent", 5, 0}, {"sent", "set", 5, 1}, {"sent", "scent", 5, 1}, {"sent", "send", 5, 1},
		{"kitten", "sitting", 5, 3}, {"kitten", "sitting", 3, 3}, {"kitten", "sitting", 2, 2}, {"ab", "", 5, 2},
		{"a", strings.Repeat("a", 201), 500, 500}, {strings.Repeat("a", 201), "a", 500, 500},
	} {
		if got := Distance([]byte(c.a), []byte(c.b), c.limit); got != c.want {
			t.Errorf("%q, %q, %d: %d, want %d", c.a, c.b, c.limit, got, c.want)
		}
	}
}
