package fetch

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// lively is a server with one folder that changes between two connections.
type lively struct {
	mu       sync.Mutex
	validity uint64
	next     uint64
	modseq   uint64
	mail     []letter
	name     string // of the folder

	caps    string // beside IMAP4rev1
	status  string // an item of STATUS beside the usual ones; "" with CONDSTORE: HIGHESTMODSEQ
	examine string // a code of EXAMINE; "" with CONDSTORE: HIGHESTMODSEQ
	refuses string // CHANGEDSINCE is answered with this
	blind   uint64 // a UID that listings and SEARCH do not show
	broken  uint64 // a UID whose body is not given
	server  *imaptest.Script
}

type letter struct {
	uid    uint64
	flags  string
	modseq uint64
	id     string
	body   string
}

func newLively(n int) *lively {
	l := &lively{validity: 7, next: 1, modseq: 10, name: "INBOX"}
	for range n {
		l.append("")
	}
	return l
}

// append adds a message; id "" makes it one of its own.
func (l *lively) append(id string) {
	l.modseq++
	if id == "" {
		id = fmt.Sprint("m", l.next)
	}
	l.mail = append(l.mail, letter{uid: l.next, modseq: l.modseq, id: id, body: fmt.Sprint("body of ", l.next)})
	l.next++
}

func (l *lively) flag(uid uint64, flags string) {
	l.modseq++
	for i := range l.mail {
		if l.mail[i].uid == uid {
			l.mail[i].flags, l.mail[i].modseq = flags, l.modseq
		}
	}
}

func (l *lively) expunge(uid uint64) {
	l.modseq++
	l.mail = slices.DeleteFunc(l.mail, func(m letter) bool { return m.uid == uid })
}

// start serves until the test ends and returns the address.
func (l *lively) start(t *testing.T) string {
	t.Helper()
	l.server = &imaptest.Script{
		Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 " + l.caps + "] lively",
		Rules: []*imaptest.ScriptRule{{When: func(command string) bool { return command != "" }, Play: func(r *imaptest.Reply) {
			l.mu.Lock()
			defer l.mu.Unlock()
			answer := l.answer(r, r.Command)
			r.Say("TAG " + answer + "\r\n")
		}}},
	}
	return l.server.Start(t).Addr()
}

// asked counts commands that hold a text, from a command on.
func (l *lively) asked(from int, text string) (n int) {
	for _, command := range l.server.Commands("")[from:] {
		if strings.Contains(command, text) {
			n++
		}
	}
	return n
}

func (l *lively) condstore() bool { return strings.Contains(l.caps, "CONDSTORE") }

func (l *lively) answer(out io.Writer, command string) string {
	verb := strings.ToUpper(command)
	state := fmt.Sprintf("MESSAGES %d UIDNEXT %d UIDVALIDITY %d", len(l.mail), l.next, l.validity)
	switch {
	case strings.HasPrefix(verb, `LIST "" ""`):
		fmt.Fprintf(out, "* LIST (\\Noselect) \"/\" \"\"\r\n")
	case strings.HasPrefix(verb, "LIST"), strings.HasPrefix(verb, "LSUB"):
		fmt.Fprintf(out, "* %s () \"/\" %s\r\n", verb[:4], l.name)
	case (strings.HasPrefix(verb, "STATUS") || strings.HasPrefix(verb, "EXAMINE")) && !strings.Contains(command, `"`+l.name+`"`):
		return "NO no such folder"
	case strings.HasPrefix(verb, "STATUS"):
		switch {
		case l.status != "":
			state += " " + l.status
		case l.condstore():
			state += fmt.Sprint(" HIGHESTMODSEQ ", l.modseq)
		}
		fmt.Fprintf(out, "* STATUS %s (%s)\r\n", l.name, state)
	case strings.HasPrefix(verb, "EXAMINE"):
		fmt.Fprintf(out, "* %d EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n", len(l.mail), l.validity, l.next)
		switch {
		case l.examine != "":
			fmt.Fprintf(out, "* OK [%s] x\r\n", l.examine)
		case l.condstore():
			fmt.Fprintf(out, "* OK [HIGHESTMODSEQ %d] x\r\n", l.modseq)
		}
	case strings.HasPrefix(verb, "UID SEARCH"):
		fmt.Fprint(out, "* SEARCH")
		for _, m := range l.mail {
			if m.uid != l.blind {
				fmt.Fprint(out, " ", m.uid)
			}
		}
		fmt.Fprint(out, "\r\n")
	case strings.HasPrefix(verb, "UID FETCH") && strings.Contains(verb, "CHANGEDSINCE") && l.refuses != "":
		return l.refuses
	case strings.HasPrefix(verb, "UID FETCH"):
		l.fetch(out, verb)
	case strings.HasPrefix(verb, "FETCH 1:*"):
		l.fetch(out, "UID "+verb)
	case strings.HasPrefix(verb, "NAMESPACE"):
		return "BAD what"
	}
	return "OK done"
}

func (l *lively) fetch(out io.Writer, verb string) {
	set := strings.Fields(verb)[2]
	since := uint64(0)
	if _, text, ok := strings.Cut(verb, "CHANGEDSINCE "); ok {
		since, _ = strconv.ParseUint(strings.TrimRight(text, ")"), 10, 64)
	}
	listing := strings.HasPrefix(set, "1:")
	for i, m := range l.mail {
		if !within(set, m.uid) || m.modseq <= since || listing && m.uid == l.blind {
			continue
		}
		octets := fmt.Sprintf("Message-ID: <%s@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\n%s", m.id, m.body)
		head := octets[:strings.Index(octets, "\r\n\r\n")+4]
		fmt.Fprintf(out, "* %d FETCH (UID %d FLAGS (%s) INTERNALDATE \"02-Jan-2020 03:04:05 +0000\" RFC822.SIZE %d", i+1, m.uid, m.flags, len(octets))
		switch {
		case since > 0:
			fmt.Fprintf(out, " MODSEQ (%d)", m.modseq)
		case strings.Contains(verb, "BODY.PEEK[HEADER.FIELDS"):
			fmt.Fprintf(out, " BODY[HEADER.FIELDS (X)] {%d}\r\n%s", len(head), head)
		case strings.Contains(verb, "BODY.PEEK[]") && m.uid == l.broken:
			fmt.Fprint(out, " BODY[] NIL")
		case strings.Contains(verb, "BODY.PEEK[]"):
			fmt.Fprintf(out, " BODY[] {%d}\r\n%s", len(octets), octets)
		}
		fmt.Fprint(out, ")\r\n")
	}
}

// within reports whether a UID is in a set.
func within(set string, uid uint64) bool {
	for piece := range strings.SplitSeq(set, ",") {
		from, to, ranged := strings.Cut(piece, ":")
		a, _ := strconv.Atoi(from)
		b := a
		if ranged {
			if b, _ = strconv.Atoi(to); to == "*" {
				b = 1 << 40
			}
		}
		if int(uid) >= a && int(uid) <= b {
			return true
		}
	}
	return false
}

// after exports what is new since a base.
func after(t *testing.T, addr string, earlier []byte, opt Options, change ...func(*imapconn.Options)) ([]byte, error) {
	t.Helper()
	in := stream.NewReader(bytes.NewReader(earlier), false)
	defer in.Close()
	var err error
	if opt.Base, err = base.Read(in); err != nil {
		return nil, err
	}
	return exportOf(t, addr, opt, change...)
}

// told says in short what a stream tells of its messages.
func told(t *testing.T, data []byte) (out []string) {
	t.Helper()
	in := stream.NewReader(bytes.NewReader(data), false)
	defer in.Close()
	in.PassDeltas()
	for rec, err := range in.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch r := rec.(type) {
		case *stream.Message:
			what := "new"
			if r.Change != "" {
				what = r.Change
			}
			out = append(out, strings.TrimSpace(fmt.Sprint(what, " ", r.UID, " ", strings.Join(r.Flags, " "))))
		case *stream.Expunged:
			out = append(out, fmt.Sprint("gone ", r.UID))
		case *stream.FolderExpunged:
			out = append(out, fmt.Sprint("vanished ", r.Folder, " ", r.UIDValidity))
		case *stream.Failed:
			out = append(out, fmt.Sprint("failed ", r.UID, " ", r.Reason))
		}
	}
	return out
}

func TestDelta(t *testing.T) {
	all := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint("new ", i+1))
		}
		return out
	}
	live := func(l *lively) {
		l.flag(2, `\Seen`)
		l.expunge(3)
		l.append("")
	}
	lived := []string{`flags 2 \Seen`, "gone 3", "new 7"}
	cases := []struct {
		name   string
		before func(*lively)
		change func(*lively)
		want   []string
		asked  string // among the commands of the second run
		never  string // and not
	}{
		{name: "nothing new", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(*lively) {}, asked: "EXAMINE", never: "UID FETCH"},
		{name: "nothing new, no CONDSTORE", change: func(*lively) {}, asked: "EXAMINE", never: "BODY.PEEK[]"},
		{name: "CONDSTORE", before: func(l *lively) { l.caps = "CONDSTORE" }, change: live, want: lived, asked: "CHANGEDSINCE 16", never: "UID FETCH 1,4:6 "},
		{name: "flags alone", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { l.flag(5, `\Flagged`) }, want: []string{`flags 5 \Flagged`}, never: "SEARCH"},
		{name: "flags that changed and changed back", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { l.flag(5, `\Flagged`); l.flag(5, "") }, asked: "CHANGEDSINCE"},
		{name: "QRESYNC alone", before: func(l *lively) { l.caps = "QRESYNC"; l.examine = "HIGHESTMODSEQ 99"; l.status = "HIGHESTMODSEQ 10" }, change: func(l *lively) { l.modseq = 50; live(l) }, want: lived, asked: "CHANGEDSINCE 10"},
		{name: "no CONDSTORE", change: live, want: lived, never: "CHANGEDSINCE"},
		{name: "HIGHESTMODSEQ 0", before: func(l *lively) {
			l.caps, l.status, l.examine = "CONDSTORE", "HIGHESTMODSEQ 0", "HIGHESTMODSEQ 0"
		}, change: live, want: lived, never: "CHANGEDSINCE"},
		{name: "NOMODSEQ", before: func(l *lively) { l.caps, l.status, l.examine = "CONDSTORE", "HIGHESTMODSEQ 12", "NOMODSEQ" }, change: live, want: lived, never: "CHANGEDSINCE"},
		{name: "HIGHESTMODSEQ went down", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { live(l); l.modseq = 3 }, want: lived, never: "CHANGEDSINCE"},
		{name: "CHANGEDSINCE is refused", before: func(l *lively) { l.caps, l.refuses = "CONDSTORE", "BAD what" }, change: live, want: lived, asked: "CHANGEDSINCE"},
		{name: "UIDVALIDITY changed", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { l.validity = 8 }, want: append([]string{"vanished INBOX 7"}, all(6)...)},
		{name: "UIDVALIDITY 0", before: func(l *lively) { l.validity = 0 }, change: func(*lively) {}, want: append([]string{"vanished INBOX 0"}, all(6)...)},
		{name: "UIDNEXT went down", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) {
			l.mail, l.next = nil, 1
			l.append("other")
			l.append("others")
		}, want: append([]string{"vanished INBOX 7"}, all(2)...)},
		{name: "all are gone", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) {
			for uid := range uint64(6) {
				l.expunge(uid + 1)
			}
		}, want: []string{"gone 1", "gone 2", "gone 3", "gone 4", "gone 5", "gone 6"}},
		{name: "one that listings hide is not gone", change: func(l *lively) { l.blind = 4; live(l) }, want: lived},
		{name: "one comes, one goes", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { l.expunge(6); l.append("") }, want: []string{"gone 6", "new 7"}},
		{name: "the folder went away", change: func(l *lively) { l.name, l.validity = "Other", 9 }, want: append([]string{"vanished INBOX 7"}, all(6)...)},
		{name: "what could not be had comes later", before: func(l *lively) { l.caps, l.broken = "CONDSTORE", 4 }, change: func(l *lively) { l.broken = 0 }, want: []string{"new 4"}},
		{name: "what cannot be had is told again", before: func(l *lively) { l.caps, l.broken = "CONDSTORE", 4 }, change: func(*lively) {}, want: []string{"failed 4 unreadable"}},
		{name: "a copy of an old one", before: func(l *lively) { l.caps = "CONDSTORE" }, change: func(l *lively) { l.append("m2") }, want: []string{"flags 2", "new 7"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLively(6)
			if c.before != nil {
				c.before(l)
			}
			addr := l.start(t)
			full, err := exportOf(t, addr, options(t, stream.Full))
			if err != nil && exit.CodeOf(err) != exit.Partial {
				t.Fatal(err)
			}
			l.mu.Lock()
			c.change(l)
			l.mu.Unlock()
			from := len(l.server.Commands(""))
			delta, err := after(t, addr, full, options(t, stream.Full))
			if err != nil && exit.CodeOf(err) != exit.Partial {
				t.Fatal(err)
			}
			if got := told(t, delta); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q\n%q", got, c.want, l.server.Commands("")[from:])
			}
			if c.asked != "" && l.asked(from, c.asked) == 0 || c.never != "" && l.asked(from, c.never) > 0 {
				t.Errorf("%q", l.server.Commands("")[from:])
			}
			// A second look, at the base and the delta or at the delta alone, has nothing to tell.
			for name, base := range map[string][]byte{"both": slices.Concat(full, delta), "the delta": delta} {
				again, err := after(t, addr, base, options(t, stream.Full))
				if err != nil && exit.CodeOf(err) != exit.Partial {
					t.Fatal(err)
				}
				steady := l.validity != 0 && l.broken == 0 && (name == "both" || l.condstore() && l.modseq > 3 && l.refuses == "" && l.status == "")
				if got := told(t, again); steady && len(got) > 0 {
					t.Errorf("again, after %s: %q", name, got)
				}
			}
			if got := folded(t, slices.Concat(full, delta)); !slices.Equal(got, present(l)) {
				t.Errorf("in the end\n%q\nwant\n%q", got, present(l))
			}
		})
	}
}

// present is what folded says of the server's folder.
func present(l *lively) (out []string) {
	for _, m := range l.mail {
		if m.uid != l.broken {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%d %q %s", l.name, m.uid, m.body, m.flags)))
		}
	}
	return out
}

// folded is what a concatenation is in the end.
func folded(t *testing.T, data []byte) (out []string) {
	t.Helper()
	first := stream.NewReader(bytes.NewReader(data), false)
	h, err := stream.Survey(first)
	if err != nil {
		t.Fatal(err)
	}
	in := stream.NewReader(bytes.NewReader(data), false)
	defer in.Close()
	in.Follow(h)
	for rec, err := range in.All() {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := rec.(*stream.Message); ok {
			octets, err := m.AppendBody(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, body, _ := bytes.Cut(octets, []byte("\r\n\r\n"))
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%d %q %s", m.Folder, m.UID, body, strings.Join(m.Flags, " "))))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(a, b) })
	return out
}

// without returns a stream that lacks a message, as if it had been filtered.
func without(t *testing.T, data []byte, uid uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	in, w := stream.NewReader(bytes.NewReader(data), false), stream.NewWriter(&out, stream.WriterOptions{})
	for rec, err := range in.All() {
		if err == nil {
			switch r := rec.(type) {
			case *stream.Message:
				if r.UID != uid {
					err = w.Write(r)
				}
			case *stream.End:
				r.Listed--
				err = w.End(r)
			default:
				err = w.Write(r)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBaseThatLacksMessages: the folder has as many messages as the base, and they
// are not the same.
func TestBaseThatLacksMessages(t *testing.T) {
	for _, caps := range []string{"", "CONDSTORE"} {
		l := newLively(6)
		l.caps = caps
		addr := l.start(t)
		full, err := exportOf(t, addr, options(t, stream.Full))
		if err != nil {
			t.Fatal(err)
		}
		base := without(t, full, 2)
		l.expunge(4)
		for _, want := range [][]string{{"new 2", "gone 4"}, {"new 2", "gone 4", "new 7"}} {
			delta, err := after(t, addr, base, options(t, stream.Full))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(t, delta); !slices.Equal(got, want) {
				t.Errorf("%q: got %q, want %q", caps, got, want)
			}
			l.append("")
		}
	}
}

// TestFolderMadeAnew: a folder is made anew under its old UIDVALIDITY, and has more
// messages than the base. Those of the base are not there, whatever their UIDs say.
func TestFolderMadeAnew(t *testing.T) {
	for _, caps := range []string{"", "CONDSTORE"} {
		for _, anew := range []int{3, 12, 20} { // how many of the messages there are others
			l := newLively(20)
			l.caps = caps
			addr := l.start(t)
			full, err := exportOf(t, addr, options(t, stream.Full))
			if err != nil {
				t.Fatal(err)
			}
			for i := range l.mail[20-anew:] {
				l.mail[20-anew+i].id = fmt.Sprint("other", i)
			}
			l.append("")
			delta, err := after(t, addr, full, options(t, stream.Full))
			if exit.CodeOf(err) != exit.Partial {
				t.Fatal(err)
			}
			if got := told(t, delta); !slices.Equal(got, []string{"failed 0 uidvalidity-changed"}) || !bytes.Contains(delta, []byte("under the UIDs of the base it has other messages")) {
				t.Errorf("%q, %d: %q", caps, anew, got)
			}
		}
	}
}

// TestDeltaOfADelta: the delta before is base enough, and without CONDSTORE the
// flags that it does not know are told anew.
func TestDeltaOfADelta(t *testing.T) {
	l := newLively(4)
	addr := l.start(t)
	full, err := exportOf(t, addr, options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	l.append("")
	monday, err := after(t, addr, full, options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	l.expunge(2)
	l.flag(5, `\Seen`)
	tuesday, err := after(t, addr, monday, options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := told(t, tuesday), []string{"flags 1", "gone 2", "flags 3", "flags 4", `flags 5 \Seen`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := folded(t, slices.Concat(full, monday, tuesday)); !slices.Equal(got, present(l)) {
		t.Errorf("in the end %q", got)
	}
}

// TestBaseRefused: what is no base, and what is not whole.
func TestBaseRefused(t *testing.T) {
	l := newLively(3)
	addr := l.start(t)
	full, err := exportOf(t, addr, options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) []byte { return bytes.Replace(full, []byte(old), []byte(new), 1) }
	other := func(c *imapconn.Options) { c.User = "ann" }
	cases := map[string]struct {
		base   []byte
		change func(*imapconn.Options)
		code   exit.Code
	}{
		"another user": {full, other, exit.Usage},
		"cut":          {full[:len(full)-20], nil, exit.Data},
		"damaged":      {edit("body of 2", "body OF 2")[:len(full)-1], nil, exit.Data},
		"edited":       {edit(`"flags":[]`, `"flags":["x"]`), nil, exit.Data},
		"empty":        {nil, nil, exit.Data},
		"aborted":      {[]byte(`{"type":"abort","command":"imap-fetch","exit":75,"text":"x"}` + "\n"), nil, exit.Data},
		"a plan":       {edit(`"plan":false`, `"plan":true`), nil, exit.Usage},
	}
	for name, c := range cases {
		change := c.change
		if change == nil {
			change = func(*imapconn.Options) {}
		}
		if _, err := after(t, addr, c.base, options(t, stream.Full), change); exit.CodeOf(err) != c.code {
			t.Errorf("%s: %v, code %d", name, err, exit.CodeOf(err))
		}
	}
	if data, err := after(t, addr, full, options(t, stream.Full)); err != nil || len(told(t, data)) > 0 {
		t.Errorf("the base itself: %v", err)
	}
}

// A run that continues another counts what that one excluded, as if it had not been cut.
func TestResumedUpdateCountsExcluded(t *testing.T) {
	for _, criteria := range []string{"SUBJECT keep", "BODY keep"} {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		add := func(words ...string) {
			for i, word := range words {
				account.AddMessage("INBOX", nil, exporttest.Arrived,
					fmt.Appendf(nil, "Subject: %s %d of %d\r\n\r\n%[1]s", word, i, len(words)))
			}
		}
		opt := options(t, stream.Full)
		opt.Messages = export.MessageFilter{Criteria: exporttest.Parse(t, criteria), Here: criteria == "BODY keep"}
		add("keep", "drop")
		full, err := exportOf(t, server.Addr(), opt)
		if err != nil {
			t.Fatal(err)
		}
		add("drop", "keep", "drop", "keep", "drop")
		whole, err := after(t, server.Addr(), full, opt)
		if err != nil {
			t.Fatal(err)
		}
		in := stream.NewReader(bytes.NewReader(full), false)
		defer in.Close()
		if opt.Base, err = base.Read(in); err != nil {
			t.Fatal(err)
		}
		session, err := imapconn.Open(t.Context(), exporttest.Connection(t, server.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		box, err := session.Examine(t.Context(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		inbox := &stream.Folder{Name: "INBOX", UIDValidity: box.UIDValidity, Messages: box.Messages}
		pl, err := newPlanner(&opt, &connection{session: session, warn: t.Logf}).plan(t.Context(), inbox,
			stream.Progress{Messages: 1, LastUID: 4})
		if err != nil {
			t.Fatal(err)
		}
		open := int64(0) // decided by octets, after the plan
		for _, w := range pl.windows {
			for _, one := range w.wants {
				if one.open && one.uid != 6 {
					open++
				}
			}
		}
		if want := exporttest.Read(t, whole).End.Excluded; pl.excluded+open != want {
			t.Errorf("%s: excluded %d and %d to come, want %d", criteria, pl.excluded, open, want)
		}
	}
}
