package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestReliabilityNamesTests: each test that docs/reliability.md names is there.
func TestReliabilityNamesTests(t *testing.T) {
	t.Parallel()
	root := harness.Root
	var tests strings.Builder
	for _, pattern := range []string{"pkg/*/*_test.go", "scripts/*/*_test.go", "scripts/e2e/*/*_test.go"} {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)").FindAllStringSubmatch(harness.ReadPage(t, filepath.Join(root, "docs", "reliability.md")), -1)
	for _, m := range named {
		if !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("there is no %s", m[1])
		}
	}
	if len(named) == 0 {
		t.Error("it names none")
	}
}
