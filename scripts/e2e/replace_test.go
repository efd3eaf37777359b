package e2e

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestReplace: a FILE that is there is replaced by another of its kind alone,
// and what is refused is refused before any connection, and stays.
func TestReplace(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for user, n := range map[string]int{"joe": 5, "jo": 1} {
		server.Account(user).Fill(mail(n))
	}
	b := between(t, embedded(server, "joe"), embedded(server, "jo")).with("NOBODY", "--tls none --host 127.0.0.1:1 --user joe")
	b.sh(`imap-fetch $SRC -o mail && cp mail saved && imap-fetch $SRC -o mail`).wants(0)
	b.write("text", []byte("dear diary\n"))
	b.write("json", []byte(`{"type":"diary"}`+"\n"))
	b.sh(`: >empty; imap-fetch --headers $SRC -o headers; imap-diff $DST -o plan mail; imap-diff --report $DST -o report mail; imap-diff --report --format ndjson $DST -o ndjson mail; imap-diff --write-map map $DST mail`).wants(0)
	b.sh(`cp report report.was; cp map map.was; cp plan plan.was; cp headers headers.was`)
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
		b.sh(c.script).wants(73).says(c.says)
		b.sh(`cmp mail saved && cmp plan plan.was && cmp map map.was && cmp report report.was && cmp headers headers.was && grep -q diary text`).wants(0)
	}
	for _, script := range []string{
		`imap-fetch $SRC -o headers`, `imap-fetch $SRC -o empty`, `imap-diff $DST -o plan mail`, `imap-diff --report $DST -o report mail`,
		`imap-diff --report --format ndjson $DST -o ndjson mail`, `imap-diff --report --folders-only $DST -o report mail`, `imap-diff --report $DST -o report mail`,
		`imap-fetch --source saved -o mail`, `imap-diff --write-receipts receipts $DST mail >/dev/null && imap-diff --write-receipts receipts $DST mail >/dev/null`,
		`imap-list --trace trace $SRC && imap-list --trace trace $SRC`,
		`imap-fetch $DST --overwrite -o mail`, `imap-fetch $DST --overwrite -o text`, `imap-diff --write-map map --overwrite $DST saved`, `imap-fetch $SRC --level none -o - >text`,
	} {
		b.sh(script).wants(0)
	}
}

// TestSeveralSources: several --source are one archive, in their order; any
// other option that is given twice is refused.
func TestSeveralSources(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for user, n := range map[string]int{"joe": 5, "ann": 8} {
		server.Account(user).Fill(mail(n))
	}
	b := newBench(t).with("JOE", embedded(server, "joe").options()).with("ANN", embedded(server, "ann").options())
	b.sh(`imap-fetch $JOE -o joe && imap-fetch $ANN -o ann && cat joe ann >both && : >empty && zstdcat joe >plain`).wants(0)
	b.sh(`imap-fetch --source joe --source ann --level none | cmp - <(imap-fetch --source both --level none)`)
	b.sh(`imap-fetch --source joe --source ann --level none >a && imap-fetch --source both --level none >b && cmp a b`).wants(0)
	b.sh(`imap-list --source joe --source ann >a && imap-list --source both >b && cmp a b && imap-list --source ann --source joe --verify`).wants(0)
	o := b.sh(`imap-fetch --source both -o new`).wants(0)
	o.says("new: 13 messages,")
	b.sh(`imap-fetch --source joe --source joe -o again`).wants(0).says("again: 10 messages,")
	b.sh(`imap-fetch --source joe --source plain -o x`).wants(64).says("some are compressed and others are not")
	b.sh(`imap-fetch --source joe --source nowhere -o x`).wants(66)
	b.sh(`imap-fetch --source joe --source empty -o x`).wants(65)
	b.sh(`cat ann | imap-fetch --source joe --source - -o x`).wants(64).says("stdin is no file, and one of several inputs")
	b.sh(`imap-fetch --source joe --source new -o new`).wants(64).says("new is both input and output")
	for _, script := range []string{
		`imap-fetch $JOE $ANN`, `imap-list --host x $JOE`, `imap-fetch $JOE -o a -o b`, `imap-fetch $JOE --select a --select b`, `imap-fetch $JOE --base a --base b`,
		`imap-diff --format text --format text $JOE both`, `imap-push --rejects a --rejects b $JOE both`, `imap-fetch $JOE --level none --level none`,
	} {
		b.sh(script).wants(64).says("is given twice")
	}
	b.sh(`IMAP_HOST=wrong.example IMAP_USER=wrong imap-list $JOE >list`).wants(0)
}
