package push

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// twins share the key, the date and what imap-diff can see of them without octets.
var twins = []string{"X-One: 1\r\n\r\naa", "X-One: 1\r\n\r\nbb", "X-Two: 2\r\n\r\nbb", "X-One: 1\r\n\r\nccc"}

func twinOctets(twin string) []byte {
	return []byte("Message-ID: <k@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n" + twin + "\r\n")
}

// tiedPlan writes the plan for an INBOX with messages of one tie. order are those of
// the twins that could be read; there is what the destination has, nil where it
// cannot be read.
func tiedPlan(t *testing.T, of int, order []int, there [][]byte) []byte {
	t.Helper()
	tie := &stream.Tie{ID: 7, Of: of}
	for i, octets := range there {
		x := stream.Tied{UID: uint64(i + 1)}
		if octets != nil {
			l, err := headerkey.LooseOf(bytes.NewReader(octets))
			if err != nil {
				t.Fatal(err)
			}
			x.Size, x.Digest, x.Body = l.Size, hex.EncodeToString(l.Whole[:]), hex.EncodeToString(l.Body[:])
		}
		tie.There = append(tie.There, x)
	}
	return tiedPlanOf(t, []stream.Record{tie}, order, len(there), func(int) *stream.TieOf { return &stream.TieOf{ID: 7} })
}

func tiedPlanOf(t *testing.T, before []stream.Record, order []int, there int, tieOf func(n int) *stream.TieOf) []byte {
	t.Helper()
	var out bytes.Buffer
	p := beginPlan(t, &out)
	p.write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 5, UIDNext: 99, Octets: -1, Target: "INBOX", TargetUIDValidity: 1001, TargetUIDNext: uint64(there + 1)})
	for _, r := range before {
		p.write(r)
	}
	for n, i := range order {
		p.message(&stream.Message{Folder: "INBOX", UIDValidity: 5, UID: uint64(n + 1), Target: "INBOX", Tie: tieOf(n)}, twinOctets(twins[i]))
	}
	p.end()
	return out.Bytes()
}

// server keeps messages as they are, or in another way.
var servers = map[string]func([]byte) []byte{
	"keeps": func(octets []byte) []byte { return octets },
	"adds header lines": func(octets []byte) []byte {
		return append([]byte("X-Added: by the server\r\n"), octets...)
	},
	"changes the text": func(octets []byte) []byte { return append(slices.Clone(octets), "-- \r\nfooter\r\n"...) },
}

// orders returns all orders of some numbers.
func orders(some []int) (all [][]int) {
	if len(some) == 0 {
		return [][]int{nil}
	}
	for i, x := range some {
		for _, rest := range orders(slices.Delete(slices.Clone(some), i, i+1)) {
			all = append(all, append([]int{x}, rest...))
		}
	}
	return all
}

// Whatever of a tie is there, whatever of it cannot be read at either side, and in
// any order: no message arrives twice, and one that does not arrive has a receipt.
func TestTies(t *testing.T) {
	for name, stored := range servers {
		for read := 1; read < 1<<len(twins); read++ { // those of the source that can be read
			var readable []int
			for i := range twins {
				if read&(1<<i) != 0 {
					readable = append(readable, i)
				}
			}
			for have := 1; have < 1<<len(twins)-1; have += 1 + len(name)%3 {
				all := orders(readable)
				unread := (read+have)%3 == 0 // the first at the destination
				checkTie(t, name, stored, all[(read*7+have)%len(all)], have, unread)
			}
		}
	}
}

// TestTieOfCopies: what is there twice is one message of the source and a copy of it,
// not another message.
func TestTieOfCopies(t *testing.T) {
	for _, order := range orders([]int{0, 1, 2, 3}) {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		account.AddMailbox("INBOX")
		var there [][]byte
		for _, i := range []int{0, 0, 1} {
			there = append(there, twinOctets(twins[i]))
			account.AddMessage("INBOX", nil, letter{}.arrived(), twinOctets(twins[i]))
		}
		_, receipts, err := carryOut(t, server.Addr(), tiedPlan(t, len(twins), order, there), Options{sleep: quick})
		if err != nil {
			t.Errorf("%v: %v", order, err)
		}
		for _, r := range receipts {
			want := receipt.Present
			if order[r.UID-1] >= 2 {
				want = receipt.Appended
			}
			if r.Result != want {
				t.Errorf("%v: %d is %s", order, order[r.UID-1], r.Result)
			}
		}
		server.Close()
	}
}

func checkTie(t *testing.T, name string, stored func([]byte) []byte, order []int, have int, unread bool) {
	t.Helper()
	server := imaptest.StartServer(t, imaptest.Options{})
	defer server.Close()
	account := server.Account("joe")
	account.AddMailbox("INBOX")
	var there [][]byte
	for i := range twins {
		if have&(1<<i) != 0 {
			octets := stored(twinOctets(twins[i]))
			account.AddMessage("INBOX", nil, letter{}.arrived(), octets)
			if unread && len(there) == 0 {
				octets = nil
			}
			there = append(there, octets)
		}
	}
	_, receipts, err := carryOut(t, server.Addr(), tiedPlan(t, len(twins), order, there), Options{sleep: quick})
	what := fmt.Sprintf("a server that %s, %v, there %04b, unread %v", name, order, have, unread)
	if len(receipts) != len(order) {
		t.Fatalf("%s: %d receipts", what, len(receipts))
	}
	doubtful := 0
	for _, r := range receipts {
		i := order[r.UID-1]
		is := have&(1<<i) != 0
		switch {
		case r.Result == receipt.Failed && r.Reason == "in-doubt":
			doubtful++
		case r.Result == receipt.Appended && !is, r.Result == receipt.Present && is:
		default:
			t.Fatalf("%s: %d is %s", what, i, r.Result)
		}
	}
	wants := exit.OK
	if doubtful > 0 {
		wants = exit.Partial
	}
	if exit.CodeOf(err) != wants {
		t.Fatalf("%s: %v", what, err)
	}
	if name == "keeps" && !unread && doubtful > 0 && len(order) == len(twins) {
		t.Fatalf("%s: %d in doubt", what, doubtful)
	}
}

// Where only header lines were added, and the texts are others, all is told.
func TestTieOfAddedHeaderLines(t *testing.T) {
	for _, order := range orders([]int{0, 1, 3}) {
		for have := 1; have < 7; have++ {
			server := imaptest.StartServer(t, imaptest.Options{})
			account := server.Account("joe")
			account.AddMailbox("INBOX")
			var there [][]byte
			for n, i := range []int{3, 1, 0} {
				if have&(1<<n) != 0 {
					there = append(there, servers["adds header lines"](twinOctets(twins[i])))
					account.AddMessage("INBOX", nil, letter{}.arrived(), there[len(there)-1])
				}
			}
			_, _, err := carryOut(t, server.Addr(), tiedPlan(t, 3, order, there), Options{sleep: quick})
			got := bodies(account.Messages("INBOX"))
			slices.Sort(got)
			if err != nil || !slices.Equal(got, []string{"aa", "bb", "ccc"}) {
				t.Errorf("%v, %03b there: %v, %v", order, have, got, err)
			}
			server.Close()
		}
	}
}

// A plan of an earlier version has the digests in the first message of a tie. It is
// read still, and where that message is not there, nobody guesses.
func TestTieOfAnEarlierVersion(t *testing.T) {
	for _, c := range []struct {
		order         []int
		first         bool // the message with the digests is there
		there, doubts int
	}{{[]int{0, 1, 3}, true, 1, 0}, {[]int{1, 0, 3}, true, 1, 0}, {[]int{1, 3}, false, 0, 2}} {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		account.AddMailbox("INBOX")
		account.AddMessage("INBOX", nil, letter{}.arrived(), twinOctets(twins[0]))
		loose, err := headerkey.LooseOf(bytes.NewReader(twinOctets(twins[0])))
		if err != nil {
			t.Fatal(err)
		}
		plan := tiedPlanOf(t, nil, c.order, 1, func(n int) *stream.TieOf {
			tie := &stream.TieOf{Of: 3, Drop: 1}
			if n == 0 && c.first {
				tie.Digests = []string{hex.EncodeToString(loose.Whole[:])}
			}
			return tie
		})
		_, receipts, _ := carryOut(t, server.Addr(), plan, Options{sleep: quick})
		there, doubts := 0, 0
		for _, r := range receipts {
			switch {
			case r.Result == receipt.Present:
				there++
			case r.Reason == "in-doubt":
				doubts++
			}
		}
		if len(receipts) != len(c.order) || there != c.there || doubts != c.doubts {
			t.Errorf("%v: %+v", c.order, receipts)
		}
		server.Close()
	}
}

// What is in doubt stands in the rejects with the record of its tie, and is in
// doubt again when these are pushed.
func TestTieInRejects(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	account.AddMailbox("INBOX")
	account.AddMessage("INBOX", nil, letter{}.arrived(), servers["changes the text"](twinOctets(twins[0])))
	plan := tiedPlan(t, 2, []int{0, 1}, [][]byte{servers["changes the text"](twinOctets(twins[0]))})
	for range 2 {
		var out bytes.Buffer
		w := stream.NewWriter(&out, stream.WriterOptions{})
		outcome, _, err := carryOut(t, server.Addr(), plan, Options{sleep: quick, Rejects: w})
		if exit.CodeOf(err) != exit.Partial || outcome.Failed != 2 || w.Close() != nil {
			t.Fatalf("%+v, %v", outcome, err)
		}
		plan = out.Bytes()
		if strings.Count(out.String(), `"type":"tie"`) != 1 || strings.Count(out.String(), `"tie":{"id":`) != 2 {
			t.Fatalf("%s", plan)
		}
	}
}
