package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestCookbookDelta runs the recipes as they stand in the book, while the
// account lives on.
func TestCookbookDelta(t *testing.T) {
	t.Parallel()
	needsJQ(t)
	book, err := os.ReadFile(filepath.Join("..", "..", "docs", "cookbook", "delta.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(r, "joe"), real(r, "kim")
	h := newHistory(t, src)
	h.begin()
	b := newBench(t).withTools().with("OLD", src.options()).with("NEW", dst.options())
	b.sh(`imap-fetch $OLD -o joe-2026-01-01.zst`).wants(0)
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
		h.fill("INBOX", 1)
		again := ""
		if file := regexp.MustCompile(`-o (\S+\.zst)$`).FindStringSubmatch(strings.TrimSpace(line)); file != nil {
			again = "rm -f " + file[1] + "\n"
		}
		b.sh("set -e\n" + again + last + line).wants(0)
		last = ""
	}
	b.sh(`imap-fetch $OLD | imap-diff --report --exit-code $NEW >report`).wants(0)
	b.sh(`cat 0.zst 1.zst >all.zst; $TOOLS/stream-to-mail maildir all.zst mail`).wants(64).says("--source")
	b.sh(`rm -rf mail.partial; $TOOLS/stream-to-mail maildir whole.zst mail`).wants(0)
}
