package imaptest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTalk(t *testing.T) {
	for name, test := range map[string]struct {
		dialogue string // lines: "C" from the client, "S" from the server
		want     string
	}{
		"single":       {"C a NOOP|S a OK", "NOOP a:NOOP"},
		"uid":          {"C a uid fetch 1 FLAGS|S * 1 FETCH ()|S a OK", "UID FETCH a:UID FETCH"},
		"literal":      {"C a APPEND x {12}|S + go|C b LOGOUT\r\n..|C |S a OK", "APPEND a:APPEND"},
		"plus literal": {"C a APPEND x {10+}|C b LOGOUT\r\n|C |S a OK", "APPEND a:APPEND"},
		"refused":      {"C a APPEND x {12}|S a NO|C b NOOP|S b OK", "APPEND a:APPEND NOOP b:NOOP"},
		"multiappend":  {"C a APPEND x {4+}|C ab\r\n () {4}|S + go|C cd\r\n|C |S a OK", "APPEND a:APPEND"},
		"pipelined":    {"C a APPEND x {3+}|C abc|C b APPEND x {3+}|C abc|S a OK|S b NO", "APPEND APPEND a:APPEND b:APPEND"},
		"answers hide": {"C a UID FETCH 1 BODY[]|S * 1 FETCH (BODY[] {9}|S a OK no\r\n)|S a OK", "UID FETCH a:UID FETCH"},
		"authenticate": {"C a AUTHENTICATE PLAIN|S +|C AGE b c|S a OK|C b NOOP", "AUTHENTICATE a:AUTHENTICATE NOOP"},
		"idle":         {"C a IDLE|S + idling|C DONE now|S a OK|C b NOOP", "IDLE a:IDLE NOOP"},
		"compress":     {"C a COMPRESS DEFLATE|S a OK|C b NOOP", "COMPRESS a:COMPRESS"},
		"empty":        {"C a APPEND x {0}|S + go|C |S a OK|C b NOOP", "APPEND a:APPEND NOOP"},
	} {
		if got := hear(strings.Split(test.dialogue, "|")); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// hear feeds a dialogue to a talk, octet by octet, and returns the commands
// and the answers (marked by "a:", the tag).
func hear(lines []string) string {
	talk := newTalk()
	var heard []string
	var client, server []byte
	for _, line := range lines {
		text := line[2:] + "\r\n"
		for _, b := range []byte(text) {
			if line[0] == 'C' {
				client = append(client, b)
				n, verb := talk.fromClient(client)
				client = client[n:]
				if verb != "" {
					heard = append(heard, verb)
				}
				continue
			}
			server = append(server, b)
			n, verb := talk.fromServer(server)
			if verb != "" {
				heard = append(heard, string(server[:1])+":"+verb)
			}
			server = server[n:]
		}
	}
	return strings.Join(heard, " ")
}

// oneMessage is what the tests below append.
var oneMessage = Message{Octets: []byte("Subject: one\r\n\r\nHello\r\n"), InternalDate: time.Unix(1e9, 0)}

func messages(n int) Spec {
	folder := Folder{Path: "INBOX"}
	for range n {
		folder.Messages = append(folder.Messages, oneMessage)
	}
	return Spec{Folders: []Folder{folder}}
}

func TestProxyIsTransparent(t *testing.T) {
	s := StartServer(t, Options{LiteralPlus: true})
	p := NewFaultProxy(t, s.Addr())
	spec := Spec{Folders: []Folder{UglyFolder("INBOX")}}
	if _, err := Populate(p.Addr(), "joe", "secret", spec); err != nil {
		t.Fatal(err)
	}
	got, err := Dump(p.Addr(), "joe", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if diff := Diff(spec.Entries(), got, DiffOptions{Order: true}); diff != "" {
		t.Error(diff)
	}
	if n := p.Commands("APPEND"); n != spec.Count() {
		t.Errorf("%d APPENDs counted, want %d: %v", n, spec.Count(), p.Verbs())
	}
	if p.Connections() != 2 || p.Fired() != 0 {
		t.Errorf("%d connections, %d faults", p.Connections(), p.Fired())
	}
}

func TestCutAfterIsExact(t *testing.T) {
	for _, n := range []int64{0, 1, 1000, 65536, 1000003} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			got := make(chan int64, 1)
			source := bytes.Repeat([]byte("0123456\r\n"), 200000)
			target := oneShot(t, func(conn net.Conn) {
				conn.Write(source)
				io.Copy(io.Discard, conn)
			})
			for _, rule := range []Rule{HangUpAfter(ToClient, n), CutAfter(ToClient, n)} {
				p := NewFaultProxy(t, target, rule)
				conn, err := net.Dial("tcp", p.Addr())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Write([]byte("unread\r\nunread"))
				count, err := io.Copy(io.Discard, conn)
				reset := errors.Is(err, syscall.ECONNRESET)
				if rule.action == cut && (!reset || count > n) || rule.action == hangUp && (err != nil || count != n) {
					t.Errorf("%v: %d octets, %v", rule, count, err)
				}
			}

			target = oneShot(t, func(conn net.Conn) {
				conn.Write([]byte("* OK unread\r\n")) // must not turn the end into a reset
				time.Sleep(20 * time.Millisecond)
				count, err := io.Copy(io.Discard, conn)
				if err != nil {
					count = -1
				}
				got <- count
			})
			p := NewFaultProxy(t, target, CutAfter(ToServer, n))
			conn, err := net.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write(source)
			if count := <-got; count != n {
				t.Errorf("the server got %d octets, want %d", count, n)
			}
			if p.Fired() != 1 {
				t.Errorf("fired %d times", p.Fired())
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	s := StartServer(t, Options{})
	s.Account("joe").AddMessage("INBOX", nil, time.Time{}, []byte("Subject: one\r\n\r\nEXISTS\r\n"))
	p := NewFaultProxy(t, s.Addr())
	p.Rewrite(func(line string) string { return strings.Replace(line, "* 1 EXISTS", "* 2 EXISTS", 1) })
	c, err := login(p.Addr(), "joe", "secret")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := c.command("SELECT INBOX")
	if err != nil || !slices.ContainsFunc(lines, func(r response) bool { return r.name == "EXISTS" && r.number == 2 }) {
		t.Errorf("%v, %v", lines, err)
	}
	p.Rewrite(func(line string) string { return strings.TrimPrefix(line, "EXISTS") })
	got, err := Dump(p.Addr(), "joe", "secret")
	if err != nil || len(got) != 1 || got[0].SHA256 != s.Account("joe").Messages("INBOX")[0].SHA256 {
		t.Errorf("a literal was rewritten: %v, %v", got, err)
	}
}

func TestCutLine(t *testing.T) {
	s := StartServer(t, Options{})
	p := NewFaultProxy(t, s.Addr(), CutLine(`^\S+ APPEND .*\{22\+?\}$`).Each())
	for i, octets := range []string{"Subject: two\r\n\r\nHello\r\n", "Subject: one\r\n\r\nHell\r\n", "Subject: one\r\n\r\nHell\r\n", "Subject: o\r\n\r\nHi\r\n"} {
		c, err := login(p.Addr(), "joe", "secret")
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&loader{wire: c}).appendOne("INBOX", Message{Octets: []byte(octets)})
		if (err != nil) != (len(octets) == 22) {
			t.Errorf("message %d, %d octets: %v", i, len(octets), err)
		}
	}
	if n := len(s.Account("joe").Messages("INBOX")); n != 2 || p.Fired() != 2 {
		t.Errorf("%d messages, fired %d times", n, p.Fired())
	}
}

// oneShot serves one connection at a time.
func oneShot(t *testing.T, serve func(net.Conn)) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestDropAnswer(t *testing.T) {
	for _, start := range []func() (addr string, count func() int){
		func() (string, func() int) {
			s := StartServer(t, Options{})
			return s.Addr(), func() int { return len(s.Account("joe").Messages("INBOX")) }
		},
		func() (string, func() int) {
			r := StartDovecot(t, DovecotOptions{})
			return r.Addr, func() int {
				got, err := r.Dump("joe")
				if err != nil {
					t.Fatal(err)
				}
				return len(got)
			}
		},
	} {
		addr, count := start()
		p := NewFaultProxy(t, addr, DropAnswer("APPEND", 3))
		c, err := login(p.Addr(), "joe", "secret")
		if err != nil {
			t.Fatal(err)
		}
		l := &loader{wire: c}
		for i := 1; i <= 3; i++ {
			_, err = l.appendOne("INBOX", oneMessage)
			if (err != nil) != (i == 3) {
				t.Fatalf("APPEND %d: %v", i, err)
			}
		}
		if n := count(); n != 3 {
			t.Errorf("%d messages are stored, want 3", n)
		}
		if p.Fired() != 1 {
			t.Errorf("fired %d times", p.Fired())
		}
		if _, err := Populate(p.Addr(), "joe", "secret", messages(5)); err != nil {
			t.Errorf("the rule fires again: %v", err)
		}
	}
}

func TestCutCommandAndEach(t *testing.T) {
	s := StartServer(t, Options{})
	p := NewFaultProxy(t, s.Addr(), CutCommand("APPEND", 2).Each())
	for i := 1; i <= 3; i++ {
		if _, err := Populate(p.Addr(), "joe", "secret", messages(2)); err == nil {
			t.Fatal("nothing was cut")
		}
		if n := len(s.Account("joe").Messages("INBOX")); n != i {
			t.Errorf("%d messages after run %d", n, i)
		}
	}
	if p.Fired() != 3 || p.Commands("APPEND") != 6 {
		t.Errorf("fired %d times, %v", p.Fired(), p.Verbs())
	}
	p.SetRules()
	if _, err := Populate(p.Addr(), "joe", "secret", messages(2)); err != nil {
		t.Error(err)
	}
}

func TestStall(t *testing.T) {
	s := StartServer(t, Options{})
	p := NewFaultProxy(t, s.Addr(), StallAnswer("LOGIN", 1, 150*time.Millisecond))
	began := time.Now()
	if _, err := Dump(p.Addr(), "joe", "secret"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("LOGIN took %v", took)
	}
	p.SetRules(StallAfter(ToClient, 10, 0))
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	octets, err := io.ReadAll(conn)
	var timeout net.Error
	if len(octets) != 10 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%d octets, %v", len(octets), err)
	}
}

func TestHangUpAndCutAll(t *testing.T) {
	s := StartServer(t, Options{})
	p := NewFaultProxy(t, s.Addr(), HangUpAfter(ToClient, 5))
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if octets, err := io.ReadAll(conn); len(octets) != 5 || err != nil {
		t.Errorf("%q, %v", octets, err)
	}
	c, err := login(p.Addr(), "joe", "secret")
	if err != nil {
		t.Fatal(err)
	}
	p.CutAll()
	if _, err := c.command("NOOP"); err == nil {
		t.Error("the connection outlived CutAll")
	}
}

func TestRuleNames(t *testing.T) {
	for want, rule := range map[string]Rule{
		"cut after 7 octets to server":                              CutAfter(ToServer, 7),
		"hang up after 7 octets to client":                          HangUpAfter(ToClient, 7),
		"cut instead of the answer to APPEND 2":                     DropAnswer("APPEND", 2),
		"stall instead of the answer to NOOP 1, in each connection": StallAnswer("NOOP", 1, 0).Each(),
		"cut before UID FETCH 3":                                    CutCommand("UID FETCH", 3),
		"stall after 0 octets to client":                            StallAfter(ToClient, 0, time.Second),
	} {
		if rule.String() != want {
			t.Errorf("%q, want %q", rule, want)
		}
	}
}

func TestDelay(t *testing.T) {
	s := StartServer(t, Options{})
	s.Account("joe").AddMessage("INBOX", nil, time.Time{}, bytes.Repeat([]byte("0123456\r\n"), 28000)) // 252 kB
	p := NewDelayProxy(t, s.Addr(), 40*time.Millisecond, 0)
	began := time.Now()
	c, err := login(p.Addr(), "joe", "secret") // handshake, greeting, LOGIN, CAPABILITY
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if took < 120*time.Millisecond || took > 2*time.Second {
		t.Errorf("three round trips of 40 ms took %v", took)
	}
	c.close()
	p = NewDelayProxy(t, s.Addr(), 0, 10_000_000)
	began = time.Now()
	got, err := Dump(p.Addr(), "joe", "secret")
	if err != nil || len(got) != 1 || got[0].Size != 252000 {
		t.Fatal(got, err)
	}
	took = time.Since(began)
	if took < 200*time.Millisecond || took > 2*time.Second {
		t.Errorf("252 kB at 10 Mbit/s took %v", took)
	}
}
