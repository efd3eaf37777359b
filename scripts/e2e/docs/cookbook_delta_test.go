package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestCookbookDelta runs the recipes as they stand in the book, while the
// account lives on.
func TestCookbookDelta(t *testing.T) {
	t.Parallel()
	harness.NeedsJQ(t)
	book, err := os.ReadFile(filepath.Join(harness.Root, "docs", "cookbook", "delta.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "joe"), harness.Real(r, "kim")
	h := harness.NewHistory(t, src)
	h.Begin()
	b := harness.NewShell(t).WithTools().With("OLD", src.Options()).With("NEW", dst.Options())
	b.Sh(`imap-fetch $OLD -o joe-2026-01-01.zst`).Wants(0)
	lines := regexp.MustCompile(`(?m)^    .*\n`).FindAllString(string(book), -1)
	if len(lines) < 18 {
		t.Fatalf("%d recipes", len(lines))
	}
	last := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "    last=") {
			last = line
			continue
		}
		h.Fill("INBOX", 1)
		again := ""
		if file := regexp.MustCompile(`-o (\S+\.zst)$`).FindStringSubmatch(strings.TrimSpace(line)); file != nil {
			again = "rm -f " + file[1] + "\n"
		}
		b.Sh("set -e\n" + again + last + line).Wants(0)
		last = ""
	}
	b.Sh(`imap-fetch $OLD | imap-diff --report --exit-code $NEW >report`).Wants(0)
	b.Sh(`cat 0.zst 1.zst >all.zst; $TOOLS/stream-to-mail maildir all.zst mail`).Wants(64).Says("--source")
	b.Sh(`rm -rf mail.partial; $TOOLS/stream-to-mail maildir whole.zst mail`).Wants(0)
}
