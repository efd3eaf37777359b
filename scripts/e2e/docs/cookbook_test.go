package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var (
	ourCommand = regexp.MustCompile(`\b(imap-(?:list|fetch|diff|push))\b([^|;&()<>]*)`)
)

// TestCookbookOptions: every option in a recipe is one that the command has.
func TestCookbookOptions(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(harness.Root, "docs", "cookbook", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no cookbook", err)
	}
	b := harness.NewShell(t)
	help := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range harness.Recipes(string(text)) {
			for _, m := range ourCommand.FindAllStringSubmatch(harness.QuotedText.ReplaceAllString(line, "''"), -1) {
				if help[m[1]] == "" {
					help[m[1]] = b.Sh(m[1] + ` --help`).Wants(0).Stdout
				}
				known := strings.FieldsFunc(help[m[1]], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
				for _, o := range harness.Option.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(known, o[1]) {
						t.Errorf("%s: %s has no %s: %s", filepath.Base(page), m[1], o[1], line)
					}
				}
			}
		}
	}
}
