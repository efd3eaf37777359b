package connect

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every cause that imapconn names has a hint, once.
func TestEveryCauseHasAHint(t *testing.T) {
	causes, err := os.ReadFile("../../imapconn/causes.go")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("hints.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(Err\w+) `).FindAllStringSubmatch(string(causes), -1) {
		if n := strings.Count(string(table), "imapconn."+m[1]+","); n != 1 {
			t.Errorf("%s has %d hints", m[1], n)
		}
	}
}
