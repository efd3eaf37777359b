package imapconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Status is what a server tells of a mailbox without its messages.
type Status struct {
	UIDValidity   uint64 // 0: UIDs do not persist
	UIDNext       uint64 // 0: unknown
	Messages      uint32
	HighestModSeq uint64 // 0: no CONDSTORE (RFC 7162)
	Octets        int64  // the sum of sizes, -1: unknown
}

// StatusResult is the status of one mailbox, or why there is none.
type StatusResult struct {
	Status
	Err    error
	Reason Reason // of Err: Refused, or Unreadable

	ModSeqLower bool // EXAMINE has said a lower HIGHESTMODSEQ than STATUS, a moment before
}

// inDoubt reports whether the answer to STATUS is not enough to leave a mailbox
// closed: it claims to be empty, cannot be right (UIDs are different numbers, so
// UIDNEXT is above the number of messages), lacks an item, or there is none. A
// mailbox at which the connection ends is left alone.
func (r *StatusResult) inDoubt() bool {
	if r.Err != nil {
		return !isLost(r.Err)
	}
	return r.Messages == 0 || r.UIDValidity == 0 || r.UIDNext <= uint64(r.Messages)
}

// Status asks for the state of mailboxes, many in one round trip. The results
// are in the order of boxes; those that cannot be selected get the zero Status.
// With sizes, Octets is filled in where the server has STATUS=SIZE (RFC 8438).
// Mailboxes of which STATUS does not say enough, or that claim to be empty, are
// opened by EXAMINE, many in one round trip too, and the larger number counts: no
// mailbox is selected then. It resumes.
func (s *Session) Status(ctx context.Context, boxes []Mailbox, sizes bool) ([]StatusResult, error) {
	results, err := s.askStatus(ctx, boxes, sizes)
	if err == nil {
		err = s.lookInto(ctx, boxes, results, (*StatusResult).inDoubt)
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}

// askStatus is Status by the server's STATUS alone.
func (s *Session) askStatus(ctx context.Context, boxes []Mailbox, sizes bool) ([]StatusResult, error) {
	results := make([]StatusResult, len(boxes))
	var asked []int
	var wires []string
	for i := range boxes {
		switch state := boxes[i].state; {
		case !boxes[i].Selectable():
		case state != nil && (!sizes || state.Octets >= 0 || !s.Has(imap.CapStatusSize)):
			results[i].Status = *state
		default:
			asked, wires = append(asked, i), append(wires, boxes[i].Wire)
		}
	}
	replies, err := ask(ctx, s, wires, question[statusLine]{
		command: func(c *conn, wire string) *command { return statusCommand(c, wire, sizes) },
		read:    statusAnswer,
	})
	if err != nil {
		return nil, err
	}
	for k, i := range asked {
		results[i] = statusResult(&boxes[i], replies[k])
	}
	return results, nil
}

// statusLine is a STATUS response that came.
type statusLine struct {
	wire string
	Status
	counted     bool  // MESSAGES is among the items
	appendLimit int64 // -1: none is told
	err         error
}

func statusCommand(c *conn, wire string, sizes bool) *command {
	return c.command("STATUS").astring(wire).text(" (" + c.caps.statusItems(sizes) + ")")
}

func (caps capabilities) statusItems(sizes bool) string {
	items := "MESSAGES UIDNEXT UIDVALIDITY"
	if caps.has(imap.CapCondStore) || caps.has(imap.CapQResync) {
		items += " HIGHESTMODSEQ"
	}
	if sizes && caps.has(imap.CapStatusSize) {
		items += " SIZE"
	}
	return items
}

func statusAnswer(c *conn, resp *response) (line statusLine, mine bool, err error) {
	if resp.typ != "STATUS" {
		return line, false, nil
	}
	line, err = readStatusLine(c.tokenizer)
	return line, true, err
}

// readStatusLine reads what follows "* STATUS " (RFC 3501 7.2.4). The list is
// the last thing in parentheses: unquoted names may hold blanks and brackets.
func readStatusLine(r *tokenizer) (statusLine, error) {
	line := statusLine{Status: Status{Octets: -1}, appendLimit: -1}
	r.blanks()
	if r.peek() == '"' || r.isLiteral() {
		s, _, err := r.str(maxName)
		if err != nil {
			return line, err
		}
		line.wire = string(s)
		r.blanks()
	} else {
		i := lastList(r.text)
		if i < r.pos {
			return line, errMalformed
		}
		line.wire = string(bytes.TrimSpace(r.text[r.pos:i]))
		r.pos = i
	}
	if !r.accept('(') {
		return line, errMalformed
	}
	for {
		r.blanks()
		if r.accept(')') {
			return line, nil
		}
		name := r.word()
		if len(name) == 0 {
			return line, errMalformed
		}
		r.blanks()
		if err := readStatusItem(r, &line, bytes.ToUpper(name)); err != nil {
			return line, err
		}
	}
}

// lastList returns where the parentheses open that the line ends with, or -1.
func lastList(line []byte) int {
	depth := 0
	for i := len(line) - 1; i >= 0; i-- {
		switch line[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth <= 0 {
				return i
			}
		}
	}
	return -1
}

func readStatusItem(r *tokenizer, line *statusLine, name []byte) error {
	start := r.pos
	n, ok := r.number()
	if !ok && r.pos > start {
		line.err = fmt.Errorf("%s is %s: more than 64 bits", name, cutText(r.text[start:r.pos]))
		return nil
	}
	if !ok {
		return r.skipValue()
	}
	switch item := string(name); {
	case item == "MESSAGES" && n > 1<<32-1:
		line.err = fmt.Errorf("MESSAGES is %d: more than 32 bits", n)
	case item == "MESSAGES":
		line.Messages, line.counted = uint32(n), true
	case item == "UIDNEXT":
		line.UIDNext = n
	case item == "UIDVALIDITY":
		line.UIDValidity = n
	case item == "HIGHESTMODSEQ":
		line.HighestModSeq = n
	case item == "SIZE" && n < maxSize:
		line.Octets = int64(n)
	case item == "APPENDLIMIT" && n < maxSize:
		line.appendLimit = int64(n)
	}
	return nil
}

// errUncounted is said of a STATUS response without MESSAGES.
var errUncounted = errors.New("the server does not say how many messages it holds")

func statusResult(box *Mailbox, r reply[statusLine]) StatusResult {
	err := r.err
	if err == nil {
		err = r.value.err
	}
	if err == nil && !r.value.counted {
		err = errUncounted
	}
	if err == nil {
		return StatusResult{Status: r.value.Status}
	}
	return StatusResult{Err: aboutFolder(err, "status of folder %s", box), Reason: reasonOf(err)}
}

// reasonOf is Refused where the server said NO.
func reasonOf(err error) Reason {
	var no *imap.Error
	if errors.As(err, &no) {
		return Refused
	}
	return Unreadable
}

// aboutFolder gives what went wrong with one folder its words and its code.
func aboutFolder(err error, format string, box *Mailbox) error {
	var no *imap.Error
	if errors.As(err, &no) {
		return refused(err, fault.Partial, format, quote(box.Name))
	}
	return fault.Errorf(fault.Partial, format+": %w", quote(box.Name), err)
}
