package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestFoldersCookbook runs every command of the cookbook's page on folders, in
// its order, from accounts in which it has a meaning.
func TestFoldersCookbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(harness.Root, "docs", "cookbook", "folders.md"))
	if err != nil {
		t.Fatal(err)
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(server, "joe", "INBOX", "Sent Items", "Old Mail/2019", "Junk", "a=b", "a.b", "mail/x", "[Gmail]/All Mail", "Old account/INBOX", "Old account/Sent", "Lists/go")
	first := harness.NewShell(t).With("OLD", src.Options()).With("NEW", harness.Embedded(server, "first").Options())
	first.Sh(`imap-fetch -o joe.imap.zst $OLD && imap-diff --write-map joe.map $NEW joe.imap.zst`).Wants(0)
	n := 0
	for line := range strings.Lines(string(page)) {
		command, indented := strings.CutPrefix(line, "    ")
		if !indented || !strings.HasPrefix(command, "imap-") && !strings.HasPrefix(command, "sed ") {
			continue
		}
		n++
		dst := harness.Embedded(server, fmt.Sprint("new-", n))
		server.Account(dst.User).AddMailbox("Lists/old")
		b := harness.NewShell(t).With("OLD", src.Options()).With("NEW", dst.Options())
		b.Write("joe.imap.zst", first.Read("joe.imap.zst"))
		if !strings.Contains(command, "--write-map") { // a map that is there may have been edited, and is kept
			b.Write("joe.map", first.Read("joe.map"))
		}
		if strings.Contains(command, "plan.zst") {
			b.Sh(`imap-diff --prune-folders '^Lists/' -o plan.zst $NEW joe.imap.zst`).Wants(0)
		}
		if o := b.Sh(command); o.Exit != 0 {
			t.Errorf("%s", o)
		}
	}
	if n < 25 {
		t.Errorf("%d commands", n)
	}
}
