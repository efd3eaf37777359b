package imaptest

import (
	"bytes"
	"strconv"
	"strings"
)

// talk follows one IMAP connection well enough to know which command a tagged
// answer belongs to: it knows lines, literals and continuations, in both
// directions. From COMPRESS or STARTTLS on it sees octets only. It is not safe
// for concurrent use.
type talk struct {
	client, server side

	verbs    map[string]string // tag -> verb, until answered
	dialogue string            // tag of AUTHENTICATE or IDLE: the client's lines are no commands
	line     bool              // the last unit was a whole line
	awaited  int64             // a literal that the client announced and waits to send, -1 if none
	goAhead  bool              // "+" came for it
	opaque   bool
}

// side is one direction: where in a line or literal it is.
type side struct {
	literal int64 // octets of a literal still to come
	inside  bool  // the next line goes on after a literal
}

func newTalk() *talk { return &talk{verbs: map[string]string{}, awaited: -1} }

// fromClient looks at what a client has sent. n octets at the front may go on
// as a unit: a whole line, or as much of a literal as there is; 0 means that
// the line is not complete. verb is set when that line starts a command.
func (t *talk) fromClient(octets []byte) (n int, verb string) {
	if t.awaited >= 0 && len(octets) > 0 {
		if t.goAhead {
			t.client.literal = t.awaited
		} else { // refused: what comes now is another command
			t.client.inside = false
		}
		t.awaited, t.goAhead = -1, false
	}
	n, line, literal := t.unit(&t.client, octets)
	if n == 0 || literal {
		return n, ""
	}
	if !t.client.inside && t.dialogue == "" {
		verb = t.command(line)
	}
	size, waits, ok := literalAt(line)
	t.client.inside = ok && t.dialogue == ""
	switch {
	case !t.client.inside:
	case waits:
		t.awaited = size
	default:
		t.client.literal = size
	}
	return n, verb
}

func (t *talk) command(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 {
		return ""
	}
	tag, verb := words[0], strings.ToUpper(words[1])
	if verb == "UID" && len(words) > 2 {
		verb += " " + strings.ToUpper(words[2])
	}
	t.verbs[tag] = verb
	if verb == "AUTHENTICATE" || verb == "IDLE" {
		t.dialogue = tag
	}
	return verb
}

// fromServer is fromClient for the other direction; verb is set when the unit
// is the tagged answer to that command.
func (t *talk) fromServer(octets []byte) (n int, verb string) {
	n, line, literal := t.unit(&t.server, octets)
	if n == 0 || literal {
		return n, ""
	}
	size, _, ok := literalAt(line)
	first := !t.server.inside
	t.server.inside = ok
	if ok {
		t.server.literal = size
	}
	if !first {
		return n, ""
	}
	if strings.HasPrefix(line, "+") {
		t.goAhead = t.awaited >= 0
		return n, ""
	}
	return n, t.answer(line)
}

func (t *talk) answer(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 {
		return ""
	}
	tag := words[0]
	verb := t.verbs[tag]
	delete(t.verbs, tag)
	if tag == t.dialogue {
		t.dialogue = ""
	}
	if (verb == "COMPRESS" || verb == "STARTTLS") && strings.EqualFold(words[1], "OK") {
		t.opaque = true
	}
	return verb
}

// unit cuts the next unit off and says whether it is (part of) a literal.
func (t *talk) unit(s *side, octets []byte) (n int, line string, literal bool) {
	if t.line = false; t.opaque {
		return len(octets), "", true
	}
	if s.literal > 0 {
		n = int(min(s.literal, int64(len(octets))))
		s.literal -= int64(n)
		return n, "", true
	}
	n = bytes.IndexByte(octets, '\n') + 1
	t.line = n > 0
	return n, strings.TrimRight(string(octets[:n]), "\r\n"), false
}

// literalAt reads "{n}", "{n+}" or "~{n}" at the end of a line; waits is true
// when a client that writes so waits for "+".
func literalAt(line string) (size int64, waits, ok bool) {
	if !strings.HasSuffix(line, "}") {
		return 0, false, false
	}
	open := strings.LastIndexByte(line, '{')
	if open < 0 {
		return 0, false, false
	}
	digits, plus := strings.CutSuffix(line[open+1:len(line)-1], "+")
	size, err := strconv.ParseInt(digits, 10, 64)
	return size, !plus, err == nil && size >= 0
}
