package compare

import (
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestSameStateSameFile: one state of an account, one file.
func TestSameStateSameFile(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.WithUgly(harness.Mail(300)))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Sh(`imap-fetch $SRC -o one && imap-fetch $SRC -o two && cmp one two`).Wants(0)
	b.Sh(`GOMAXPROCS=1 imap-fetch $SRC -o three && cmp one three`).Wants(0)
	b.Sh(`imap-fetch $SRC --level none -o plain && imap-fetch $SRC --level none | cmp - plain`).Wants(0)
	if _, err := exec.LookPath("zstd"); err == nil {
		b.Sh(`zstd -dc <one | cmp - plain && zstd -tq <one`).Wants(0)
		b.Sh(`imap-fetch $SRC | zstd -dc | cmp - plain`).Wants(0)
	}
}

// TestOffsetsAreKept: an arrival date comes with the zone that it had.
func TestOffsetsAreKept(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.Mail(100))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Sh(harness.Straight).Wants(0)
	b.Sh(`imap-fetch --headers --level none $SRC -o src && imap-fetch --headers --level none $DST -o dst`).Wants(0)
	dates := func(name string) (out []string) {
		for _, r := range b.Records(name) {
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
	server.Account("src").Fill(harness.WithUgly(harness.Mail(20)))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	b.Sh(`imap-fetch --level none $SRC -o src`).Wants(0)
	want := map[string]int{}
	for _, e := range server.Account("src").Entries() {
		if e.Size <= 1<<20 {
			want[e.SHA256]++
		}
	}
	for _, r := range b.Records("src") {
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
	src := harness.Real(r, "src")
	src.Fill(t, imaptest.Spread(imaptest.Generate(12, 500)))
	for name, start := range harness.Some(t, 1, harness.JoeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			o := harness.Between(t, src, dst).Sh(harness.Straight).Wants(0)
			type place struct {
				folder string
				uid    uint64
			}
			sums := func(a harness.Account) map[place]string {
				m := map[place]string{}
				for _, e := range a.Dump(t) {
					m[place{e.Folder, e.UID}] = e.SHA256
				}
				return m
			}
			from, to := sums(src), sums(dst)
			for line := range strings.Lines(o.Stdout) {
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
	one, two := harness.Letter("same", "one\n"), harness.Letter("same", "two\n")
	for _, m := range [][]byte{one, two} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(0), m)
	}
	server.Account("dst").AddMessage("INBOX", nil, harness.Day(0), one)
	line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.CutLine(`UID FETCH .*BODY\.PEEK\[\]`).Each())
	src, dst := harness.Embedded(server, "src"), harness.Account{Addr: line.Addr(), User: "dst"}
	b := harness.Between(t, src, dst)
	pipeline := `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST >receipts`
	b.Sh(pipeline).Wants(3).Says("in-doubt")
	if n := len(server.Account("dst").Messages("INBOX")); n != 1 {
		t.Errorf("%d messages are there", n)
	}
	line.SetRules()
	b.Sh(pipeline).Wants(0)
	b.Sh(`imap-fetch $SRC -o all && imap-fetch $DST -o there && imap-diff --report --equal all there`).Wants(0)
}
