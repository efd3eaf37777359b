package imapconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAppendKeywords: a keyword stands before a non-synchronising literal only
// when this server has taken it behind one that waited.
func TestAppendKeywords(t *testing.T) {
	for name, c := range map[string]struct {
		caps string
		sent []string
	}{
		"MULTIAPPEND": {multiCaps, []string{`APPEND "box" (domain.com) {1}` + "\r\na", `APPEND "box" (domain.com) {1+}` + "\r\nb (domain.com \\Seen) {1+}\r\nc", `APPEND "box" (domain.com new) {1}` + "\r\nd", `APPEND "box" (new) {1+}` + "\r\ne"}},
		"LITERAL+":    {plusCaps, []string{`APPEND "box" (domain.com) {1}` + "\r\na", `APPEND "box" (domain.com) {1+}` + "\r\nb", `APPEND "box" (domain.com \Seen) {1+}` + "\r\nc", `APPEND "box" (domain.com new) {1}` + "\r\nd", `APPEND "box" (new) {1+}` + "\r\ne"}},
		"LITERAL-":    {minusCaps, []string{`APPEND "box" (domain.com) {1}` + "\r\na", `APPEND "box" (domain.com) {1+}` + "\r\nb (domain.com \\Seen) {1+}\r\nc", `APPEND "box" (domain.com new) {1}` + "\r\nd", `APPEND "box" (new) {1+}` + "\r\ne"}},
	} {
		server := newScript(t, c.caps)
		told, err := appendAll(server.open(), "box", message("a", "domain.com"), message("b", "domain.com"), message("c", "domain.com", `\Seen`), message("d", "domain.com", "new"), message("e", "new"))
		if err != nil || len(told) != 5 {
			t.Error(name, told, err)
		}
		equalLists(t, server.sent("APPEND"), c.sent)
	}
}

// TestAppendManyKeywords: messages with the same few keywords go in batches.
func TestAppendManyKeywords(t *testing.T) {
	for caps, most := range map[string]int{multiCaps: 6, plusCaps: 400} {
		server := newScript(t, caps)
		var msgs []AppendMessage
		for i := range 400 {
			msgs = append(msgs, message("a", []string{"$Forwarded", "NonJunk", `\Seen`}[i%3]))
		}
		told, err := appendAll(server.open(), "box", msgs...)
		waited := 0
		for _, sent := range server.sent("APPEND") {
			if strings.HasSuffix(sent, "{1}\r\na") {
				waited++
			}
		}
		if n := len(server.sent("APPEND")); err != nil || len(told) != 400 || n > most || waited != 2 {
			t.Errorf("%d told, %d commands, %d of them waited: %v", len(told), n, waited, err)
		}
	}
}

// TestAppendRefusedKeyword: a keyword that a mailbox refuses, twice, makes the
// messages behind it no slower.
func TestAppendRefusedKeyword(t *testing.T) {
	server := newScript(t, multiCaps, rule{when: `APPEND "box" (bad`, reply: "TAG BAD what\r\n", early: true, close: true})
	told, err := appendAll(server.open(), "box", message("a", "bad"), message("b", "bad", `\Seen`), message("c", "bad"))
	if err != nil {
		t.Error(err)
	}
	equalLists(t, told, []string{"0 without bad", "1 without bad", "2 without bad"})
	equalLists(t, server.sent("APPEND"), []string{`APPEND "box" (bad) {1}`, `APPEND "box" (bad) {1}`, `APPEND "box" {1}` + "\r\na", `APPEND "box" (\Seen) {1+}` + "\r\nb {1+}\r\nc"})
}

// TestAppendRefusedOnce: a refusal that names nothing says nothing against flags
// or date.
func TestAppendRefusedOnce(t *testing.T) {
	for _, caps := range []string{multiCaps, plusCaps, simpleCaps} {
		for _, reply := range []string{"TAG BAD Internal server error\r\n", "TAG NO Internal server error\r\n"} {
			for _, early := range []bool{false, true} {
				server := newScript(t, caps, rule{when: "APPEND", reply: reply, times: 1, early: early && caps == simpleCaps})
				told, err := appendAll(server.open(), "box", dated("a", "1950-01-01T00:00:00Z", `\Seen`, "kw"), dated("b", "2001-01-01T00:00:00Z", `\Seen`))
				slices.Sort(told)
				if err != nil || fmt.Sprint(told) != "[0 1]" {
					t.Errorf("%s, %q: %q %v", caps, reply, told, err)
				}
			}
		}
	}
}

// TestAppendLooksUp: what was refused after its octets had gone out is sent
// again, or reported as refused, only when it is known to be missing.
func TestAppendLooksUp(t *testing.T) {
	four := []AppendMessage{message("a"), message("b"), message("c"), message("d")}
	for _, c := range []struct {
		name   string
		caps   string
		rule   rule
		stored string // of which messages
		told   []string
		looks  []string
		sent   int
	}{
		{"all", multiCaps, rule{when: "APPEND", reply: "TAG NO no\r\n"}, "0123", nil, []string{"[0 1 2 3]"}, 1},
		{"all, BAD", multiCaps, rule{when: "APPEND", reply: "TAG BAD no\r\n"}, "0123", nil, []string{"[0 1 2 3]"}, 1},
		{"some, BAD", multiCaps, rule{when: "APPEND", reply: "TAG BAD no\r\n", times: 1}, "02", []string{"1", "3"}, []string{"[0 1 2 3]"}, 3},
		{"some", multiCaps, rule{when: "APPEND", reply: "TAG NO no\r\n", times: 1}, "02", []string{"1", "3"}, []string{"[0 1 2 3]"}, 3},
		{"over quota", multiCaps, rule{when: "APPEND", reply: "TAG NO [OVERQUOTA] no\r\n"}, "0123", nil, []string{"[0 1 2 3]"}, 1},
		{"in use", multiCaps, rule{when: "APPEND", reply: "TAG NO [INUSE] no\r\n", times: 1}, "1", []string{"0", "2", "3"}, []string{"[0 1 2 3]"}, 2},
		{"too large", multiCaps, rule{when: "APPEND", reply: "TAG NO [LIMIT] no\r\n", times: 3}, "0", []string{"1 imap: NO [LIMIT] no", "2", "3"}, []string{"[0 1 2 3]", "[1 2]", "[1]"}, 5},
		{"pipeline", plusCaps, rule{when: "APPEND", reply: "TAG NO no\r\n"}, "0123", nil, []string{"[0 1 2 3]"}, 4},
		{"pipeline, too large", plusCaps, rule{when: "APPEND", reply: "TAG NO [LIMIT] no\r\n"}, "012", []string{"3 imap: NO [LIMIT] no"}, []string{"[0 1 2 3]"}, 4},
		{"pipeline, some", plusCaps, rule{when: "APPEND", reply: "TAG NO no\r\n", times: 2}, "1", []string{"2", "3", "0"}, []string{"[0 1]"}, 5},
		{"alone", simpleCaps, rule{when: "APPEND", reply: "TAG NO [UNAVAILABLE] no\r\n"}, "0123", nil, []string{"[0]", "[1]", "[2]", "[3]"}, 4},
		{"alone, never sent", simpleCaps, rule{when: "APPEND", reply: "TAG NO no\r\n", early: true, times: 2}, "", []string{"0 imap: NO no", "1", "2", "3"}, nil, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newScript(t, c.caps, c.rule)
			var told, looks []string
			err := server.open().Append(context.Background(), "box", four, func(i int, r AppendResult) {
				line := fmt.Sprint(i)
				if r.Err != nil {
					line += " " + r.Err.Error()
				}
				told = append(told, line)
			}, func(refused []int) (missing []int, err error) {
				looks = append(looks, fmt.Sprint(refused))
				return slices.DeleteFunc(slices.Clone(refused), func(i int) bool { return strings.Contains(c.stored, fmt.Sprint(i)) }), nil
			})
			if err != nil {
				t.Error(err)
			}
			equalLists(t, told, c.told)
			equalLists(t, looks, c.looks)
			if n := len(server.sent("APPEND")); n != c.sent {
				t.Errorf("%d commands: %q", n, server.sent("APPEND"))
			}
		})
	}
}

// TestAppendUnknownStatus: an answer that is neither OK nor NO nor BAD, and an
// OK that comes too early, say nothing.
func TestAppendUnknownStatus(t *testing.T) {
	for _, caps := range []string{multiCaps, plusCaps, simpleCaps} {
		for _, reply := range []string{"TAG DONE\r\n", "TAG MAYBE x\r\n", "TAG\r\n", "TAG BYE\r\n", "TAG FETCH\r\n"} {
			_, err := appendAll(newScript(t, caps, rule{when: "APPEND", reply: reply}).open(), "box", message("a"), message("b"))
			var doubt *InDoubt
			if !errors.As(err, &doubt) || doubt.From != 0 {
				t.Errorf("%s, %q: %v", caps, reply, err)
			}
		}
		if caps != simpleCaps {
			server := newScript(t, caps, rule{when: "APPEND", reply: "TAG OK [APPENDUID 7 1]\r\n", early: true, stall: 100 * time.Millisecond})
			told, err := appendAll(server.open(), "box", message(strings.Repeat("x\r\n", 8<<20)))
			var doubt *InDoubt
			if !errors.As(err, &doubt) || len(told) > 0 {
				t.Errorf("%s, early OK: %q %v", caps, told, err)
			}
		}
	}
}

// TestAppendRefusedThenClosed: NO to the last command before all of it was read,
// and then the end of the connection.
func TestAppendRefusedThenClosed(t *testing.T) {
	for _, reply := range []string{"TAG NO no\r\n", "TAG BAD no\r\n", "TAG NO [TRYCREATE] no\r\n", ""} {
		server := newScript(t, plusCaps, rule{when: "APPEND", reply: reply, early: true, close: true, stall: 50 * time.Millisecond})
		ended := make(chan error, 1)
		session := server.open()
		go func() {
			_, err := appendAll(session, "box", message("a"), message(strings.Repeat("x\r\n", 8<<20)), AppendMessage{Size: 3, Body: slowReader{strings.NewReader("abc")}})
			ended <- err
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: no end", reply)
		}
	}
}

// TestAppendBodyFailsInPipeline: a message that cannot be read after others were
// refused.
func TestAppendBodyFailsInPipeline(t *testing.T) {
	server := newScript(t, plusCaps, rule{when: "APPEND", reply: "TAG NO no\r\n"})
	_, err := appendAll(server.open(), "box", message("a"), AppendMessage{Size: 200 << 10, Body: failingBody{}})
	if err == nil {
		t.Error("no error")
	}
}

// failingBody can be read at its beginning only, and takes its time.
type failingBody struct{}

func (failingBody) ReadAt(p []byte, off int64) (int, error) {
	if off > 100<<10 {
		time.Sleep(50 * time.Millisecond)
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}
