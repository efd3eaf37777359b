package fetch

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/extract"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// chosen exports a choice, and returns what was warned of.
func chosen(t testing.TB, addr string, opt Options, change ...func(*imapconn.Options)) (*exporttest.Got, []string, error) {
	t.Helper()
	var warned []string
	opt.Warn = func(format string, args ...any) { warned = append(warned, fmt.Sprintf(format, args...)) }
	data, err := exportOf(t, addr, opt, change...)
	if exit.CodeOf(err) != exit.OK && exit.CodeOf(err) != exit.Partial {
		return nil, warned, err
	}
	return exporttest.Read(t, data), warned, err
}

// The server's SEARCH, a look at the messages here, and an archive of them all
// choose the same, with bodies and without.
func TestChoiceWhoeverMakesIt(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	addr, account := server.Addr(), server.Account("joe")
	account.FillVaried(exporttest.Arrived)
	data, err := exportOf(t, addr, options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(len(account.Entries()))
	skip := func(text string) search.Criteria {
		c, err := search.Skip(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, choice := range map[string]export.MessageFilter{
		"flags": {Criteria: exporttest.Parse(t, "UNSEEN")}, "flag and word": {Criteria: exporttest.Parse(t, "FLAGGED SUBJECT s1")}, "words": {Criteria: exporttest.Parse(t, "OR SUBJECT hay HEADER Message-ID <3@dated>")},
		"a body": {Criteria: exporttest.Parse(t, "BODY needle")}, "no body": {Criteria: exporttest.Parse(t, "NOT BODY needle FROM rgen")}, "late": {Criteria: exporttest.Parse(t, "HEADER Message-ID late")},
		"arrival": {Criteria: exporttest.Parse(t, "SINCE 1-Jun-2021 BEFORE 1-Jan-2022")}, "on": {Criteria: exporttest.Parse(t, "OR ON 2-Feb-2021 ON 3-Mar-2021")}, "sent": {Criteria: exporttest.Parse(t, "SENTSINCE 1-Jan-2020")},
		"size": {Criteria: exporttest.Parse(t, "LARGER 1000000")}, "small": {Criteria: search.MaxSize(300)}, "header or size": {Criteria: exporttest.Parse(t, "OR SUBJECT nothing SMALLER 1000")}, "uid": {Criteria: exporttest.Parse(t, "UID 3:5,*")}, "age": {Criteria: search.MinAge(24*time.Hour, exporttest.Arrived.AddDate(1, 0, 0))},
		"skip": {Skip: skip("number 1|needle"), SkipText: "x"}, "skip and more": {Criteria: exporttest.Parse(t, "SEEN FROM rgen"), Skip: skip("s2"), SkipText: "x"}, "nothing": {Criteria: exporttest.Parse(t, "SEEN UNSEEN")},
		"long": {Criteria: exporttest.Parse(t, "NOT ("+strings.Repeat("SUBJECT xyzxyzxyzxyzxyzxyz ", 400)+") SUBJECT s1")},
	} {
		for _, content := range []stream.Content{stream.Full, stream.Headers} {
			if content == stream.Headers && !choice.Needs().Octets() {
				continue // nothing but what is written differs
			}
			opt := options(t, content)
			opt.Messages = choice
			again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(data), false), nil }
			in, _ := again()
			archive := &extract.Archive{In: in, Again: again}
			out, err := exporttest.Plain(t, func(w *stream.Writer) error { return extract.Run(archive, opt.Options, w) })
			if err != nil {
				t.Fatal(err)
			}
			want := exporttest.Read(t, out)
			for _, here := range []bool{true, false} {
				if content == stream.Headers && !here {
					continue // what the server is asked is the same
				}
				opt.Messages.Here = here
				g, warned, err := chosen(t, addr, opt)
				if err != nil || len(warned) > 0 {
					t.Errorf("%s, %s, here %v: %v, %q", name, content, here, err, warned)
					continue
				}
				if !slices.Equal(g.Order, want.Order) || !slices.Equal(g.Skipped, want.Skipped) {
					t.Errorf("%s, %s, here %v: %.300q, of the archive %.300q; skipped %v, of the archive %v", name, content, here, g.Order, want.Order, g.Skipped, want.Skipped)
				}
				for id, octets := range want.Octets {
					if !bytes.Equal(g.Octets[id], octets) {
						t.Errorf("%s, %s, here %v: %s has %d octets, want %d", name, content, here, id, len(g.Octets[id]), len(octets))
					}
				}
				if e := g.End; e.Listed != e.Emitted || e.Listed+e.Excluded != total || e.Excluded != want.End.Excluded || e.Skipped != int64(len(g.Skipped)) {
					t.Errorf("%s, %s, here %v: %+v of %d, of the archive %+v", name, content, here, g.End, total, want.End)
				}
			}
			if name != "nothing" && (len(want.Order) == 0 || int64(len(want.Order)) == total) {
				t.Errorf("%s shows nothing", name)
			}
		}
	}
}

// A server whose SEARCH is of no use is found out, once, and nothing is lost.
func TestServersThatCannotSearch(t *testing.T) {
	messages := mails(40, 200)
	for i := range messages {
		messages[i] = slices.Concat(fmt.Appendf(nil, "Subject: %s %d\r\n", []string{"red", "grün"}[i%2], i), messages[i])
	}
	small := append(slices.Clip(messages), mails(1, 200)[0])
	messages = append(messages, mails(1, slabSize+1)[0])
	honest := func(real int) int { return real }
	ok := "TAG OK done\r\n"
	all := "* SEARCH"
	for i := range messages {
		all += fmt.Sprintf(" %d", i+1)
	}
	cases := map[string]struct {
		search   string
		warnings int
		searches int // at most
	}{
		"no such command":       {"TAG BAD what\r\n", 1, 1},
		"refused":               {"TAG NO not here\r\n", 1, 1},
		"it dies of it":         {"dies", 1, 3},
		"nothing found":         {"* SEARCH\r\n" + ok, 1, 2},
		"one is forgotten":      {strings.Replace(all, " 7 ", " ", 1) + "\r\n" + ok, 1, 2},
		"words in place of it":  {"* SEARCH none\r\n" + ok, 1, 2},
		"it finds what is not":  {all + " 4711 0 99999999\r\n" + ok, 0, 2},
		"another, in disguise":  {"TAG NO [LIMIT] too much\r\n", 1, 1},
		"it is busy, it claims": {"TAG NO [INUSE] later\r\n", 1, 5},
	}
	for name, c := range cases {
		for criteria, want := range map[string]func(int) bool{
			"SUBJECT red":                 func(uid int) bool { return uid%2 == 1 && uid < 41 },
			"SUBJECT grün":                func(uid int) bool { return uid%2 == 0 && uid < 41 },
			"BODY line LARGER 1000000":    func(uid int) bool { return uid == 41 },
			"UNFLAGGED UID 3:5 TEXT line": func(uid int) bool { return uid >= 3 && uid <= 5 },
		} {
			for _, content := range []stream.Content{stream.Full, stream.Headers} {
				server := oddServer{messages: small, size: honest, folders: true, search: c.search}
				if strings.Contains(criteria, "LARGER") {
					server.messages = messages
				}
				opt := options(t, content)
				opt.Messages.Criteria = exporttest.Parse(t, criteria)
				g, warned, err := chosen(t, server.start(t), opt, func(o *imapconn.Options) {
					if strings.Contains(c.search, "INUSE") {
						o.Retry.Max = imapconn.NoRetries // it would be waited for
					}
				})
				if err != nil {
					t.Errorf("%s, %s: %v", name, criteria, err)
					continue
				}
				if len(warned) != c.warnings || len(server.server.Commands("UID SEARCH")) > c.searches {
					t.Errorf("%s, %s: warned %q, %d searches", name, criteria, warned, len(server.server.Commands("UID SEARCH")))
				}
				if c.warnings == 0 {
					continue // and whatever it finds beside counts
				}
				var ids []string
				for uid := 1; uid <= len(messages); uid++ {
					if want(uid) {
						ids = append(ids, fmt.Sprint("INBOX/", uid))
					}
				}
				if !slices.Equal(g.Order, ids) || g.End.Excluded != int64(len(messages)-len(ids)) {
					t.Errorf("%s, %s, %s: %v, want %v; %+v", name, criteria, content, g.Order, ids, g.End)
				}
			}
		}
	}
}

// Words beyond ASCII are looked for here where the server does not know them.
func TestServerWithoutUTF8(t *testing.T) {
	messages := mails(6, 200)
	for i := range messages {
		messages[i] = slices.Concat(fmt.Appendf(nil, "Subject: %s\r\n", []string{"red", "grün"}[i%2]), messages[i])
	}
	server := oddServer{messages: messages, size: func(real int) int { return real }, folders: true, ascii: true}
	opt := options(t, stream.Full)
	opt.Messages.Criteria = exporttest.Parse(t, `UNFLAGGED SUBJECT "GRÜN"`)
	g, warned, err := chosen(t, server.start(t), opt)
	if err != nil || len(warned) > 0 || !slices.Equal(g.Order, []string{"INBOX/2", "INBOX/4", "INBOX/6"}) {
		t.Errorf("%v, %q, %v", err, warned, g)
	}
	if len(server.server.Commands("UID SEARCH UNFLAGGED")) != 1 {
		t.Errorf("%q", server.server.Commands(""))
	}
}

// What a server finds is taken as far as it has it, and no further.
func TestSearchOutsideTheFolder(t *testing.T) {
	server := oddServer{messages: mails(5, 100), size: func(real int) int { return real }, folders: true, search: "* SEARCH 1 2 3 4 5 77 4294967295\r\nTAG OK done\r\n"}
	opt := options(t, stream.Full)
	opt.Messages.Criteria = exporttest.Parse(t, "SEEN")
	g, warned, err := chosen(t, server.start(t), opt)
	if err != nil || len(warned) > 0 || len(g.Order) != 5 || g.End.Listed != 5 {
		t.Errorf("%v, %q, %v", err, warned, g)
	}
}

// Sizes that a server does not know are those of the octets.
func TestSizeOfNoSize(t *testing.T) {
	messages := append(mails(6, 600), mails(1, slabSize+1)[0], mails(1, 200000)[0])
	messages = append(messages, []byte("x"))
	sizes := func(size func(int) int) map[string]Options {
		least, most := options(t, stream.Full), options(t, stream.Headers)
		least.Messages.Criteria = search.MinSize(int64(len(messages[0])))
		most.Messages.Criteria = search.MaxSize(int64(len(messages[0])))
		return map[string]Options{"least": least, "most": most}
	}
	for name, size := range map[string]func(int) int{"zero": func(int) int { return 0 }, "none": func(int) int { return -1 }, "true": func(real int) int { return real }} {
		for end, opt := range sizes(size) {
			server := oddServer{messages: messages, size: size, folders: true}
			opt.Messages.Here = true
			g, _, err := chosen(t, server.start(t), opt)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"INBOX/1", "INBOX/2", "INBOX/3", "INBOX/4", "INBOX/5", "INBOX/6", "INBOX/7", "INBOX/8"}
			if end == "most" {
				want = append(want[:6], "INBOX/9")
			}
			if !slices.Equal(g.Order, want) {
				t.Errorf("%s, %s: %v, want %v", name, end, g.Order, want)
			}
			if end == "least" && g.End.Octets != int64(6*len(messages[0])+len(messages[6])+len(messages[7])) {
				t.Errorf("%s: %d octets", name, g.End.Octets)
			}
		}
	}
}

// What is left out counts for no limit.
func TestChoiceUnderALimit(t *testing.T) {
	messages := append(mails(4, 600), slices.Concat(mails(1, 200000)[0], []byte("needle")))
	messages = append(messages, mails(2, 600)...)
	server := oddServer{messages: messages, size: func(real int) int { return real }, folders: true}
	skip, err := search.Skip("needle")
	if err != nil {
		t.Fatal(err)
	}
	for name, choice := range map[string]export.MessageFilter{"skipped": {Skip: skip, SkipText: "x"}, "left out": {Criteria: exporttest.Parse(t, "NOT BODY needle"), Here: true}} {
		opt := options(t, stream.Full)
		opt.Limits.Octets = 100000
		opt.Messages = choice
		g, _, err := chosen(t, server.start(t), opt)
		if err != nil || len(g.Order) != 6 || g.End.Excluded != 1 {
			t.Errorf("%s: %v, %+v", name, err, g)
		}
	}
}

// A message that goes away while it is looked at is gone, not an error.
func TestChosenAndGone(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	for i := range 6 {
		account.AddMessage("INBOX", nil, exporttest.Arrived, fmt.Appendf(nil, "Subject: %d\r\n\r\nbody", i))
	}
	for _, content := range []stream.Content{stream.Full, stream.Headers} {
		session, err := imapconn.Open(context.Background(), exporttest.Connection(t, server.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		opt := options(t, content)
		opt.Messages = export.MessageFilter{Criteria: exporttest.Parse(t, "BODY body"), Here: true}
		box, err := session.Examine(t.Context(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		inbox := &stream.Folder{Name: "INBOX", UIDValidity: box.UIDValidity, Messages: box.Messages}
		c := &connection{session: session, warn: t.Logf}
		out := newSink(&opt)
		r := newWindowReader(c, out, false)
		r.tellApart(opt.Recipe)
		var kinds []itemKind
		err = out.run(t.Context(), func(ctx context.Context) error {
			pl, err := newPlanner(&opt, c).plan(ctx, inbox, stream.Progress{})
			if err != nil {
				return err
			}
			account.Expunge("INBOX", pl.windows[0].wants[2].uid)
			for _, w := range pl.windows {
				if err := r.read(ctx, w); err != nil {
					return err
				}
			}
			return nil
		}, func(b *batch) error {
			for _, it := range b.items {
				kinds = append(kinds, it.kind)
			}
			return nil
		})
		if n := len(kinds); err != nil || n < 5 || !slices.Equal(slices.Compact(kinds), []itemKind{itemMessage, itemGone, itemMessage}) {
			t.Errorf("%s: %v, %v", content, err, kinds)
		}
	}
}
