package compare

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestStoredElsewhere: a server that says that it has put a message into
// another folder than it was told. No UID of there is taken for one of here.
func TestStoredElsewhere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").AddMessage("Work", []string{`\Flagged`}, harness.Day(1), harness.Letter("moved", "text"))
	server.Account("dst").AddMessage("Work", nil, harness.Day(1), harness.Letter("other", "text"))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	proxy.Rewrite(imaptest.Replace(`\[APPENDUID \d+ \d+\]`, `[APPENDUID 77 1]`, 1))
	b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
	o := b.Sh(harness.PipelineOver([]string{"SRC", "DST", "SRC", "PROXY"})).Wants(0).Says(`"Work"`, "UIDVALIDITY 77")
	if strings.Contains(o.Stdout, `"target_uid":`) {
		t.Errorf("a receipt names a UID that is not known:\n%s", o.Stdout)
	}
	if flags := server.Account("dst").Messages("Work")[0].Flags; len(flags) > 0 {
		t.Errorf("another message was given the flags %v", flags)
	}
	b.Sh(harness.Straight).Wants(0).Appended(0)
}
