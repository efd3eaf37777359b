package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// oddServer is a server with habits. It speaks as much IMAP as an export needs.
type oddServer struct {
	messages [][]byte
	size     func(real int) int // what it says of a message's size
	backward bool               // it answers in descending order
	piece    int                // the most that it gives of a part, 0: all
	hidden   int                // a UID that a listing of many leaves out
	folders  bool               // it lists any
	bye      bool               // it closes a connection at its first NOOP
	search   string             // what it answers to a SEARCH; "": all that there is
	ascii    bool               // it knows no UTF-8
	server   *imaptest.Script
}

// start serves until the test ends and returns the address.
func (o *oddServer) start(t *testing.T) string {
	t.Helper()
	store := &imaptest.ScriptStore{}
	for _, octets := range o.messages {
		store.Add("INBOX", &imaptest.ScriptMessage{Date: "02-Jan-2020 03:04:05 +0000", Octets: string(octets)})
	}
	o.server = &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] odd", Caps: "IMAP4rev1", Store: store}
	answer := func(pattern, text string) {
		o.server.Rules = append(o.server.Rules, &imaptest.ScriptRule{When: imaptest.Matching(pattern), Play: func(r *imaptest.Reply) { r.Say(text) }})
	}
	answer("NAMESPACE", "TAG BAD what\r\n")
	if !o.folders {
		answer(`(LIST|LSUB) "" "[^"]`, "TAG OK done\r\n")
	}
	if o.ascii {
		answer("UID SEARCH.* CHARSET", "TAG NO [BADCHARSET (US-ASCII)] none\r\n")
	}
	if o.search != "" && o.search != "dies" {
		answer("UID SEARCH", o.search)
	}
	o.server.Rules = append(o.server.Rules,
		&imaptest.ScriptRule{When: imaptest.Matching("UID SEARCH|NOOP"), Play: func(r *imaptest.Reply) {
			switch {
			case r.Command == "NOOP" && o.bye:
				r.Say("* BYE idle for too long\r\n")
				r.Close()
			case r.Command != "NOOP" && o.search == "dies":
				r.Close()
			default:
				r.Write([]byte(r.Well()))
			}
		}},
		&imaptest.ScriptRule{When: imaptest.Matching("UID FETCH"), Play: o.fetch})
	return o.server.Start(t).Addr()
}

var (
	fetchPart = regexp.MustCompile(`BODY\.PEEK\[\]<(\d+)\.(\d+)>`)
	saidUID   = regexp.MustCompile(`^\* \d+ FETCH \(UID (\d+) `)
)

// fetch answers as a server would, and then changes the answer.
func (o *oddServer) fetch(r *imaptest.Reply) {
	command := r.Command
	if part := fetchPart.FindStringSubmatch(command); part != nil && o.piece > 0 {
		n, _ := strconv.Atoi(part[2])
		r.Command = fetchPart.ReplaceAllString(command, fmt.Sprintf("BODY.PEEK[]<%s.%d>", part[1], min(n, o.piece)))
	}
	well := r.Well()
	at := strings.LastIndex(well, r.Tag)
	tagged := well[at:]
	var answers []string
	for _, answer := range splitAnswers(well[:at]) {
		uid := saidUID.FindStringSubmatch(answer)
		if uid != nil && uid[1] == strconv.Itoa(o.hidden) && strings.Contains(command, ":") {
			continue
		}
		answers = append(answers, o.resize(answer))
	}
	if o.backward {
		slices.Reverse(answers)
	}
	r.Write([]byte(strings.Join(answers, "") + tagged))
}

// splitAnswers splits FETCH answers. It reads megabytes of mail under the race
// detector, hence no regular expression. No message has a line that begins
// with a star.
func splitAnswers(text string) (answers []string) {
	const next = "\r\n* "
	for text != "" {
		end := len(text)
		if i := strings.Index(text, next); i >= 0 {
			end = i + len("\r\n")
		}
		answers = append(answers, text[:end])
		text = text[end:]
	}
	return answers
}

// resize returns an answer in which RFC822.SIZE is what the server says.
func (o *oddServer) resize(answer string) string {
	const item = "RFC822.SIZE "
	at := strings.Index(answer, item)
	if at < 0 {
		return answer
	}
	at += len(item)
	digits := at + strings.IndexAny(answer[at:], " )")
	n, _ := strconv.Atoi(answer[at:digits])
	return answer[:at] + strconv.Itoa(o.size(n)) + answer[digits:]
}

func mails(n, octets int) (out [][]byte) {
	for i := range n {
		out = append(out, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\n%s", i, bytes.Repeat([]byte("line\r\n"), octets/6)))
	}
	return out
}

func TestServersWithHabits(t *testing.T) {
	honest := func(real int) int { return real }
	cases := []struct {
		name   string
		server *oddServer
		code   exit.Code
	}{
		{"sizes too small, answers backward", &oddServer{messages: mails(90, 100000), size: func(int) int { return 1 }, backward: true, folders: true}, exit.OK},
		{"sizes that are none", &oddServer{messages: mails(60, 100000), size: func(int) int { return -1 }, backward: true, folders: true}, exit.OK},
		{"short parts and a wrong size", &oddServer{messages: mails(2, 9<<20), size: func(real int) int { return real + 7 }, piece: 1 << 20, folders: true}, exit.OK},
		{"short parts", &oddServer{messages: mails(1, 9<<20), size: honest, piece: 100000, folders: true}, exit.OK},
		{"a listing that leaves one out", &oddServer{messages: mails(5, 100), size: honest, hidden: 3, folders: true}, exit.OK},
		{"no folders", &oddServer{messages: mails(1, 100), size: honest}, exit.Protocol},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				data, err := exportOf(t, c.server.start(t), options(t, stream.Full))
				if exit.CodeOf(err) != c.code {
					t.Errorf("%v, want code %d", err, c.code)
				}
				if err != nil {
					return
				}
				g := exporttest.Read(t, data)
				for i, want := range c.server.messages {
					if got := g.Octets[fmt.Sprint("INBOX/", i+1)]; !bytes.Equal(got, want) {
						t.Errorf("UID %d: %d octets, want %d", i+1, len(got), len(want))
					}
				}
			}()
			select {
			case <-done:
			case <-time.After(60 * time.Second):
				t.Fatal("no end")
			}
		})
	}
}

// TestNobodyReads: a connection that has to wait because nobody reads the
// stream says so now and then. If the server has closed it all the same, it is
// opened again once somebody reads.
func TestNobodyReads(t *testing.T) {
	byes := []bool{true, false}
	if testing.Short() {
		byes = byes[:1]
	}
	for _, bye := range byes {
		server := &oddServer{messages: mails(200, 100000), size: func(real int) int { return real }, folders: true, bye: bye}
		addr := server.start(t)
		opt := options(t, stream.Full)
		opt.keepAlive = 20 * time.Millisecond
		r, out := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			w := stream.NewWriter(out, stream.WriterOptions{})
			err := Run(t.Context(), exporttest.Connection(t, addr), opt, w, nil)
			ended <- errors.Join(err, w.Close())
			out.Close()
		}()
		wanted := 5
		if bye {
			wanted = 1
		}
		for began := time.Now(); len(server.server.Commands("NOOP")) < wanted; time.Sleep(time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%d NOOPs while nobody reads", len(server.server.Commands("NOOP")))
			}
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, <-ended); err != nil {
			t.Fatal(err)
		}
		g := exporttest.Read(t, data)
		for i, want := range server.messages {
			if !bytes.Equal(g.Octets[fmt.Sprint("INBOX/", i+1)], want) {
				t.Errorf("UID %d is not what it was", i+1)
			}
		}
		if n := server.server.Connections(); (n > 1) != bye {
			t.Errorf("%d connections", n)
		}
	}
}
