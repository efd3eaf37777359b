package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestBase: an account lives on, and after each round the full export with the
// deltas behind it restores to what the account is then. The base of a delta is
// the delta before it alone, or all that there is.
func TestBase(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		h := newHistory(t, src)
		h.begin()
		b := newBench(t).with("SRC", src.options())
		b.sh(`imap-fetch $SRC -o 0.zst && cp 0.zst all.zst`).wants(0)
		for round := range rounds(4, len(restored)) {
			var did []string
			for range 1 + h.rnd.IntN(8) {
				did = append(did, h.step())
			}
			base := []string{fmt.Sprintf("%d.zst", round), "all.zst"}[h.rnd.IntN(2)]
			b.sh(fmt.Sprintf(`imap-fetch --base %s $SRC -o %d.zst && cat %d.zst >>all.zst`, base, round+1, round+1)).wants(0)
			h.check(b, account{src.addr, restored[round]})
			if t.Failed() {
				t.Fatalf("round %d, base %s:\n%s", round+1, base, strings.Join(did, "\n"))
			}
		}
		b.sh(`imap-fetch --base all.zst $SRC -o again.zst && cat again.zst >>all.zst && imap-list --source all.zst --verify`).wants(0)
		for _, kind := range []string{"message", "expunged", "folder-expunged", "failed"} {
			if n := len(b.rows("again.zst").of(kind)); n > 0 {
				t.Errorf("%d %s records where nothing is new", n, kind)
			}
		}
		h.check(b, account{src.addr, restored[len(restored)-1]})
	})
}

// TestBasePresync: the mail is moved days before, and a delta brings what came
// since: copies beside their originals too, which a delta alone must count with
// them. The second run with the same base moves nothing.
func TestBasePresync(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		for name, p := range map[string][2]string{
			"bodies":  {`imap-fetch $SRC -o pre.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`, `imap-fetch --base pre.zst $SRC | imap-diff $DST | imap-push $DST`},
			"headers": {`imap-fetch --headers $SRC -o pre.zst && imap-diff $DST pre.zst | imap-fetch --select - $SRC | imap-push $DST >receipts`, `imap-fetch --headers --base pre.zst $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`},
		} {
			dst := account{src.addr, map[string]string{"bodies": restored[0], "headers": restored[1]}[name]}
			b := newBench(t).with("SRC", src.options()).with("DST", dst.options())
			h := newHistory(t, src)
			h.names = 100 * len(name)
			h.begin()
			b.sh(p[0]).wants(0)
			for range 12 {
				h.step()
			}
			src.tell(t, `SELECT INBOX`, `UID COPY * INBOX`)
			b.sh(p[1]).wants(0)
			b.sh(p[1]).wants(0).appended(0)
			b.sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST >report`).wants(0)
		}
	})
}

// TestBaseContinues: a delta that was cut goes on where it was.
func TestBaseContinues(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		h := newHistory(t, src)
		h.begin()
		b := newBench(t).with("SRC", src.options())
		b.sh(`imap-fetch $SRC -o 0.zst`).wants(0)
		h.fill("INBOX", 40)
		for range 6 {
			h.step()
		}
		const line = `imap-fetch --base 0.zst --max-bytes 30000 $SRC -o 1.zst`
		n := 0
		for b.sh(line).exit == 75 {
			if n++; n > 60 {
				t.Fatal("it never ends")
			}
		}
		if n == 0 {
			t.Error("it was not cut")
		}
		b.sh(`cat 0.zst 1.zst >all.zst`).wants(0)
		h.check(b, account{src.addr, restored[0]})
	})
}

// TestBaseOnAPipe: a pipe that brings files is as good as a file, for each
// command. Where a file cannot be told, the delta is refused.
func TestBaseOnAPipe(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := embedded(server, "joe"), embedded(server, "dst")
	h := newHistory(t, src)
	h.begin()
	b := between(t, src, dst)
	b.sh(`imap-fetch $SRC -o 0.zst`).wants(0)
	for range 10 {
		h.step()
	}
	b.sh(`imap-fetch --base 0.zst $SRC -o 1.zst && cat 0.zst 1.zst >all.zst && imap-fetch $SRC -o now.zst`).wants(0)
	b.sh(`cat 0.zst 1.zst | imap-diff $DST | imap-push $DST`).wants(0)
	same(t, src.dump(t), dst.dump(t))
	b.sh(`cat 0.zst 1.zst | imap-diff --report --equal - now.zst >report && cat 0.zst 1.zst | imap-diff --report --equal now.zst - >report`).wants(0)
	b.sh(`cat 0.zst 1.zst | imap-list --source - --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).wants(0)
	b.sh(`cat 0.zst 1.zst | imap-fetch --source - --level none >piped; imap-fetch --source all.zst --level none | cmp - piped`).wants(0)
	b.sh(`cat 0.zst 1.zst | imap-fetch --source - --headers | imap-diff --report --equal - now.zst >report`).wants(0)
	b.sh(`imap-diff $DST all.zst >plan && zstdcat plan | grep -c '"type":"message"' | grep -qx 0`).wants(0)

	b.sh(`zstdcat 0.zst 1.zst | imap-diff $DST | imap-push $DST`).wants(0).appended(0)
	b.sh(`zstdcat 0.zst 1.zst | imap-diff --report --equal - now.zst >report`).wants(0)
	b.sh(`zstdcat 0.zst 1.zst | imap-list --source - --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).wants(0)
	const live = `(imap-fetch --source 0.zst; cat 1.zst)`
	b.sh(live + ` | imap-diff $DST | imap-push $DST`).wants(64).says("a delta stands behind")
	b.sh(live + ` | imap-list --source - >out`).wants(64).says("FILE")
	b.sh(`zstdcat 0.zst 1.zst >plain && imap-list --source plain --format ndjson >piped; imap-list --source all.zst --format ndjson | cmp - piped`).wants(0)
	b.sh(`zstdcat 0.zst 1.zst | imap-fetch --source - -o passed.zst && imap-diff --report --equal passed.zst now.zst >report`).wants(0)
	b.sh(`cat all.zst | imap-list --source - --verify`).wants(0)
}

// TestBaseRefused: what is no base, no place for one, or no whole chain.
func TestBaseRefused(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := embedded(server, "joe")
	h := newHistory(t, src)
	h.begin()
	b := between(t, src, embedded(server, "ann"))
	b.sh(`imap-fetch $SRC -o 0.zst && imap-fetch --headers $SRC -o h.zst`).wants(0)
	h.fill("INBOX", 3)
	b.sh(`imap-fetch --base 0.zst $SRC -o 1.zst`).wants(0)
	h.fill("INBOX", 2)
	b.sh(`imap-fetch --base 1.zst $SRC -o 2.zst`).wants(0)

	b.sh(`imap-fetch --base 0.zst $DST -o x.zst; code=$?; test ! -e x.zst.partial; exit $code`).wants(64).says("joe", "ann")
	b.sh(`imap-fetch --base 0.zst --source 0.zst -o x.zst`).wants(64).says("--source")
	b.sh(`imap-list $SRC | imap-fetch --base 0.zst --select - $SRC -o x.zst`).wants(64).says("--select")
	b.sh(`imap-fetch --base 0.zst --key ALL $SRC -o x.zst`).wants(64).says("--key")
	b.sh(`imap-fetch --base nowhere.zst $SRC -o x.zst`).wants(66)
	b.sh(`head -c 3000 0.zst >cut.zst; imap-fetch --base cut.zst $SRC -o x.zst`).wants(65).says("--base cut.zst")
	b.sh(`zstdcat 0.zst | grep -v '"uid":3,' >edited; imap-fetch --base edited $SRC -o x.zst`).wants(65).says("--edited")
	b.sh(`IMAP_PASSWORD=wrong imap-fetch $SRC | imap-fetch --base - $SRC -o x.zst`).wants(65)
	b.sh(`imap-diff $DST 0.zst | imap-fetch --base - $SRC -o x.zst`).wants(64).says("plan")
	b.sh(`imap-fetch --base edited --edited $SRC -o x.zst && zstdcat x.zst | grep -q '"uid":3,'`).wants(0)
	b.sh(`cat 0.zst | imap-fetch --base - $SRC -o y.zst && imap-fetch --base 0.zst $SRC | cmp - y.zst || zstdcat y.zst >y; imap-fetch --base 0.zst --level none $SRC | cmp - y`).wants(0)
	b.sh(`imap-fetch --headers --base h.zst $SRC -o hd.zst && cat h.zst hd.zst >hall.zst && imap-fetch --headers $SRC -o hnow.zst && imap-diff --report --equal hall.zst hnow.zst >report`).wants(0)

	for _, script := range []string{`imap-diff $DST gap.zst >out`, `imap-list --source gap.zst >out`, `imap-fetch --source gap.zst >out`, `imap-list --source gap.zst --verify >out`, `imap-fetch --base gap.zst $SRC >out`} {
		b.sh(`cat 0.zst 2.zst >gap.zst; ` + script).wants(65)
	}
	b.sh(`cat 0.zst 1.zst 2.zst | imap-push --unconditional $DST >out`).wants(64).says("imap-diff")
}

// TestBaseFlags: flags that have changed since are carried over by a delta
// alone, from a pipe and from a file, and with the base before it.
func TestBaseFlags(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		for i, p := range []string{
			`imap-fetch --base pre.zst $SRC -o d.zst && imap-diff --sync-flags exact $DST d.zst | imap-push $DST >receipts`,
			`imap-fetch --headers --base pre.zst $SRC | imap-diff --sync-flags exact $DST | imap-fetch --select - $SRC | imap-push $DST >receipts`,
			`imap-fetch --base pre.zst $SRC -o d.zst && cat pre.zst d.zst >all.zst && imap-diff --sync-flags exact $DST all.zst | imap-push $DST >receipts`,
		} {
			dst := account{src.addr, restored[i]}
			b := newBench(t).with("SRC", src.options()).with("DST", dst.options())
			h := newHistory(t, src)
			h.names = 100 * i
			h.fill("INBOX", 20)
			b.sh(`imap-fetch $SRC -o pre.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`).wants(0)
			src.tell(t, "SELECT INBOX", `UID STORE 2:6 +FLAGS.SILENT (\Flagged Later)`, `UID STORE 5:9 -FLAGS.SILENT (\Seen)`)
			h.fill("INBOX", 3)
			b.sh(p).wants(0)
			same(t, src.dump(t), dst.dump(t))
		}
	})
}

// TestBaseLacks: the destination has lost a message whose flags have changed,
// and a delta with bodies has not that one's.
func TestBaseLacks(t *testing.T) {
	t.Parallel()
	historians(t, func(t *testing.T, src account) {
		dst := account{src.addr, restored[0]}
		b := newBench(t).with("SRC", src.options()).with("DST", dst.options())
		h := newHistory(t, src)
		h.fill("INBOX", 9)
		b.sh(`imap-fetch $SRC -o pre.zst && imap-fetch --hash $SRC -o hash.zst && imap-diff $DST pre.zst | imap-push $DST >receipts`).wants(0)
		src.tell(t, "SELECT INBOX", `UID STORE 4 +FLAGS.SILENT (\Flagged)`)
		dst.tell(t, "SELECT INBOX", `STORE 4 +FLAGS.SILENT (\Deleted)`, "EXPUNGE")
		b.sh(`imap-fetch --base pre.zst $SRC -o d.zst; imap-diff $DST d.zst | imap-push $DST >receipts`).wants(3).says("in-base")
		if got := len(dst.dump(t)); got != 8 {
			t.Errorf("%d messages", got)
		}
		b.sh(`cat pre.zst d.zst >all.zst; imap-diff $DST all.zst | imap-push $DST`).wants(0).appended(1)
		same(t, src.dump(t), dst.dump(t))
		for _, content := range []string{"--headers", "--hash"} {
			dst.tell(t, "SELECT INBOX", `STORE 9 +FLAGS.SILENT (\Deleted)`, "EXPUNGE") // it came last
			b.sh(`imap-fetch ` + content + ` --base hash.zst $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).wants(0).appended(1)
			same(t, src.dump(t), dst.dump(t))
		}
	})
}
