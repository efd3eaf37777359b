package folders

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestCollision: two folders that would land on one are an error that names
// both, before anything is written.
func TestCollision(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	target := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	a := source.Account("src")
	a.AddMessage("INBOX", nil, harness.Day(0), harness.Letter("inbox", "Hello\n"))
	a.AddMessage("a.b", nil, harness.Day(1), harness.Letter("one", "Hello\n"))
	src, dst := harness.Embedded(source, "src"), harness.Embedded(target, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0).Says("a.b", "a_b").Appended(2) // alone it goes under another name
	b.Sh(harness.Straight).Wants(0).Appended(0)

	a.AddMessage("a_b", nil, harness.Day(2), harness.Letter("two", "Hello\n"))
	other := harness.Between(t, src, harness.Embedded(target, "other"))
	for _, script := range []string{harness.Straight, harness.Offline, `imap-fetch $SRC | imap-push --unconditional $DST`} {
		other.Sh(script).Wants(64).Says("a.b", "a_b")
	}
	if boxes := harness.Embedded(target, "other").Folders(t); len(boxes) > 1 {
		t.Errorf("folders were made: %v", boxes)
	}
	if n := len(harness.Embedded(target, "other").Dump(t)); n > 0 {
		t.Errorf("%d messages arrived", n)
	}
}

// TestParentThatHoldsNothing: the destination has a level where the source has
// a folder with mail.
func TestParentThatHoldsNothing(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "src"), harness.Real(r, "dst")
	dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Lists/go-nuts"}}})
	for _, box := range dst.Folders(t) {
		if box.Path == "Lists" && box.Selectable() {
			t.Skip("SKIPPED: this server makes folders of parents")
		}
	}
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Lists", Messages: imaptest.Generate(1, 5)}, {Path: "Lists/go-nuts", Messages: imaptest.Generate(2, 5)}}})
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0).Appended(10)
	harness.Equal(t, src, dst)
	b.Sh(harness.Offline).Wants(0).Appended(0)
}

// TestDeepFolders: parents are made where the server does not make them.
func TestDeepFolders(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	for _, name := range []string{"a/b/c/d/e", "a/b", "x/y/z", "INBOX/sub/sub"} {
		source.Account("src").AddMessage(name, nil, harness.Day(0), harness.Letter(name, "Hello\n"))
	}
	src := harness.Embedded(source, "src")
	for name, dst := range map[string]harness.Account{
		"dovecot":      harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":        harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
		"cyrus, alone": harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			b := harness.Between(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(4)
			b.Sh(harness.Straight).Wants(0).Appended(0)
			harness.Same(t, src.Dump(t), dst.Dump(t))
		})
	}
}
