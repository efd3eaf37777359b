package deletion

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestReplace: a FILE that is there is replaced by another of its kind alone,
// and what is refused is refused before any connection, and stays.
func TestReplace(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for user, n := range map[string]int{"joe": 5, "jo": 1} {
		server.Account(user).Fill(harness.Mail(n))
	}
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(server, "jo")).With("NOBODY", "--tls none --host 127.0.0.1:1 --user joe")
	b.Sh(`imap-fetch $SRC -o mail && cp mail saved && imap-fetch $SRC -o mail`).Wants(0)
	b.Write("text", []byte("dear diary\n"))
	b.Write("json", []byte(`{"type":"diary"}`+"\n"))
	b.Sh(`: >empty; imap-fetch --headers $SRC -o headers; imap-diff $DST -o plan mail; imap-diff --report $DST -o report mail; imap-diff --report --format ndjson $DST -o ndjson mail; imap-diff --write-map map $DST mail`).Wants(0)
	b.Sh(`cp report report.was; cp map map.was; cp plan plan.was; cp headers headers.was`)
	for _, c := range []struct{ script, says string }{
		{`imap-fetch $DST -o mail`, "mail is there and is of joe at 127.0.0.1:"},
		{`imap-fetch $NOBODY -o mail`, "and this is of joe at 127.0.0.1:1"}, // no connection: else 69
		{`imap-fetch --headers $SRC -o mail`, "holds messages with bodies, and this is headers"},
		{`imap-fetch --hash $SRC -o mail`, "holds messages with bodies, and this is hashes"},
		{`imap-fetch --base saved $SRC -o mail`, "is no delta, and this is one"},
		{`imap-diff $DST -o mail saved`, "mail is there and holds messages with bodies, and this is a plan"},
		{`imap-fetch $SRC -o plan`, "holds a plan"},
		{`imap-fetch $NOBODY -o text`, "text is there and is no imap-stream"},
		{`imap-fetch $NOBODY -o json`, "json is there and is no imap-stream"},
		{`imap-fetch $NOBODY -o ndjson`, "ndjson is there and is no imap-stream"},
		{`imap-diff $SRC -o plan mail`, "plan is there and is a plan for jo at"},
		{`imap-fetch $DST -o jo && imap-diff $DST -o plan jo`, "plan is there and is of joe at"},
		{`imap-fetch --source jo -o mail`, "mail is there and is of joe at"},
		{`imap-fetch --source saved --headers -o mail`, "and this is headers"},
		{`imap-diff --report $DST -o mail saved`, "mail is there and is no report"},
		{`imap-diff --report $DST -o text mail`, "text is there and is no report"},
		{`imap-diff --write-map map $DST mail`, "map is there and may have been edited"},
		{`imap-diff --write-map mail $DST saved`, "mail is there"},
		{`imap-push --rejects mail $DST plan`, "mail is there and holds messages with bodies"},
		{`imap-push --rejects plan.was $DST plan`, "plan.was is there and holds a plan"},
		{`imap-diff --write-receipts mail $DST saved`, "--write-receipts mail holds a stream"},
		{`imap-list --trace mail $SRC`, "--trace mail holds a stream"},
		{`imap-list --trace headers $SRC`, "--trace headers holds a stream"},
	} {
		b.Sh(c.script).Wants(73).Says(c.says)
		b.Sh(`cmp mail saved && cmp plan plan.was && cmp map map.was && cmp report report.was && cmp headers headers.was && grep -q diary text`).Wants(0)
	}
	for _, script := range []string{
		`imap-fetch $SRC -o headers`, `imap-fetch $SRC -o empty`, `imap-diff $DST -o plan mail`, `imap-diff --report $DST -o report mail`,
		`imap-diff --report --format ndjson $DST -o ndjson mail`, `imap-diff --report --folders-only $DST -o report mail`, `imap-diff --report $DST -o report mail`,
		`imap-fetch --source saved -o mail`, `imap-diff --write-receipts receipts $DST mail >/dev/null && imap-diff --write-receipts receipts $DST mail >/dev/null`,
		`imap-list --trace trace $SRC && imap-list --trace trace $SRC`,
		`imap-fetch $DST --overwrite -o mail`, `imap-fetch $DST --overwrite -o text`, `imap-diff --write-map map --overwrite $DST saved`, `imap-fetch $SRC --level none -o - >text`,
	} {
		b.Sh(script).Wants(0)
	}
}

// TestSeveralSources: several --source are one archive, in their order; any
// other option that is given twice is refused.
func TestSeveralSources(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for user, n := range map[string]int{"joe": 5, "ann": 8} {
		server.Account(user).Fill(harness.Mail(n))
	}
	b := harness.NewShell(t).With("JOE", harness.Embedded(server, "joe").Options()).With("ANN", harness.Embedded(server, "ann").Options())
	b.Sh(`imap-fetch $JOE -o joe && imap-fetch $ANN -o ann && cat joe ann >both && : >empty && zstdcat joe >plain`).Wants(0)
	b.Sh(`imap-fetch --source joe --source ann --level none | cmp - <(imap-fetch --source both --level none)`)
	b.Sh(`imap-fetch --source joe --source ann --level none >a && imap-fetch --source both --level none >b && cmp a b`).Wants(0)
	b.Sh(`imap-list --source joe --source ann >a && imap-list --source both >b && cmp a b && imap-list --source ann --source joe --verify`).Wants(0)
	o := b.Sh(`imap-fetch --source both -o new`).Wants(0)
	o.Says("new: 13 messages,")
	b.Sh(`imap-fetch --source joe --source joe -o again`).Wants(0).Says("again: 10 messages,")
	b.Sh(`imap-fetch --source joe --source plain -o x`).Wants(64).Says("some are compressed and others are not")
	b.Sh(`imap-fetch --source joe --source nowhere -o x`).Wants(66)
	b.Sh(`imap-fetch --source joe --source empty -o x`).Wants(65)
	b.Sh(`cat ann | imap-fetch --source joe --source - -o x`).Wants(64).Says("stdin is no file, and one of several inputs")
	b.Sh(`imap-fetch --source joe --source new -o new`).Wants(64).Says("new is both input and output")
	for _, script := range []string{
		`imap-fetch $JOE $ANN`, `imap-list --host x $JOE`, `imap-fetch $JOE -o a -o b`, `imap-fetch $JOE --select a --select b`, `imap-fetch $JOE --base a --base b`,
		`imap-diff --format text --format text $JOE both`, `imap-push --rejects a --rejects b $JOE both`, `imap-fetch $JOE --level none --level none`,
	} {
		b.Sh(script).Wants(64).Says("is given twice")
	}
	b.Sh(`IMAP_HOST=wrong.example IMAP_USER=wrong imap-list $JOE >list`).Wants(0)
}
