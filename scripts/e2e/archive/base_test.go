package archive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestBase: an account lives on, and after each round the full export with the
// deltas behind it restores to what the account is then. The base of a delta is
// the delta before it alone, or all that there is.
func TestBase(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		h := harness.NewHistory(t, src)
		h.Begin()
		b := harness.NewShell(t).With("SRC", src.Options())
		b.Sh(`imap-fetch $SRC -o 0.zst && cp 0.zst all.zst`).Wants(0)
		for round := range harness.Rounds(4, len(harness.Restored)) {
			var did []string
			for range 1 + h.Rnd.IntN(8) {
				did = append(did, h.Step())
			}
			base := []string{fmt.Sprintf("%d.zst", round), "all.zst"}[h.Rnd.IntN(2)]
			b.Sh(fmt.Sprintf(`imap-fetch --base %s $SRC -o %d.zst && cat %d.zst >>all.zst`, base, round+1, round+1)).Wants(0)
			h.Check(b, harness.Account{Addr: src.Addr, User: harness.Restored[round]})
			if t.Failed() {
				t.Fatalf("round %d, base %s:\n%s", round+1, base, strings.Join(did, "\n"))
			}
		}
		b.Sh(`imap-fetch --base all.zst $SRC -o again.zst && cat again.zst >>all.zst && imap-list --source all.zst --verify`).Wants(0)
		for _, kind := range []string{"message", "expunged", "folder-expunged", "failed"} {
			if n := len(b.Rows("again.zst").Of(kind)); n > 0 {
				t.Errorf("%d %s records where nothing is new", n, kind)
			}
		}
		h.Check(b, harness.Account{Addr: src.Addr, User: harness.Restored[len(harness.Restored)-1]})
	})
}

// TestBasePresync: the mail is moved days before, and a delta brings what came
// since: copies beside their originals too, which a delta alone must count with
// them. The second run with the same base moves nothing.
func TestBasePresync(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		for name, p := range map[string][2]string{
			"bodies":  {`imap-fetch $SRC -o pre.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`, `imap-fetch --base pre.zst $SRC | imap-diff $DST | imap-push $DST`},
			"headers": {`imap-fetch --headers $SRC -o pre.zst && imap-diff $DST pre.zst | imap-fetch --select - $SRC | imap-push $DST >receipts`, `imap-fetch --headers --base pre.zst $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`},
		} {
			dst := harness.Account{Addr: src.Addr, User: map[string]string{"bodies": harness.Restored[0], "headers": harness.Restored[1]}[name]}
			b := harness.NewShell(t).With("SRC", src.Options()).With("DST", dst.Options())
			h := harness.NewHistory(t, src)
			h.Names = 100 * len(name)
			h.Begin()
			b.Sh(p[0]).Wants(0)
			for range 12 {
				h.Step()
			}
			src.Tell(t, `SELECT INBOX`, `UID COPY * INBOX`)
			b.Sh(p[1]).Wants(0)
			b.Sh(p[1]).Wants(0).Appended(0)
			b.Sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST >report`).Wants(0)
		}
	})
}

// TestBaseContinues: a delta that was cut goes on where it was.
func TestBaseContinues(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		h := harness.NewHistory(t, src)
		h.Begin()
		b := harness.NewShell(t).With("SRC", src.Options())
		b.Sh(`imap-fetch $SRC -o 0.zst`).Wants(0)
		h.Fill("INBOX", 40)
		for range 6 {
			h.Step()
		}
		const line = `imap-fetch --base 0.zst --max-bytes 30000 $SRC -o 1.zst`
		n := 0
		for b.Sh(line).Exit == 75 {
			if n++; n > 60 {
				t.Fatal("it never ends")
			}
		}
		if n == 0 {
			t.Error("it was not cut")
		}
		b.Sh(`cat 0.zst 1.zst >all.zst`).Wants(0)
		h.Check(b, harness.Account{Addr: src.Addr, User: harness.Restored[0]})
	})
}

// TestBaseOnAPipe: a pipe that brings files is as good as a file, for each
// command. Where a file cannot be told, the delta is refused.
func TestBaseOnAPipe(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Embedded(server, "joe"), harness.Embedded(server, "dst")
	h := harness.NewHistory(t, src)
	h.Begin()
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch $SRC -o 0.zst`).Wants(0)
	for range 10 {
		h.Step()
	}
	b.Sh(`imap-fetch --base 0.zst $SRC -o 1.zst && cat 0.zst 1.zst >all.zst && imap-fetch $SRC -o now.zst`).Wants(0)
	b.Sh(`cat 0.zst 1.zst | imap-diff $DST | imap-push $DST`).Wants(0)
	harness.Same(t, src.Dump(t), dst.Dump(t))
	b.Sh(`cat 0.zst 1.zst | imap-diff --report --equal - now.zst >report && cat 0.zst 1.zst | imap-diff --report --equal now.zst - >report`).Wants(0)
	b.Sh(`cat 0.zst 1.zst | imap-list --source - --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).Wants(0)
	b.Sh(`cat 0.zst 1.zst | imap-fetch --source - --level none >piped; imap-fetch --source all.zst --level none | cmp - piped`).Wants(0)
	b.Sh(`cat 0.zst 1.zst | imap-fetch --source - --headers | imap-diff --report --equal - now.zst >report`).Wants(0)
	b.Sh(`imap-diff $DST all.zst >plan && zstdcat plan | grep -c '"type":"message"' | grep -qx 0`).Wants(0)

	b.Sh(`zstdcat 0.zst 1.zst | imap-diff $DST | imap-push $DST`).Wants(0).Appended(0)
	b.Sh(`zstdcat 0.zst 1.zst | imap-diff --report --equal - now.zst >report`).Wants(0)
	b.Sh(`zstdcat 0.zst 1.zst | imap-list --source - --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).Wants(0)
	const live = `(imap-fetch --source 0.zst; cat 1.zst)`
	b.Sh(live + ` | imap-diff $DST | imap-push $DST`).Wants(64).Says("a delta stands behind")
	b.Sh(live + ` | imap-list --source - >out`).Wants(64).Says("FILE")
	b.Sh(`zstdcat 0.zst 1.zst >plain && imap-list --source plain --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).Wants(0)
	b.Sh(`zstdcat 0.zst 1.zst | imap-fetch --source - -o passed.zst && imap-diff --report --equal passed.zst now.zst >report`).Wants(0)
	b.Sh(`cat all.zst | imap-list --source - --verify`).Wants(0)
}

// TestBaseRefused: what is no base, no place for one, or no whole chain.
func TestBaseRefused(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Embedded(server, "joe")
	h := harness.NewHistory(t, src)
	h.Begin()
	b := harness.Between(t, src, harness.Embedded(server, "ann"))
	b.Sh(`imap-fetch $SRC -o 0.zst && imap-fetch --headers $SRC -o h.zst`).Wants(0)
	h.Fill("INBOX", 3)
	b.Sh(`imap-fetch --base 0.zst $SRC -o 1.zst`).Wants(0)
	h.Fill("INBOX", 2)
	b.Sh(`imap-fetch --base 1.zst $SRC -o 2.zst`).Wants(0)

	b.Sh(`imap-fetch --base 0.zst $DST -o x.zst; code=$?; test ! -e x.zst.partial; exit $code`).Wants(64).Says("joe", "ann")
	b.Sh(`imap-fetch --base 0.zst --source 0.zst -o x.zst`).Wants(64).Says("--source")
	b.Sh(`imap-list $SRC | imap-fetch --base 0.zst --select - $SRC -o x.zst`).Wants(64).Says("--select")
	b.Sh(`imap-fetch --base 0.zst --key ALL $SRC -o x.zst`).Wants(64).Says("--key")
	b.Sh(`imap-fetch --base nowhere.zst $SRC -o x.zst`).Wants(66)
	b.Sh(`head -c 3000 0.zst >cut.zst; imap-fetch --base cut.zst $SRC -o x.zst`).Wants(65).Says("--base cut.zst")
	b.Sh(`zstdcat 0.zst | grep -v '"uid":3,' >edited; imap-fetch --base edited $SRC -o x.zst`).Wants(65).Says("--edited")
	b.Sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-fetch --base - $SRC -o x.zst`).Wants(65)
	b.Sh(`imap-diff $DST 0.zst | imap-fetch --base - $SRC -o x.zst`).Wants(64).Says("plan")
	b.Sh(`imap-fetch --base edited --edited $SRC -o x.zst && zstdcat x.zst | grep -q '"uid":3,'`).Wants(0)
	b.Sh(`cat 0.zst | imap-fetch --base - $SRC -o y.zst && imap-fetch --base 0.zst $SRC | cmp - y.zst || zstdcat y.zst >y; imap-fetch --base 0.zst --level none $SRC | cmp - y`).Wants(0)
	b.Sh(`imap-fetch --headers --base h.zst $SRC -o hd.zst && cat h.zst hd.zst >hall.zst && imap-fetch --headers $SRC -o hnow.zst && imap-diff --report --equal hall.zst hnow.zst >report`).Wants(0)

	for _, script := range []string{`imap-diff $DST gap.zst >out`, `imap-list --source gap.zst >out`, `imap-fetch --source gap.zst >out`, `imap-list --source gap.zst --verify >out`, `imap-fetch --base gap.zst $SRC >out`} {
		b.Sh(`cat 0.zst 2.zst >gap.zst; ` + script).Wants(65)
	}
	b.Sh(`cat 0.zst 1.zst 2.zst | imap-push --unconditional $DST >out`).Wants(64).Says("imap-diff")
}

// TestBaseFlags: flags that have changed since are carried over by a delta
// alone, from a pipe and from a file, and with the base before it.
func TestBaseFlags(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		for i, p := range []string{
			`imap-fetch --base pre.zst $SRC -o d.zst && imap-diff --sync-flags exact $DST d.zst | imap-push $DST >receipts`,
			`imap-fetch --headers --base pre.zst $SRC | imap-diff --sync-flags exact $DST | imap-fetch --select - $SRC | imap-push $DST >receipts`,
			`imap-fetch --base pre.zst $SRC -o d.zst && cat pre.zst d.zst >all.zst && imap-diff --sync-flags exact $DST all.zst | imap-push $DST >receipts`,
		} {
			dst := harness.Account{Addr: src.Addr, User: harness.Restored[i]}
			b := harness.NewShell(t).With("SRC", src.Options()).With("DST", dst.Options())
			h := harness.NewHistory(t, src)
			h.Names = 100 * i
			h.Fill("INBOX", 20)
			b.Sh(`imap-fetch $SRC -o pre.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`).Wants(0)
			src.Tell(t, "SELECT INBOX", `UID STORE 2:6 +FLAGS.SILENT (\Flagged Later)`, `UID STORE 5:9 -FLAGS.SILENT (\Seen)`)
			h.Fill("INBOX", 3)
			b.Sh(p).Wants(0)
			harness.Same(t, src.Dump(t), dst.Dump(t))
		}
	})
}

// TestBaseLacks: the destination has lost a message whose flags have changed,
// and a delta with bodies has not that one's.
func TestBaseLacks(t *testing.T) {
	t.Parallel()
	harness.OnEachServer(t, func(t *testing.T, src harness.Account) {
		dst := harness.Account{Addr: src.Addr, User: harness.Restored[0]}
		b := harness.NewShell(t).With("SRC", src.Options()).With("DST", dst.Options())
		h := harness.NewHistory(t, src)
		h.Fill("INBOX", 9)
		b.Sh(`imap-fetch $SRC -o pre.zst && imap-fetch --hash $SRC -o hash.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`).Wants(0)
		src.Tell(t, "SELECT INBOX", `UID STORE 4 +FLAGS.SILENT (\Flagged)`)
		dst.Tell(t, "SELECT INBOX", `STORE 4 +FLAGS.SILENT (\Deleted)`, "EXPUNGE")
		b.Sh(`imap-fetch --base pre.zst $SRC -o d.zst; imap-diff $DST d.zst | imap-push $DST >receipts`).Wants(3).Says("in-base")
		if got := len(dst.Dump(t)); got != 8 {
			t.Errorf("%d messages", got)
		}
		b.Sh(`cat pre.zst d.zst >all.zst; imap-diff $DST all.zst | imap-push $DST`).Wants(0).Appended(1)
		harness.Same(t, src.Dump(t), dst.Dump(t))
		for _, content := range []string{"--headers", "--hash"} {
			dst.Tell(t, "SELECT INBOX", `STORE 9 +FLAGS.SILENT (\Deleted)`, "EXPUNGE") // it came last
			b.Sh(`imap-fetch ` + content + ` --base hash.zst $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(0).Appended(1)
			harness.Same(t, src.Dump(t), dst.Dump(t))
		}
	})
}
