package e2e

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestSameStateSameFile: one state of an account, one file.
func TestSameStateSameFile(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(withUgly(mail(300)))
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.sh(`imap-fetch $SRC -o one && imap-fetch $SRC -o two && cmp one two`).wants(0)
	b.sh(`GOMAXPROCS=1 imap-fetch $SRC -o three && cmp one three`).wants(0)
	b.sh(`imap-fetch $SRC --level none -o plain && imap-fetch $SRC --level none | cmp - plain`).wants(0)
	if _, err := exec.LookPath("zstd"); err == nil {
		b.sh(`zstd -dc <one | cmp - plain && zstd -tq <one`).wants(0)
		b.sh(`imap-fetch $SRC | zstd -dc | cmp - plain`).wants(0)
	}
}

// TestOffsetsAreKept: an arrival date comes with the zone that it had.
func TestOffsetsAreKept(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(mail(100))
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	b.sh(straight).wants(0)
	b.sh(`imap-fetch --headers --level none $SRC -o src && imap-fetch --headers --level none $DST -o dst`).wants(0)
	dates := func(name string) (out []string) {
		for _, r := range b.records(name) {
			out = append(out, r.Folder+" "+r.InternalDate+" "+strings.Join(r.Flags, " "))
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(dates("src"), dates("dst")) {
		t.Error("the dates or flags are others")
	}
	if !slices.ContainsFunc(dates("src"), func(s string) bool { return strings.Contains(s, "+05:30") }) {
		t.Error("no zone of half an hour among them")
	}
}

// TestBodiesInTheStream holds each body, as another program would read it,
// against what the source serves.
func TestBodiesInTheStream(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(withUgly(mail(20)))
	b := newBench(t).with("SRC", embedded(server, "src").options())
	b.sh(`imap-fetch --level none $SRC -o src`).wants(0)
	want := map[string]int{}
	for _, e := range server.Account("src").Entries() {
		if e.Size <= 1<<20 {
			want[e.SHA256]++
		}
	}
	for _, r := range b.records("src") {
		var octets []byte
		switch {
		case r.Body != nil:
			octets = []byte(*r.Body)
		case r.BodyBase64 != nil:
			var err error
			if octets, err = base64.StdEncoding.DecodeString(*r.BodyBase64); err != nil {
				t.Error(err)
			}
		default:
			continue // it has parts
		}
		if sum := imaptest.Sum(octets); sum != r.SHA256 {
			t.Errorf("a body of %d octets has another sha256 than its record says", len(octets))
		}
		want[r.SHA256]--
	}
	for sum, n := range want {
		if n != 0 {
			t.Errorf("%s: %+d", sum, n)
		}
	}
}

// TestReceiptsNameTheRightMessage follows each receipt to the destination.
func TestReceiptsNameTheRightMessage(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src := real(r, "src")
	src.fill(t, imaptest.Spread(imaptest.Generate(12, 500)))
	for name, start := range some(t, 1, joeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			o := between(t, src, dst).sh(straight).wants(0)
			type place struct {
				folder string
				uid    uint64
			}
			sums := func(a account) map[place]string {
				m := map[place]string{}
				for _, e := range a.dump(t) {
					m[place{e.Folder, e.UID}] = e.SHA256
				}
				return m
			}
			from, to := sums(src), sums(dst)
			for line := range strings.Lines(o.stdout) {
				var r struct {
					Result, Folder, Target string
					UID                    uint64
					TargetUID              uint64 `json:"target_uid"`
				}
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatal(err)
				}
				if r.Result != "appended" {
					continue
				}
				if want := from[place{r.Folder, r.UID}]; want == "" || to[place{r.Target, r.TargetUID}] != want {
					t.Fatalf("this is another message there: %s", line)
				}
			}
		})
	}
}

// TestTieThatCannotBeRead: two messages differ in nothing but their octets, one
// of them is there, and cannot be read. Then nobody can tell which: neither is
// left out for the other, and the next run brings what is missing.
func TestTieThatCannotBeRead(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	one, two := letter("same", "one\n"), letter("same", "two\n")
	for _, m := range [][]byte{one, two} {
		server.Account("src").AddMessage("INBOX", nil, day(0), m)
	}
	server.Account("dst").AddMessage("INBOX", nil, day(0), one)
	line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.CutLine(`UID FETCH .*BODY\.PEEK\[\]`).Each())
	src, dst := embedded(server, "src"), account{line.Addr(), "dst"}
	b := between(t, src, dst)
	pipeline := `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST >receipts`
	b.sh(pipeline).wants(3).says("in-doubt")
	if n := len(server.Account("dst").Messages("INBOX")); n != 1 {
		t.Errorf("%d messages are there", n)
	}
	line.SetRules()
	b.sh(pipeline).wants(0)
	b.sh(`imap-fetch $SRC -o all && imap-fetch $DST -o there && imap-diff --report --equal all there`).wants(0)
}
