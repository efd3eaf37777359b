package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	quotedText = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	ourCommand = regexp.MustCompile(`\b(imap-(?:list|fetch|diff|push))\b([^|;&()<>]*)`)
	option     = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z0-9-]*)`)
)

// TestCookbookOptions: every option in a recipe is one that the command has.
func TestCookbookOptions(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "cookbook", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no cookbook", err)
	}
	b := newBench(t)
	help := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range recipes(string(text)) {
			for _, m := range ourCommand.FindAllStringSubmatch(quotedText.ReplaceAllString(line, "''"), -1) {
				if help[m[1]] == "" {
					help[m[1]] = b.sh(m[1] + ` --help`).wants(0).stdout
				}
				known := strings.FieldsFunc(help[m[1]], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
				for _, o := range option.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(known, o[1]) {
						t.Errorf("%s: %s has no %s: %s", filepath.Base(page), m[1], o[1], line)
					}
				}
			}
		}
	}
}

// recipes returns the lines of a page's code blocks, those that go on after a
// backslash joined.
func recipes(page string) []string {
	var lines []string
	joined := ""
	for line := range strings.Lines(page) {
		if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, "    ") {
			continue
		}
		if rest, goesOn := strings.CutSuffix(line, `\`); goesOn {
			joined += rest
			continue
		}
		lines = append(lines, joined+line)
		joined = ""
	}
	return lines
}
