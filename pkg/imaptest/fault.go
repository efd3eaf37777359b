package imaptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// FaultProxy is a line to a server that breaks by rules. It follows IMAP in
// plain text; see talk for what it cannot see through.
type FaultProxy struct {
	target   string
	listener net.Listener
	done     chan struct{}
	running  sync.WaitGroup

	lieMu     sync.Mutex
	lie       func(line string) string
	interrupt *interrupt

	mu          sync.Mutex
	rules       []Rule
	fired       []int // how often, by rule
	counts      counts
	connections int
	links       map[*link]bool
}

// counts is what rules are held against.
type counts struct {
	octets   [2]int64
	commands map[string]int64
	answers  map[string]int64
}

func newCounts() counts { return counts{commands: map[string]int64{}, answers: map[string]int64{}} }

// link is one connection through the proxy.
type link struct {
	proxy          *FaultProxy
	client, server *net.TCPConn

	talkMu sync.Mutex
	talk   *talk

	// Guarded by FaultProxy.mu.
	counts counts
	fired  map[int]bool
	gate   chan struct{} // not nil: stalled until it is closed
	broken bool
}

var errBroken = errors.New("imaptest: the line was cut")

// NewFaultProxy opens a line to target on a free port of 127.0.0.1, until the
// test ends.
func NewFaultProxy(t testing.TB, target string, rules ...Rule) *FaultProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &FaultProxy{target: target, listener: listener, done: make(chan struct{}), links: map[*link]bool{}}
	p.SetRules(rules...)
	p.running.Add(1)
	go p.accept()
	t.Cleanup(p.Close)
	return p
}

// Addr is where clients connect.
func (p *FaultProxy) Addr() string { return p.listener.Addr().String() }

// SetRules replaces the rules and sets every count to nought.
func (p *FaultProxy) SetRules(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.fired = rules, make([]int, len(rules))
	p.counts, p.connections = newCounts(), 0
	for l := range p.links {
		l.counts, l.fired = newCounts(), map[int]bool{}
	}
}

// Rewrite makes the proxy say something else in place of the server: fn gets
// each line of it, without its end, and gives what the client gets, "" for
// nothing. Literals, and the lines that announce one, stay as they are. fn is
// called from one goroutine at a time.
func (p *FaultProxy) Rewrite(fn func(line string) string) {
	p.lieMu.Lock()
	defer p.lieMu.Unlock()
	p.lie = fn
}

// Fired tells how often rules have fired, all together.
func (p *FaultProxy) Fired() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, times := range p.fired {
		n += times
	}
	return n
}

// Commands counts the commands of a verb that clients have sent: "APPEND",
// "UID FETCH". A command that a rule cut counts too.
func (p *FaultProxy) Commands(verb string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.counts.commands[verb])
}

// Verbs returns the count of every verb that clients have sent.
func (p *FaultProxy) Verbs() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	verbs := map[string]int{}
	for verb, n := range p.counts.commands {
		verbs[verb] = int(n)
	}
	return verbs
}

// Octets counts what has gone in a direction.
func (p *FaultProxy) Octets(direction Direction) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts.octets[direction]
}

// Connections counts the connections since SetRules.
func (p *FaultProxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connections
}

// CutAll resets every connection now.
func (p *FaultProxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end(cut)
	}
}

// Close ends every connection and waits for them.
func (p *FaultProxy) Close() {
	p.mu.Lock()
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	for l := range p.links {
		l.broken = true
		l.reset()
		l.server.Close()
	}
	p.mu.Unlock()
	p.listener.Close()
	p.running.Wait()
}

func (p *FaultProxy) accept() {
	defer p.running.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.start(client.(*net.TCPConn), server.(*net.TCPConn))
	}
}

func (p *FaultProxy) start(client, server *net.TCPConn) {
	l := &link{proxy: p, client: client, server: server, talk: newTalk(), counts: newCounts(), fired: map[int]bool{}}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		client.Close()
		server.Close()
		return
	default:
	}
	p.connections++
	p.links[l] = true
	p.running.Add(1)
	go l.run()
}

func (l *link) run() {
	defer l.proxy.running.Done()
	var both sync.WaitGroup
	both.Go(func() { l.pump(ToServer, l.client, l.server) })
	both.Go(func() { l.pump(ToClient, l.server, l.client) })
	both.Wait()
	l.client.Close()
	l.server.Close()
	l.proxy.mu.Lock()
	delete(l.proxy.links, l)
	l.proxy.mu.Unlock()
}

// pump carries one direction, unit by unit. When the line is broken it goes on
// reading, for octets left unread would turn an orderly end into a reset.
func (l *link) pump(direction Direction, from, to *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	var held []byte
	for {
		n, err := from.Read(buffer)
		held = append(held, buffer[:n]...)
		for len(held) > 0 {
			n, bad := l.carry(direction, held, to)
			if bad != nil {
				from.SetReadDeadline(time.Now().Add(stopTimeout))
				io.Copy(io.Discard, from)
				return
			}
			if n == 0 {
				break
			}
			held = held[n:]
		}
		if err != nil {
			l.forward(direction, held, to) // a line without its end
			to.CloseWrite()
			return
		}
	}
}

// carry sends the unit at the front on, unless a rule is against it.
func (l *link) carry(direction Direction, octets []byte, to *net.TCPConn) (int, error) {
	l.talkMu.Lock()
	var n int
	var verb string
	if direction == ToServer {
		n, verb = l.talk.fromClient(octets)
	} else {
		n, verb = l.talk.fromServer(octets)
	}
	line := l.talk.line
	l.talkMu.Unlock()
	unit := octets[:n]
	if line {
		if direction == ToServer {
			l.proxy.before(unit)
		}
		if unit = l.said(direction, unit); !l.allowLine(direction, unit) {
			return 0, errBroken
		}
	}
	if verb != "" && !l.allow(direction, verb) {
		return 0, errBroken
	}
	return n, l.forward(direction, unit, to)
}

// said returns a line as it goes on.
func (l *link) said(direction Direction, line []byte) []byte {
	l.proxy.lieMu.Lock()
	defer l.proxy.lieMu.Unlock()
	text := strings.TrimRight(string(line), "\r\n")
	if _, _, announces := literalAt(text); l.proxy.lie == nil || direction == ToServer || announces {
		return line
	}
	if text = l.proxy.lie(text); text == "" {
		return nil
	}
	return []byte(text + "\r\n")
}

// allowLine holds a line against the rules; false when one has cut the line.
func (l *link) allowLine(direction Direction, line []byte) bool {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, rule := range p.rules {
		if rule.trigger == onLine && direction == ToServer && !l.spent(i) &&
			rule.pattern.Match(bytes.TrimRight(line, "\r\n")) {
			l.fire(i)
		}
	}
	return !l.broken
}

// allow counts a command or an answer; false when a rule has cut the line.
func (l *link) allow(direction Direction, verb string) bool {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	kind, all, own := onCommand, p.counts.commands, l.counts.commands
	if direction == ToClient {
		kind, all, own = onAnswer, p.counts.answers, l.counts.answers
	}
	all[verb]++
	own[verb]++
	for i, rule := range p.rules {
		count := all[verb]
		if rule.each {
			count = own[verb]
		}
		if rule.trigger == kind && rule.verb == verb && rule.n == count && !l.spent(i) {
			l.fire(i)
		}
	}
	return !l.broken
}

func (l *link) forward(direction Direction, octets []byte, to *net.TCPConn) error {
	for len(octets) > 0 {
		l.wait()
		if l.isBroken() {
			return errBroken
		}
		n, rule := l.quota(direction, len(octets))
		if _, err := to.Write(octets[:n]); err != nil {
			return err
		}
		l.act(rule)
		if l.isBroken() {
			return errBroken
		}
		octets = octets[n:]
	}
	return nil
}

// quota counts octets, up to the next rule's trigger, whose index it returns
// (else -1).
func (l *link) quota(direction Direction, n int) (int, int) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	hit := -1
	for i, rule := range p.rules {
		count := p.counts.octets[direction]
		if rule.each {
			count = l.counts.octets[direction]
		}
		left := rule.n - count
		if rule.trigger == onOctets && rule.direction == direction && !l.spent(i) && left >= 0 && left <= int64(n) {
			n, hit = int(left), i
		}
	}
	p.counts.octets[direction] += int64(n)
	l.counts.octets[direction] += int64(n)
	return n, hit
}

// spent reports whether a rule has fired already. FaultProxy.mu is held.
func (l *link) spent(i int) bool {
	return l.fired[i] || !l.proxy.rules[i].each && l.proxy.fired[i] > 0
}

func (l *link) act(rule int) {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if rule >= 0 && rule < len(l.proxy.rules) && !l.spent(rule) {
		l.fire(rule)
	}
}

// fire does what a rule says. FaultProxy.mu is held.
func (l *link) fire(i int) {
	rule := l.proxy.rules[i]
	l.proxy.fired[i]++
	l.fired[i] = true
	if rule.action != stall {
		l.end(rule.action)
		return
	}
	gate := make(chan struct{})
	l.gate = gate
	if rule.pause > 0 {
		time.AfterFunc(rule.pause, func() { close(gate) })
	}
}

// resetGrace is how much later than the last octet a reset comes, for a reset
// makes TCP forget what the client has not received yet.
const resetGrace = 10 * time.Millisecond

// end breaks the line: the client sees a reset or end of file, the server end
// of file after all that it was sent. FaultProxy.mu is held.
func (l *link) end(how action) {
	if l.broken {
		return
	}
	l.broken = true
	l.server.CloseWrite()
	if how == hangUp {
		l.client.CloseWrite()
		return
	}
	time.AfterFunc(resetGrace, l.reset)
}

func (l *link) reset() {
	l.client.SetLinger(0)
	l.client.Close()
}

func (l *link) isBroken() bool {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	return l.broken
}

// wait holds traffic back while the link is stalled.
func (l *link) wait() {
	l.proxy.mu.Lock()
	gate := l.gate
	l.proxy.mu.Unlock()
	if gate == nil {
		return
	}
	select {
	case <-gate:
	case <-l.proxy.done:
	}
}
