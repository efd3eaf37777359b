package imapconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// rule is one line of a scripted server: what it answers to a command. In the
// answer, TAG stands for the command's tag.
type rule struct {
	when   string // the command without its tag begins so, in any case
	reply  string
	raw    string // goes out as it is, under what compression there may be
	times  int    // 0: always
	early  bool   // answer before the literal, and do not read it
	close  bool   // close the connection after the answer
	noise  string // is said every few milliseconds before the answer
	noises int    // so often; 0: for ever

	// dialogue, if set, holds the exchange that a command begins: ask sends a
	// continuation and returns the client's line. It returns the answer.
	dialogue func(command string, ask func(text string) string) string
	stall    time.Duration
}

// closed is what a dialogue hears from a client that hangs up.
const closed = "(closed)"

const allCaps = "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ MULTIAPPEND UIDPLUS"

// script is an imaptest.Script whose rules are short to write. It logs in
// anybody.
type script struct {
	t        *testing.T
	server   *imaptest.Script
	ln       net.Listener
	greeting string
	caps     string
	rules    []*rule
	fn       func(text string) string // answers what no rule does, unless with ""
	unmarked bool                     // after COMPRESS, see packed

	mu    sync.Mutex
	conns []net.Conn
}

func newScript(t *testing.T, caps string, rules ...rule) *script {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, ln: ln, caps: caps, greeting: "* OK [CAPABILITY " + caps + "] ready\r\n"}
	for i := range rules {
		s.rules = append(s.rules, &rules[i])
	}
	s.serve()
	return s
}

// set changes the script under its lock.
func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// serve answers connections until the test ends.
func (s *script) serve() {
	s.server = &imaptest.Script{
		Caps: s.caps,
		Rules: []*imaptest.ScriptRule{
			{When: func(command string) bool { return command == "" }, Play: s.greet},
			{When: s.early, Early: true, Play: s.play},
			{When: func(string) bool { return true }, Play: s.play},
		},
		Before: func(c net.Conn) net.Conn {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns = append(s.conns, c)
			return c
		},
	}
	s.server.Serve(s.ln)
	s.t.Cleanup(s.server.Stop)
}

func (s *script) greet(r *imaptest.Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Say(s.greeting)
}

// play answers a command as the first rule says that fits.
func (s *script) play(reply *imaptest.Reply) {
	r := s.answer(reply.Command)
	if r.dialogue != nil {
		r.reply = r.dialogue(reply.Command, func(challenge string) string {
			line, ok := reply.Ask(challenge)
			if !ok {
				return closed
			}
			return line
		})
	}
	time.Sleep(r.stall)
	if r.noise != "" && !reply.Noise(r.noises, 5*time.Millisecond, r.noise) {
		reply.Close()
		return
	}
	if peer, ok := reply.Raw().(*packedPeer); ok && r.raw != "" {
		io.WriteString(peer.Conn, r.raw)
	}
	reply.Say(r.reply)
	if r.close {
		reply.Close()
	} else if reply.Command == "COMPRESS DEFLATE" && strings.Contains(r.reply, "TAG OK") {
		reply.Flush()
		reply.Upgrade(func(c net.Conn, br *bufio.Reader) (net.Conn, *bufio.Reader) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return packed(c, br, !s.unmarked)
		})
	}
}

func (s *script) find(text string) *rule {
	for _, r := range s.rules {
		if r.times >= 0 && len(text) >= len(r.when) && strings.EqualFold(text[:len(r.when)], r.when) {
			return r
		}
	}
	return nil
}

func (s *script) early(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(text)
	return r != nil && r.early
}

func (s *script) answer(text string) rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.find(text); r != nil {
		if r.times > 0 {
			if r.times--; r.times == 0 {
				r.times = -1
			}
		}
		return *r
	}
	if s.fn != nil {
		if reply := s.fn(text); reply != "" {
			return rule{reply: reply}
		}
	}
	verb, _, _ := strings.Cut(text, " ")
	switch strings.ToUpper(verb) {
	case "CAPABILITY":
		return rule{reply: "* CAPABILITY " + s.caps + "\r\nTAG OK\r\n"}
	case "AUTHENTICATE", "LOGIN":
		return rule{reply: "TAG OK [CAPABILITY " + s.caps + "] in\r\n"}
	case "LIST":
		return rule{reply: "* LIST (\\Noselect) \"/\" \"\"\r\nTAG OK\r\n"}
	case "EXAMINE", "SELECT":
		return rule{reply: "* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 9] .\r\n* OK [UIDNEXT 4] .\r\nTAG OK [READ-ONLY] .\r\n"}
	case "UID":
		if strings.HasPrefix(strings.ToUpper(text), "UID SEARCH") {
			return rule{reply: "* SEARCH\r\nTAG OK\r\n"}
		}
		return rule{reply: "TAG OK nothing\r\n"}
	case "LOGOUT":
		return rule{reply: "* BYE\r\nTAG OK\r\n", close: true}
	}
	return rule{reply: "TAG OK\r\n"}
}

// sent returns the commands that begin with a prefix.
func (s *script) sent(prefix string) (list []string) {
	for _, c := range s.server.Commands("") {
		if strings.HasPrefix(strings.ToUpper(c), prefix) {
			list = append(list, strings.TrimRight(c, "\r\n"))
		}
	}
	return list
}

func (s *script) options() Options {
	a := s.ln.Addr().(*net.TCPAddr)
	return Options{
		Host: a.IP.String(), Port: a.Port, User: "joe", TLS: TLSOptions{Mode: None}, Network: NetworkOptions{Timeout: 5 * time.Second},
		Login: LoginOptions{Password: func(context.Context) (string, error) { return "canary", nil }},
		Warn:  func(text string) { s.t.Log("warning: " + text) },
	}
}

func (s *script) open(change ...func(*Options)) *Session {
	s.t.Helper()
	o := s.options()
	for _, f := range change {
		f(&o)
	}
	session, err := Open(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	session.delays = []time.Duration{0, time.Millisecond, time.Millisecond}
	session.accepted.takeSize(1 << 30) // as if it had taken such a message before
	s.t.Cleanup(session.Close)
	return session
}

// examine opens the folder that every script has.
func (s *script) examine() *Selected {
	s.t.Helper()
	x, err := s.open().Examine(context.Background(), "box")
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

// show prints a message on one line, to be compared.
func show(m *Message) string {
	switch m.State {
	case Expunged:
		return fmt.Sprintf("%d gone", m.UID)
	case Failed:
		return strings.TrimSpace(fmt.Sprintf("%d %s %s", m.UID, m.Reason, m.Text))
	}
	text := strconv.Itoa(int(m.UID))
	if len(m.Flags) > 0 {
		text += " " + strings.Join(m.Flags, ",")
	}
	if m.InternalDate != "" {
		text += " " + m.InternalDate
	}
	if m.Size >= 0 {
		text += fmt.Sprintf(" %d", m.Size)
	}
	if m.Header != nil {
		text += fmt.Sprintf(" h%q", m.Header)
	}
	if m.Body != nil {
		text += fmt.Sprintf(" %q", m.Body)
	} else if m.Literal >= 0 {
		text += fmt.Sprintf(" {%d}", m.Literal)
	}
	return text
}

func equalLists(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// advises reports whether err has a hint with these words, or this cause.
func advises(err error, advice any) bool {
	if cause, ok := advice.(error); ok {
		return errors.Is(err, cause)
	}
	return strings.Contains(exit.HintOf(err), advice.(string))
}
