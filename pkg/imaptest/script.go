package imaptest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Script is a server that answers as it is told: by rules, the first that fits
// a command, and else as a well-behaved server would for the mail in Store. It
// logs in anybody. The zero value with a Store can be started.
type Script struct {
	Greeting string // without line end; "" greets with Caps
	Caps     string // "" is DefaultScriptCaps
	Rules    []*ScriptRule
	Edits    []*ScriptRule // each that fits changes the answer, see Reply.Edit
	Store    *ScriptStore

	// Before, if set, is shown each new connection and returns what is spoken on:
	// a TLS connection, say. Nil closes it.
	Before func(net.Conn) net.Conn

	listener net.Listener
	mu       sync.Mutex
	commands []string
	open     map[net.Conn]bool
	count    int // connections so far
	other    *scriptView
	deferred []string
}

// DefaultScriptCaps is what a Script offers unless it is told otherwise.
const DefaultScriptCaps = "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE"

// ScriptRule is what is said to the commands that it fits.
type ScriptRule struct {
	When  func(command string) bool // command is without its tag and line end
	Skip  int                       // fits only after so many commands that it would fit
	Times int                       // is used up after so many; 0: never
	On    int                       // fits on this connection only, the first is 1; 0: on all
	If    string                    // fits only after Reply.Remember of this on the connection
	Not   string                    // fits only before it
	Early bool                      // answers before a literal comes, which is then read as commands
	Play  func(*Reply)
	Edit  func(answer string) string

	met, used int
}

// Matching returns a function for ScriptRule.When: a regular expression that
// must match the beginning of a command, in any case.
func Matching(pattern string) func(string) bool {
	re := regexp.MustCompile(`^(?is:` + pattern + `)`)
	return re.MatchString
}

// Reply is one command's answer while it is made.
type Reply struct {
	Tag     string
	Command string // without tag and line end; literals as they came
	Conn    int    // the number of the connection, from 1

	script *Script
	conn   *scriptConn
	edits  []*ScriptRule
	said   strings.Builder
	closed bool
}

// Say adds text to the answer; TAG stands for the command's tag. It goes out
// when the command has been answered, or with Flush.
func (r *Reply) Say(text string) { r.said.WriteString(strings.ReplaceAll(text, "TAG", r.Tag)) }

// Well carries the command out as a well-behaved server would, and returns the
// answer that such a server gives. It is not for Say: mail may hold TAG.
func (r *Reply) Well() string { return r.conn.view.answer(r) }

// Other carries a command out as another client would, whose connection lasts as
// long as the server, and returns the answer.
func (r *Reply) Other(command string) string {
	r.script.mu.Lock()
	if r.script.other == nil {
		r.script.other = &scriptView{store: r.script.Store}
	}
	view := r.script.other
	r.script.mu.Unlock()
	return view.answer(&Reply{Tag: "other", Command: command, script: r.script, conn: &scriptConn{view: view}})
}

// Defer puts the command off until Deferred.
func (r *Reply) Defer() {
	r.script.mu.Lock()
	defer r.script.mu.Unlock()
	r.script.deferred = append(r.script.deferred, r.Command)
}

// Deferred carries out what was put off.
func (r *Reply) Deferred() {
	r.script.mu.Lock()
	commands := r.script.deferred
	r.script.deferred = nil
	r.script.mu.Unlock()
	for _, command := range commands {
		r.Other(command)
	}
}

// Write adds octets to the answer as they are.
func (r *Reply) Write(octets []byte) (int, error) { return r.said.Write(octets) }

// Relay sends what has been said and lets the client talk to another server
// until one of them hangs up.
func (r *Reply) Relay(server io.ReadWriter) {
	r.Close()
	if r.Flush() {
		go io.Copy(server, r.conn.in)
		io.Copy(r.conn.Conn, server)
	}
}

// Close ends the connection after the answer.
func (r *Reply) Close() { r.closed = true }

// Flush sends what has been said. It reports whether the client is there.
func (r *Reply) Flush() bool {
	text := r.said.String()
	r.said.Reset()
	for _, e := range r.edits {
		text = e.Edit(text)
	}
	_, err := io.WriteString(r.conn.Conn, text)
	return err == nil
}

// Ask sends a continuation and returns the line that the client answers, ok
// false if it hangs up.
func (r *Reply) Ask(text string) (line string, ok bool) {
	r.Say("+ " + text + "\r\n")
	if !r.Flush() {
		return "", false
	}
	line, err := r.conn.in.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err == nil
}

// Upgrade puts another layer on the connection: compression, say.
func (r *Reply) Upgrade(layer func(net.Conn, *bufio.Reader) (net.Conn, *bufio.Reader)) {
	r.conn.Conn, r.conn.in = layer(r.conn.Conn, r.conn.in)
}

// Raw returns the connection itself.
func (r *Reply) Raw() net.Conn { return r.conn.Conn }

// Remember notes a word for the rest of the connection: see ScriptRule.If.
func (r *Reply) Remember(word string) { r.conn.words[word] = true }

// scriptConn is one client.
type scriptConn struct {
	net.Conn
	in    *bufio.Reader
	view  *scriptView
	n     int
	words map[string]bool // that were remembered
}

// Start serves on a free port of 127.0.0.1 until the test ends.
func (s *Script) Start(t testing.TB) *Script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(listener)
	t.Cleanup(s.Stop)
	return s
}

// Serve answers connections until Stop.
func (s *Script) Serve(listener net.Listener) {
	s.listener, s.open = listener, map[net.Conn]bool{}
	if s.Caps == "" {
		s.Caps = DefaultScriptCaps
	}
	if s.Store == nil {
		s.Store = &ScriptStore{}
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.count++
			n := s.count
			s.open[c] = true
			s.mu.Unlock()
			go func() {
				s.talk(c, n)
				c.Close()
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.open, c)
			}()
		}
	}()
}

// Stop closes the listener and all connections.
func (s *Script) Stop() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
}

// Addr is where the server listens.
func (s *Script) Addr() string { return s.listener.Addr().String() }

// Connections returns how many connections there have been.
func (s *Script) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Change runs a function while no rule is looked at.
func (s *Script) Change(change func(*Script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Commands returns what was asked, without tags, literals as they are, if it
// begins with a prefix in any case.
func (s *Script) Commands(prefix string) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commands {
		if len(c) >= len(prefix) && strings.EqualFold(c[:len(prefix)], prefix) {
			list = append(list, c)
		}
	}
	return list
}

func (s *Script) talk(nc net.Conn, n int) {
	if s.Before != nil {
		if nc = s.Before(nc); nc == nil {
			return
		}
		defer nc.Close()
	}
	s.mu.Lock()
	greeting := s.Greeting
	caps := s.Caps
	s.mu.Unlock()
	if greeting == "" {
		greeting = "* OK [CAPABILITY " + caps + "] ready"
	}
	c := &scriptConn{
		Conn: nc, in: bufio.NewReader(nc), n: n,
		view: &scriptView{store: s.Store}, words: map[string]bool{},
	}
	if r := s.rule("", c); r != nil { // a rule for the greeting
		reply := &Reply{script: s, conn: c, Conn: n}
		r.Play(reply)
		if !reply.Flush() || reply.closed {
			return
		}
	} else {
		io.WriteString(nc, greeting+"\r\n")
	}
	for {
		text, rule, ok := s.command(c)
		if !ok {
			return
		}
		tag, _, _ := strings.Cut(strings.TrimRight(text, "\r\n"), " ")
		command := commandOf(text)
		r := &Reply{Tag: tag, Command: command, Conn: n, script: s, conn: c, edits: s.edits(command, c)}
		if rule != nil {
			rule.Play(r)
		} else {
			r.said.WriteString(r.Well())
		}
		if !r.Flush() || r.closed {
			return
		}
	}
}

var scriptLiteral = regexp.MustCompile(`~?\{(\d+)(\+?)\}\r\n$`)

// command reads a command with its literals, and finds its rule.
func (s *Script) command(c *scriptConn) (text string, rule *ScriptRule, ok bool) {
	var all []byte
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return "", nil, false
		}
		all = append(all, line...)
		m := scriptLiteral.FindStringSubmatch(line)
		if m == nil || s.early(all, c) {
			text = string(all)
			command := commandOf(text)
			s.mu.Lock()
			s.commands = append(s.commands, command)
			s.mu.Unlock()
			return text, s.rule(command, c), true
		}
		if m[2] == "" {
			io.WriteString(c.Conn, "+ go on\r\n")
		}
		n, _ := strconv.Atoi(m[1])
		at := len(all)
		all = slices.Grow(all, min(n, 1<<28))[:at+min(n, 1<<28)]
		if _, err := io.ReadFull(c.in, all[at:]); err != nil {
			return "", nil, false
		}
	}
}

// commandOf is what was read without its tag and line end.
func commandOf(text string) string {
	_, command, _ := strings.Cut(text, " ")
	return strings.TrimSuffix(strings.TrimSuffix(command, "\n"), "\r")
}

// fits reports whether a rule is for a command on a connection.
func (r *ScriptRule) fits(command string, c *scriptConn) bool {
	return (r.Times == 0 || r.used < r.Times) && (r.On == 0 || r.On == c.n) &&
		(r.If == "" || c.words[r.If]) && (r.Not == "" || !c.words[r.Not]) && r.When(command)
}

// rule returns the first rule that fits, and counts it.
func (s *Script) rule(command string, c *scriptConn) *ScriptRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.Rules {
		if r.fits(command, c) {
			if r.met++; r.met <= r.Skip {
				continue
			}
			r.used++
			return r
		}
	}
	return nil
}

// early reports whether a command is answered before its next literal.
func (s *Script) early(text []byte, c *scriptConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.Rules, func(r *ScriptRule) bool { return r.Early }) {
		return false
	}
	command := commandOf(string(text))
	for _, r := range s.Rules {
		if r.fits(command, c) && r.met >= r.Skip {
			return r.Early
		}
	}
	return false
}

func (s *Script) edits(command string, c *scriptConn) (list []*ScriptRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.Edits {
		if r.fits(command, c) {
			if r.met++; r.met > r.Skip {
				r.used++
				list = append(list, r)
			}
		}
	}
	return list
}

// Noise says a text n times, 0 for ever, a pause apart, until the client hangs
// up.
func (r *Reply) Noise(n int, pause time.Duration, text string) bool {
	for i := 0; n == 0 || i < n; i++ {
		r.Say(text)
		if !r.Flush() {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// literalOf writes a text as a literal.
func literalOf(text string) string { return fmt.Sprintf("{%d}\r\n%s", len(text), text) }
