package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var (
	pageLink   = regexp.MustCompile(`\]\(([^):#\s]*)(?:#([^)\s]*))?\)`)
	notInLinks = regexp.MustCompile(`[^\pL\pN_ -]`)
)

// TestLinks: every link from one page to another leads to a file, and to a
// heading in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := harness.Root
	pages := []string{filepath.Join(root, "README.md"), filepath.Join(root, "ARCHITECTURE.md"), filepath.Join(root, "pkg", "stream", "FORMAT.md")}
	for _, pattern := range []string{"*.md", "*/*.md"} {
		more, _ := filepath.Glob(filepath.Join(root, "docs", pattern))
		pages = append(pages, more...)
	}
	for _, page := range pages {
		for _, m := range pageLink.FindAllStringSubmatch(harness.ReadPage(t, page), -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" && !slices.Contains(headings(harness.ReadPage(t, to)), m[2]) {
				t.Errorf("%s: %s has no heading %s", page, to, m[2])
			}
		}
	}
}

// headings returns a page's headings as links spell them: the second of a name
// ends in -1.
func headings(page string) []string {
	var all []string
	times := map[string]int{}
	for line := range strings.Lines(page) {
		if text := strings.TrimLeft(line, "#"); text != line {
			text = notInLinks.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "")
			name := strings.ReplaceAll(text, " ", "-")
			if all = append(all, name); times[name] > 0 {
				all[len(all)-1] += "-" + strconv.Itoa(times[name])
			}
			times[name]++
		}
	}
	return all
}
