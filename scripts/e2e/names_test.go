package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestCollision: two folders that would land on one are an error that names
// both, before anything is written.
func TestCollision(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	target := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	a := source.Account("src")
	a.AddMessage("INBOX", nil, day(0), letter("inbox", "Hello\n"))
	a.AddMessage("a.b", nil, day(1), letter("one", "Hello\n"))
	src, dst := embedded(source, "src"), embedded(target, "dst")
	b := between(t, src, dst)
	b.sh(straight).wants(0).says("a.b", "a_b").appended(2) // alone it goes under another name
	b.sh(straight).wants(0).appended(0)

	a.AddMessage("a_b", nil, day(2), letter("two", "Hello\n"))
	other := between(t, src, embedded(target, "other"))
	for _, script := range []string{straight, offline, `imap-fetch $SRC | imap-push --unconditional $DST`} {
		other.sh(script).wants(64).says("a.b", "a_b")
	}
	if boxes := embedded(target, "other").folders(t); len(boxes) > 1 {
		t.Errorf("folders were made: %v", boxes)
	}
	if n := len(embedded(target, "other").dump(t)); n > 0 {
		t.Errorf("%d messages arrived", n)
	}
}

// TestParentThatHoldsNothing: the destination has a level where the source has
// a folder with mail.
func TestParentThatHoldsNothing(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(r, "src"), real(r, "dst")
	dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Lists/go-nuts"}}})
	for _, box := range dst.folders(t) {
		if box.Path == "Lists" && box.Selectable() {
			t.Skip("SKIPPED: this server makes folders of parents")
		}
	}
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Lists", Messages: imaptest.Generate(1, 5)}, {Path: "Lists/go-nuts", Messages: imaptest.Generate(2, 5)}}})
	b := between(t, src, dst)
	b.sh(straight).wants(0).appended(10)
	equal(t, src, dst)
	b.sh(offline).wants(0).appended(0)
}

// TestDeepFolders: parents are made where the server does not make them.
func TestDeepFolders(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	for _, name := range []string{"a/b/c/d/e", "a/b", "x/y/z", "INBOX/sub/sub"} {
		source.Account("src").AddMessage(name, nil, day(0), letter(name, "Hello\n"))
	}
	src := embedded(source, "src")
	for name, dst := range map[string]account{
		"dovecot":      real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":        real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
		"cyrus, alone": real(imaptest.StartCyrus(t, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			b := between(t, src, dst)
			b.sh(straight).wants(0).appended(4)
			b.sh(straight).wants(0).appended(0)
			same(t, src.dump(t), dst.dump(t))
		})
	}
}
