package e2e

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestStoredElsewhere: a server that says that it has put a message into
// another folder than it was told. No UID of there is taken for one of here.
func TestStoredElsewhere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").AddMessage("Work", []string{`\Flagged`}, day(1), letter("moved", "text"))
	server.Account("dst").AddMessage("Work", nil, day(1), letter("other", "text"))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	proxy.Rewrite(imaptest.Replace(`\[APPENDUID \d+ \d+\]`, `[APPENDUID 77 1]`, 1))
	b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
	o := b.sh(script([]string{"SRC", "DST", "SRC", "PROXY"})).wants(0).says(`"Work"`, "UIDVALIDITY 77")
	if strings.Contains(o.stdout, `"target_uid":`) {
		t.Errorf("a receipt names a UID that is not known:\n%s", o.stdout)
	}
	if flags := server.Account("dst").Messages("Work")[0].Flags; len(flags) > 0 {
		t.Errorf("another message was given the flags %v", flags)
	}
	b.sh(straight).wants(0).appended(0)
}
