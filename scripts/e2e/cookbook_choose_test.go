package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// scriptBlock is an indented block that begins with a command.
var scriptBlock = regexp.MustCompile(`(?m)^    (?:imap-|for |jq )(?:.*\n)(?:    .*\n)*`)

// TestCookbookChooseFolders runs the recipes as they stand in the book.
func TestCookbookChooseFolders(t *testing.T) {
	t.Parallel()
	book, err := os.ReadFile(filepath.Join("..", "..", "docs", "cookbook", "choose-folders.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := dovecotWithACL(t)
	src, dst := real(r, "joe"), real(r, "kim")
	spec := imaptest.Spec{}
	for i, path := range []string{"INBOX", "Sent Items", "Projects/a", "Projects/old", "Projects2", "Public/x", "Junk", "Lists/go", "Lists/nuts", "Archive/2019"} {
		spec.Folders = append(spec.Folders, imaptest.Folder{Path: path, Subscribed: i%2 == 0, Messages: imaptest.Generate(uint64(i+1), 2)})
	}
	src.fill(t, spec)
	src.tell(t, `SETACL INBOX ann@old.example lrs`)
	b := newBench(t).with("OLD", src.options()).with("NEW", dst.options())
	blocks := scriptBlock.FindAllString(string(book), -1)
	if len(blocks) < 20 {
		t.Fatalf("%d recipes", len(blocks))
	}
	// What the book chooses is not in every account.
	idle := regexp.MustCompile(`(?m)^.*warning: .*(matches no folder|the server lists no such folder).*\n`)
	for _, block := range blocks {
		o := b.sh("set -e\n" + block)
		if o.exit != 0 || strings.Contains(idle.ReplaceAllString(o.stderr, ""), "warning: ") {
			t.Errorf("%s\n%s", o, limit(o.stdout, 500))
		}
	}
	same(t, src.dump(t), dst.dump(t))
	ann := real(r, "ann")
	if list := ann.tell(t, `LIST "" "*"`); !strings.Contains(list, "shared/kim") {
		t.Errorf("the rights of ann have not come along:\n%s", list)
	}
}
