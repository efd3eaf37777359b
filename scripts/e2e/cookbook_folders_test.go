package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestFoldersCookbook runs every command of the cookbook's page on folders, in
// its order, from accounts in which it has a meaning.
func TestFoldersCookbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cookbook", "folders.md"))
	if err != nil {
		t.Fatal(err)
	}
	server := imaptest.StartServer(t, imaptest.Options{})
	src := holding(server, "joe", "INBOX", "Sent Items", "Old Mail/2019", "Junk", "a=b", "a.b", "mail/x", "[Gmail]/All Mail", "Old account/INBOX", "Old account/Sent", "Lists/go")
	first := newBench(t).with("OLD", src.options()).with("NEW", embedded(server, "first").options())
	first.sh(`imap-fetch -o joe.imap.zst $OLD && imap-diff --write-map joe.map $NEW joe.imap.zst`).wants(0)
	n := 0
	for line := range strings.Lines(string(page)) {
		command, indented := strings.CutPrefix(line, "    ")
		if !indented || !strings.HasPrefix(command, "imap-") && !strings.HasPrefix(command, "sed ") {
			continue
		}
		n++
		dst := embedded(server, fmt.Sprint("new-", n))
		server.Account(dst.user).AddMailbox("Lists/old")
		b := newBench(t).with("OLD", src.options()).with("NEW", dst.options())
		b.write("joe.imap.zst", first.read("joe.imap.zst"))
		if !strings.Contains(command, "--write-map") { // a map that is there may have been edited, and is kept
			b.write("joe.map", first.read("joe.map"))
		}
		if strings.Contains(command, "plan.zst") {
			b.sh(`imap-diff --prune-folders '^Lists/' -o plan.zst $NEW joe.imap.zst`).wants(0)
		}
		if o := b.sh(command); o.exit != 0 {
			t.Errorf("%s", o)
		}
	}
	if n < 25 {
		t.Errorf("%d commands", n)
	}
}
