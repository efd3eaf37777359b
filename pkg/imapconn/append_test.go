package imapconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func message(body string, flags ...string) AppendMessage {
	return AppendMessage{Flags: flags, Size: int64(len(body)), Body: strings.NewReader(body)}
}

func dated(body, date string, flags ...string) AppendMessage {
	m := message(body, flags...)
	m.InternalDate = date
	return m
}

// appendAll calls Append and returns what done was told, a line each.
func appendAll(s *Session, mailbox string, msgs ...AppendMessage) (told []string, err error) {
	err = s.Append(context.Background(), mailbox, msgs, func(i int, r AppendResult) {
		line := fmt.Sprintf("%d", i)
		if r.UID != 0 {
			line += fmt.Sprintf(" uid %d/%d", r.UIDValidity, r.UID)
		}
		if r.Err != nil {
			line += " " + r.Err.Error()
		}
		if len(r.DroppedFlags) > 0 {
			line += " without " + strings.Join(r.DroppedFlags, ",")
		}
		if r.DroppedDate {
			line += " undated"
		}
		told = append(told, line)
	}, nil)
	return told, err
}

const (
	multiCaps  = allCaps
	plusCaps   = "IMAP4rev1 AUTH=PLAIN LITERAL+"
	minusCaps  = "IMAP4rev1 AUTH=PLAIN LITERAL- MULTIAPPEND"
	simpleCaps = "IMAP4rev1 AUTH=PLAIN"
)

func TestAppend(t *testing.T) {
	date := "2001-02-03T04:05:06+02:00"
	const wire = `"03-Feb-2001 04:05:06 +0200"`
	three := []AppendMessage{message("aaa", `\seen`, `\flagged`), dated("bb", date), message("c")}
	tests := []struct {
		name string
		caps string
		msgs []AppendMessage
		when []rule
		told []string
		sent []string
		err  string
	}{
		{"MULTIAPPEND", multiCaps, three, []rule{{when: "APPEND", reply: "TAG OK [appenduid 7 4:5,9] done\r\n"}}, []string{"0 uid 7/4", "1 uid 7/5", "2 uid 7/9"},
			[]string{`APPEND "box" (\Seen \Flagged) {3+}` + "\r\naaa " + wire + " {2+}\r\nbb {1+}\r\nc"}, ""},
		{"MULTIAPPEND, literals wait", "IMAP4rev1 AUTH=PLAIN MULTIAPPEND", three, []rule{{when: "APPEND", reply: ok}}, []string{"0", "1", "2"},
			[]string{`APPEND "box" (\Seen \Flagged) {3}` + "\r\naaa " + wire + " {2}\r\nbb {1}\r\nc"}, ""},
		{"APPENDUID does not fit", multiCaps, three, []rule{{when: "APPEND", reply: "TAG OK [APPENDUID 7 4:9999999] done\r\n"}}, []string{"0", "1", "2"}, nil, ""},
		{"LITERAL+", plusCaps, three, []rule{{when: `APPEND "box" (`, reply: "TAG OK [APPENDUID 7 1]\r\n"}, {when: "APPEND", reply: ok}}, []string{"0 uid 7/1", "1", "2"},
			[]string{`APPEND "box" (\Seen \Flagged) {3+}` + "\r\naaa", `APPEND "box" ` + wire + " {2+}\r\nbb", `APPEND "box" {1+}` + "\r\nc"}, ""},
		{"neither", simpleCaps, three[2:], nil, []string{"0"}, []string{`APPEND "box" {1}` + "\r\nc"}, ""},
		{"LITERAL-", minusCaps, []AppendMessage{message("c"), message(strings.Repeat("x", 5000))}, nil, []string{"0", "1"}, []string{`APPEND "box" {1+}` + "\r\nc {5000}\r\n" + strings.Repeat("x", 5000)}, ""},
		{"empty", multiCaps, []AppendMessage{message("a"), message(""), message("b")}, nil, []string{"0", "1 an empty message cannot be appended", "2"}, []string{`APPEND "box" {1+}` + "\r\na", `APPEND "box" {1+}` + "\r\nb"}, ""},
		{"above APPENDLIMIT", multiCaps + " APPENDLIMIT=3", []AppendMessage{message("aaaa"), message("bbb")}, nil, []string{"0 larger than the server's APPENDLIMIT: 4 octets, and it takes 3", "1"}, []string{`APPEND "box" {3+}` + "\r\nbbb"}, ""},
		{"odd flags and dates wait for consent", multiCaps, []AppendMessage{message("a", `\Recent`, `\Foo`, "a b", "x)\r\nA1 DELETE INBOX", "é", "NonJunk;1", "KW", "kw"), dated("b", "1950-01-01T00:00:00Z"), dated("c", "99-Foo")}, nil,
			[]string{"0 without \\Recent,\\Foo,a b,x)\r\nA1 DELETE INBOX,é", "1", "2 undated"},
			[]string{`APPEND "box" (NonJunk;1 KW) {1}` + "\r\na", `APPEND "box" "01-Jan-1950 00:00:00 +0000" {1}` + "\r\nb", `APPEND "box" {1+}` + "\r\nc"}, ""},
		{"one refused: halves", multiCaps, []AppendMessage{message("a"), message("b"), message("x"), message("d")},
			[]rule{{when: "APPEND \"box\" {1+}\r\na {1+}\r\nb {1+}\r\nx", reply: "TAG NO\r\n"}, {when: "APPEND \"box\" {1+}\r\nx", reply: "TAG NO bad header\r\n"}, {when: "APPEND \"box\" {1}\r\nx", reply: "TAG NO bad header\r\n"}},
			[]string{"0", "1", "2 imap: NO bad header", "3"}, []string{"APPEND \"box\" {1+}\r\na {1+}\r\nb {1+}\r\nx {1+}\r\nd", "APPEND \"box\" {1+}\r\na {1+}\r\nb", "APPEND \"box\" {1+}\r\nx {1+}\r\nd", "APPEND \"box\" {1+}\r\nx", "APPEND \"box\" {1}\r\nx", "APPEND \"box\" {1+}\r\nd"}, ""},
		{"a flag refused", multiCaps, []AppendMessage{message("a", "kw", `\Seen`), message("b", "kw")}, []rule{{when: `APPEND "box" (kw`, reply: "TAG NO no keywords\r\n"}},
			[]string{"0 without kw", "1 without kw"}, nil, ""},
		{"a flag refused before the literal", simpleCaps, []AppendMessage{message("a", "kw", `\Seen`), message("b")}, []rule{{when: `APPEND "box" (kw`, reply: "TAG NO no keywords\r\n", early: true}},
			[]string{"0 without kw", "1"}, []string{`APPEND "box" (kw \Seen) {1}`, `APPEND "box" (\Seen) {1}` + "\r\na", `APPEND "box" {1}` + "\r\nb"}, ""},
		{"a flag refused in a pipeline", plusCaps, []AppendMessage{message("a", `\Seen`), message("b")}, []rule{{when: `APPEND "box" (\Seen`, reply: "TAG NO no flags\r\n"}},
			[]string{"1", "0 without \\Seen"}, []string{`APPEND "box" (\Seen) {1+}` + "\r\na", `APPEND "box" {1+}` + "\r\nb", `APPEND "box" {1}` + "\r\na"}, ""},
		{"a date refused", simpleCaps, []AppendMessage{dated("a", "1950-01-01T00:00:00Z", `\Seen`)}, []rule{{when: `APPEND "box" (\Seen) "`, reply: "TAG BAD date\r\n", early: true, close: true}},
			[]string{"0 undated"}, []string{`APPEND "box" (\Seen) "01-Jan-1950 00:00:00 +0000" {1}`, `APPEND "box" (\Seen) {1}` + "\r\na"}, ""},
		{"too big", multiCaps, []AppendMessage{message("a", `\Seen`), message("b")}, []rule{{when: `APPEND "box" (\Seen)`, reply: "TAG NO [LIMIT] too large\r\n"}},
			[]string{"0 imap: NO [LIMIT] too large", "1"}, nil, ""},
		{"BAD for a batch: each alone, with consent", multiCaps, []AppendMessage{message("a"), message("x"), message("c"), message("d")}, []rule{{when: "APPEND \"box\" {1+}\r\na {1+}", reply: "TAG BAD\r\n", close: true}, {when: "APPEND \"box\" {1}\r\nx", reply: "TAG BAD what\r\n", close: true}},
			[]string{"0", "1 imap: BAD what", "2", "3"}, []string{"APPEND \"box\" {1+}\r\na {1+}\r\nx {1+}\r\nc {1+}\r\nd", "APPEND \"box\" {1}\r\na", "APPEND \"box\" {1}\r\nx", "APPEND \"box\" {1}\r\nx", "APPEND \"box\" {1}\r\nc", "APPEND \"box\" {1}\r\nd"}, ""},
		{"no mailbox", multiCaps, three, []rule{{when: "APPEND", reply: "TAG NO [trycreate] no\r\n"}}, nil, nil, "append to folder \"box\": no such mailbox: the server said NO [TRYCREATE] no"},
		{"no mailbox, pipeline", plusCaps, three, []rule{{when: "APPEND", reply: "TAG NO [TRYCREATE] no\r\n"}}, nil, nil, "append to folder \"box\": no such mailbox: the server said NO [TRYCREATE] no"},
		{"over quota from the second on", multiCaps, []AppendMessage{message("a"), message("b"), message("c")}, []rule{{when: "APPEND \"box\" {1+}\r\na {1+}", reply: "TAG NO [OVERQUOTA] full\r\n"}, {when: "APPEND \"box\" {1+}\r\nb", reply: "TAG NO [OVERQUOTA] full\r\n"}},
			[]string{"0"}, nil, "append to folder \"box\": the server said NO [OVERQUOTA] full"},
		{"busy once", multiCaps, three, []rule{{when: "APPEND", reply: "TAG NO Request is throttled. Suggested Backoff Time: 1\r\n", times: 1}}, []string{"0", "1", "2"}, nil, ""},
		{"busy once, pipeline", plusCaps, three, []rule{{when: "APPEND", reply: "TAG NO [INUSE]\r\n", times: 1}}, []string{"1", "2", "0"}, nil, ""},
		{"always busy", multiCaps, three, []rule{{when: "APPEND", reply: "TAG NO [UNAVAILABLE] later\r\n"}}, nil, nil, "append to folder \"box\": the server said NO [UNAVAILABLE] later"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, test.caps, test.when...)
			told, err := appendAll(server.open(), "box", test.msgs...)
			equalLists(t, told, test.told)
			if test.sent != nil {
				equalLists(t, server.sent("APPEND"), test.sent)
			}
			if err == nil && test.err != "" || err != nil && err.Error() != test.err {
				t.Errorf("error %v, want %s", err, test.err)
			}
		})
	}
}

func TestAppendErrors(t *testing.T) {
	for reply, code := range map[string]exit.Code{"TAG NO [TRYCREATE]\r\n": exit.CantCreate, "TAG NO [OVERQUOTA]\r\n": exit.CantCreate, "TAG NO [UNAVAILABLE]\r\n": exit.Temporary} {
		_, err := appendAll(newScript(t, multiCaps, rule{when: "APPEND", reply: reply}).open(), "box", message("a"))
		if exit.CodeOf(err) != code || errors.Is(err, ErrNoMailbox) != strings.Contains(reply, "TRYCREATE") {
			t.Errorf("%q: %v, %d", reply, err, exit.CodeOf(err))
		}
	}
	_, err := appendAll(newScript(t, multiCaps, rule{when: "APPEND", reply: "TAG NO no\r\n"}).open(), "box", message("a"))
	if err != nil {
		t.Error(err)
	}
	var no *imap.Error
	if err := (&refusal{&imap.Error{Text: "\x1b[2J"}}); !errors.As(err, &no) || strings.Contains(err.Error(), "\x1b") {
		t.Error(err)
	}
}

// TestAppendInDoubt loses the answer.
func TestAppendInDoubt(t *testing.T) {
	abc := []AppendMessage{message("a"), message("b"), message("c")}
	tests := []struct {
		name     string
		caps     string
		rules    []rule
		told     []string
		from, to int
	}{
		{"batch", multiCaps, []rule{{when: "APPEND", close: true}}, nil, 0, 3},
		{"pipeline", plusCaps, []rule{{when: "APPEND \"box\" {1+}\r\nb", close: true}}, []string{"0"}, 1, 3},
		{"pipeline, BAD", plusCaps, []rule{{when: "APPEND \"box\" {1+}\r\nb", reply: "TAG BAD\r\n", close: true}}, []string{"0"}, 1, 3},
		{"alone", simpleCaps, []rule{{when: "APPEND \"box\" {1}\r\nb", reply: "* BYE power\r\n", close: true}}, []string{"0"}, 1, 2},
		{"nonsense", multiCaps, []rule{{when: "APPEND", reply: "X9 OK\r\n"}}, nil, 0, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := newScript(t, test.caps, test.rules...)
			session := server.open()
			told, err := appendAll(session, "box", abc...)
			var doubt *InDoubt
			equalLists(t, told, test.told)
			if !errors.As(err, &doubt) || doubt.From != test.from || doubt.To != test.to {
				t.Fatalf("%v (%#v)", err, doubt)
			}
			if test.name != "nonsense" && exit.CodeOf(err) != exit.Temporary {
				t.Error(exit.CodeOf(err))
			}
			if strings.Contains(test.name, "BAD") { // the next call is careful
				appendAll(session, "box", abc[1:2]...)
				if sent := server.sent("APPEND"); !strings.HasSuffix(sent[len(sent)-1], "{1}\r\nb") {
					t.Error(sent)
				}
			}
			n := len(server.sent("APPEND"))
			if n > 4 {
				t.Errorf("%d APPENDs: something was sent again", n)
			}
		})
	}
}

// TestAppendNothingSent: a message whose text was not asked for is not in doubt.
func TestAppendNothingSent(t *testing.T) {
	server := newScript(t, simpleCaps, rule{when: "APPEND", early: true, close: true, reply: "* BYE no more\r\n"})
	_, err := appendAll(server.open(), "box", message("a"))
	var doubt *InDoubt
	if errors.As(err, &doubt) || exit.CodeOf(err) != exit.Temporary || !strings.Contains(err.Error(), "no more") {
		t.Error(err)
	}
}

// TestAppendAfterIdling: a connection that the server closed meanwhile puts
// nothing in doubt.
func TestAppendAfterIdling(t *testing.T) {
	for _, bye := range []string{"", "* BYE idle for too long\r\n"} {
		server := newScript(t, multiCaps)
		session := server.open()
		server.set(func(s *script) {
			io.WriteString(s.conns[0], bye)
			s.conns[0].Close()
		})
		session.c.idle = time.Now().Add(-2 * time.Second)
		time.Sleep(20 * time.Millisecond)
		if told, err := appendAll(session, "box", message("a")); err != nil || len(told) != 1 {
			t.Error(told, err)
		}
	}
}

// TestAppendBADStopsAtOnce: nothing of a message may follow a BAD, for the
// server would take it for commands.
func TestAppendBADStopsAtOnce(t *testing.T) {
	server := newScript(t, multiCaps, rule{when: "APPEND", reply: "TAG BAD syntax\r\n", early: true, stall: 100 * time.Millisecond})
	body := strings.Repeat("x\r\n", 8<<20) // more than the buffers on the way hold
	start := time.Now()
	told, err := appendAll(server.open(), "box", message(body))
	if err != nil || len(told) != 1 || !strings.Contains(told[0], "BAD syntax") || time.Since(start) > 4*time.Second {
		t.Error(told, err, time.Since(start))
	}
	if again := server.sent("APPEND"); len(again) != 3 || !strings.HasSuffix(again[1], "}") || strings.HasSuffix(again[1], "+}") {
		t.Errorf("%q", again)
	}
}

type badBody struct{}

func (badBody) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

// TestAppendBadBody: a message that cannot be read costs the connection, for
// its literal is open, and is not in doubt.
func TestAppendBadBody(t *testing.T) {
	short := AppendMessage{Size: 10, Body: bytes.NewReader([]byte("short"))}
	for _, caps := range []string{multiCaps, plusCaps, simpleCaps} {
		for _, m := range []AppendMessage{short, {Size: 10, Body: badBody{}}} {
			server := newScript(t, caps)
			told, err := appendAll(server.open(), "box", message("a"), m)
			var doubt *InDoubt
			if exit.CodeOf(err) != exit.IO || errors.As(err, &doubt) && (caps != plusCaps || doubt.To != 1) {
				t.Errorf("%s: %v %v", caps, told, err)
			}
			if sent := server.sent("APPEND"); len(sent) > 1 {
				t.Errorf("%q", sent)
			}
		}
	}
}

// TestAppendNames sends names that no quoted string holds as a literal.
func TestAppendNames(t *testing.T) {
	for _, caps := range []string{multiCaps, plusCaps, simpleCaps} {
		server := newScript(t, caps)
		told, err := appendAll(server.open(), "a\r\nA1 DELETE x\xff", message("a"), message("b"))
		if err != nil || len(told) != 2 {
			t.Error(told, err)
		}
		if sent := server.sent("APPEND"); !strings.HasPrefix(sent[0], "APPEND {15}\r\na\r\nA1 DELETE x\xff {1") {
			t.Errorf("%q", sent)
		}
		if len(server.sent("DELETE")) > 0 {
			t.Error("the name became a command")
		}
	}
	server := newScript(t, multiCaps)
	appendAll(server.open(), `a"b\c`, message("a"), message("b"))
	equalLists(t, server.sent("APPEND"), []string{`APPEND "a\"b\\c" {1}` + "\r\na", `APPEND "a\"b\\c" {1+}` + "\r\nb"})
}

// TestAppendMany crosses the bounds of batches and windows.
func TestAppendMany(t *testing.T) {
	for _, caps := range []string{multiCaps, plusCaps} {
		server := newScript(t, caps)
		var msgs []AppendMessage
		for i := range 450 {
			msgs = append(msgs, message(strings.Repeat(fmt.Sprintf("%d\r\n", i), 1+i*i%4000)+"."))
		}
		msgs[7] = message(strings.Repeat("y", 9<<20))
		told, err := appendAll(server.open(), "box", msgs...)
		if err != nil || len(told) != 450 || told[449] != "449" {
			t.Error(len(told), err)
		}
		sent := strings.Join(server.sent("APPEND"), "")
		at := 0
		for i := range msgs {
			var b bytes.Buffer
			writeBody(&b, &msgs[i])
			k := strings.Index(sent[at:], "+}\r\n"+b.String())
			if k < 0 {
				t.Fatalf("message %d is not where it should be", i)
			}
			at += k + b.Len()
		}
	}
}

// TestAppendSlowly: an upload that takes longer than the timeout is none.
func TestAppendSlowly(t *testing.T) {
	server := newScript(t, multiCaps)
	session := server.open(func(o *Options) { o.Network.Timeout = 150 * time.Millisecond })
	body := make([]byte, 1<<20)
	slow := AppendMessage{Size: int64(len(body)), Body: slowReader{bytes.NewReader(body)}}
	if told, err := appendAll(session, "box", slow); err != nil {
		t.Error(told, err)
	}
	server.set(func(s *script) { s.rules = []*rule{{when: "APPEND", stall: time.Minute}} })
	start := time.Now()
	var doubt *InDoubt
	if _, err := appendAll(session, "box", message("a")); !errors.As(err, &doubt) || time.Since(start) > 2*time.Second {
		t.Error(err, time.Since(start))
	}
}

type slowReader struct{ io.ReaderAt }

func (r slowReader) ReadAt(p []byte, off int64) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return r.ReaderAt.ReadAt(p, off)
}

func TestAppendCancelled(t *testing.T) {
	session := newScript(t, multiCaps, rule{when: "APPEND", reply: ok, stall: 100 * time.Millisecond}).open()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	told := 0
	err := session.Append(ctx, "box", []AppendMessage{message("a"), message("b", "odd;"), message("c")}, func(i int, r AppendResult) {
		if told++; r.Err != nil {
			t.Error(r.Err)
		}
	}, nil)
	if !errors.Is(err, context.Canceled) || told != 1 {
		t.Error(told, err)
	}
}

func TestAppendUIDs(t *testing.T) {
	for _, test := range []struct {
		args string
		n    int
		want string
	}{{"7 4", 1, "[4]"}, {"7 4:6", 3, "[4 5 6]"}, {"7 6:4", 3, "[4 5 6]"}, {"7 4,9:10", 3, "[4 9 10]"}, {"7 4:6", 2, "[]"}, {"7 4", 2, "[]"}, {"7 0", 1, "[]"}, {"7", 1, "[]"}, {"7 *", 1, "[]"},
		{"7 1:4294967295", 3, "[]"}, {"7 4294967295", 1, "[4294967295]"}, {"7 4294967290:4294967295", 6, "[4294967290 4294967291 4294967292 4294967293 4294967294 4294967295]"}} {
		if _, got := appendUIDs(&status{code: "APPENDUID", args: test.args}, test.n); fmt.Sprint(got) != test.want {
			t.Errorf("%s for %d: %v", test.args, test.n, got)
		}
	}
}
