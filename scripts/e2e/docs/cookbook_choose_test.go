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

// scriptBlock is an indented block that begins with a command.
var scriptBlock = regexp.MustCompile(`(?m)^    (?:imap-|for |jq )(?:.*\n)(?:    .*\n)*`)

// TestCookbookChooseFolders runs the recipes as they stand in the book.
func TestCookbookChooseFolders(t *testing.T) {
	t.Parallel()
	book, err := os.ReadFile(filepath.Join(harness.Root, "docs", "cookbook", "choose-folders.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := harness.DovecotWithACL(t)
	src, dst := harness.Real(r, "joe"), harness.Real(r, "kim")
	spec := imaptest.Spec{}
	for i, path := range []string{"INBOX", "Sent Items", "Projects/a", "Projects/old", "Projects2", "Public/x", "Junk", "Lists/go", "Lists/nuts", "Archive/2019"} {
		spec.Folders = append(spec.Folders, imaptest.Folder{Path: path, Subscribed: i%2 == 0, Messages: imaptest.Generate(uint64(i+1), 2)})
	}
	src.Fill(t, spec)
	src.Tell(t, `SETACL INBOX ann@old.example lrs`)
	b := harness.NewShell(t).With("OLD", src.Options()).With("NEW", dst.Options())
	blocks := scriptBlock.FindAllString(string(book), -1)
	if len(blocks) < 20 {
		t.Fatalf("%d recipes", len(blocks))
	}
	// What the book chooses is not in every account.
	idle := regexp.MustCompile(`(?m)^.*warning: .*(matches no folder|the server lists no such folder).*\n`)
	for _, block := range blocks {
		o := b.Sh("set -e\n" + block)
		if o.Exit != 0 || strings.Contains(idle.ReplaceAllString(o.Stderr, ""), "warning: ") {
			t.Errorf("%s\n%s", o, harness.Shorten(o.Stdout, 500))
		}
	}
	harness.Same(t, src.Dump(t), dst.Dump(t))
	ann := harness.Real(r, "ann")
	if list := ann.Tell(t, `LIST "" "*"`); !strings.Contains(list, "shared/kim") {
		t.Errorf("the rights of ann have not come along:\n%s", list)
	}
}
