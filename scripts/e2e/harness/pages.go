package harness

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Option matches an option on a command line.
var Option = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z0-9-]*)`)

// QuotedText matches what the shell takes as it is.
var QuotedText = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// Recipes returns the lines of a page's code blocks, those that go on after a
// backslash joined.
func Recipes(page string) []string {
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

// ReadPage returns a file's text.
func ReadPage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Blocks are the indented lines of a page, block by block. Those that show
// what is printed begin with a dollar sign, and are none.
func Blocks(t *testing.T, page string) (all []string) {
	text, err := os.ReadFile(filepath.Join(Root, "docs", "cookbook", page))
	if err != nil {
		t.Fatal(err)
	}
	block := ""
	for line := range strings.Lines(string(text) + "\n") {
		if recipe, ok := strings.CutPrefix(line, "    "); ok {
			block += recipe
			continue
		}
		if block != "" && !strings.HasPrefix(block, "$ ") {
			all = append(all, block)
		}
		block = ""
	}
	return all
}
