package imapconn

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Status is what a server tells of a mailbox without its messages.
type Status struct {
	UIDValidity   uint32 // 0: UIDs do not persist
	UIDNext       uint32 // 0: unknown
	Messages      uint32
	HighestModSeq uint64 // 0: no CONDSTORE (RFC 7162)
	Octets        int64  // the sum of sizes, -1: unknown
}

// StatusResult is the status of one mailbox, or why there is none.
type StatusResult struct {
	Status
	Err error
}

// Bounds of the STATUS commands that are sent before the first is answered:
// commands and answers must fit the buffers between two ends that both write.
const (
	statusWindow = 64
	statusOctets = 8 << 10
)

// Status asks for the state of mailboxes, many in one round trip. The results
// are in the order of boxes; those that cannot be selected get the zero Status.
// With sizes, Octets is filled in by STATUS=SIZE (RFC 8438), or by asking for
// every message's size where that is not offered. It resumes; the selected
// mailbox is lost if sizes have to be asked for.
func (s *Session) Status(ctx context.Context, boxes []Mailbox, sizes bool) ([]StatusResult, error) {
	results := make([]StatusResult, len(boxes))
	var asked []int
	for i := range boxes {
		if boxes[i].Selectable() {
			asked = append(asked, i)
		}
	}
	for len(asked) > 0 {
		n := 0
		for octets := 0; n < min(len(asked), statusWindow) && octets < statusOctets; n++ {
			octets += len(boxes[asked[n]].Wire) + 100
		}
		err := s.do(ctx, func(c *conn) error {
			if err := c.statusBatch(boxes, asked[:n], sizes, results); err != nil {
				return err
			}
			return passing(results, asked[:n])
		})
		var no *imap.Error
		if err != nil && (!errors.As(err, &no) || IsBusy(err)) {
			return nil, err
		}
		asked = asked[n:]
	}
	if sizes && !s.Has("STATUS=SIZE") {
		return results, s.measure(ctx, boxes, results)
	}
	return results, nil
}

// passing returns the first refusal that may be another answer in a while.
func passing(results []StatusResult, batch []int) error {
	for _, i := range batch {
		if no, _ := lastWords(results[i].Err); no != nil && readTroubleOf(no) != nil {
			return results[i].Err
		}
	}
	return nil
}

// statusLine is a STATUS response that came.
type statusLine struct {
	wire string
	Status
	err error
}

// statusBatch asks for the mailboxes boxes[batch...]. Answers belong to
// commands by their order, for servers spell names in their own way; where the
// count does not fit, one command is sent at a time.
func (c *conn) statusBatch(boxes []Mailbox, batch []int, sizes bool, results []StatusResult) error {
	plain := len(batch) > 1
	for _, i := range batch {
		plain = plain && isQuotable(boxes[i].Wire)
	}
	if plain {
		ok, err := c.statusPipeline(boxes, batch, sizes, results)
		if ok || err != nil {
			return err
		}
	}
	for _, i := range batch {
		var lines []statusLine
		_, err := c.run(c.statusCommand(boxes[i].Wire, sizes), c.collectStatus(&lines))
		if err != nil && c.err != nil {
			return err
		}
		results[i] = statusResult(&boxes[i], lines, err)
	}
	return nil
}

func (c *conn) statusPipeline(boxes []Mailbox, batch []int, sizes bool, results []StatusResult) (ok bool, err error) {
	var all command
	commands := make([]*command, len(batch))
	for k, i := range batch {
		commands[k] = c.statusCommand(boxes[i].Wire, sizes).text("\r\n")
		c.traceCommand(commands[k])
		all.octet = append(all.octet, commands[k].octet...)
	}
	if err := c.write(all.octet); err != nil {
		return false, err
	}
	var lines []statusLine
	var answered []int
	for k, i := range batch {
		switch _, err := c.until(commands[k].tag, false, c.collectStatus(&lines)); {
		case c.err != nil:
			return false, err
		case err != nil:
			results[i] = statusResult(&boxes[i], nil, err)
		default:
			answered = append(answered, i)
		}
	}
	c.touch()
	if len(lines) != len(answered) {
		return false, nil
	}
	for k, i := range answered {
		results[i] = statusResult(&boxes[i], lines[k:k+1], nil)
	}
	return true, nil
}

func (c *conn) statusCommand(wire string, sizes bool) *command {
	items := "MESSAGES UIDNEXT UIDVALIDITY"
	if c.caps.has("CONDSTORE") || c.caps.has("QRESYNC") {
		items += " HIGHESTMODSEQ"
	}
	if sizes && c.caps.has("STATUS=SIZE") {
		items += " SIZE"
	}
	return c.command("STATUS").astring(wire).text(" (" + items + ")")
}

func (c *conn) collectStatus(lines *[]statusLine) func(*response) error {
	return func(resp *response) error {
		if resp.typ != "STATUS" {
			return nil
		}
		line, err := c.statusResponse()
		if err == errMalformed {
			line.err = fmt.Errorf("the answer to STATUS makes no sense")
			err = nil
		}
		c.progress()
		if *lines = append(*lines, line); len(*lines) > 4*statusWindow {
			return &limitError{"too many STATUS responses"}
		}
		return err
	}
}

// statusResponse reads what follows "* STATUS " (RFC 3501 7.2.4). The list is
// the last thing in parentheses: unquoted names may hold blanks and brackets.
func (c *conn) statusResponse() (statusLine, error) {
	line := statusLine{Status: Status{Octets: -1}}
	c.blanks()
	if c.peek() == '"' || c.isLiteral() {
		s, _, err := c.str(maxName)
		if err != nil {
			return line, err
		}
		line.wire = string(s)
		c.blanks()
	} else {
		i := lastList(c.text)
		if i < c.pos {
			return line, errMalformed
		}
		line.wire = string(bytes.TrimSpace(c.text[c.pos:i]))
		c.pos = i
	}
	if !c.accept('(') {
		return line, errMalformed
	}
	for {
		c.blanks()
		if c.accept(')') {
			return line, nil
		}
		name := c.word()
		if len(name) == 0 {
			return line, errMalformed
		}
		c.blanks()
		if err := c.statusItem(&line, bytes.ToUpper(name)); err != nil {
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

func (c *conn) statusItem(line *statusLine, name []byte) error {
	n, ok := c.number()
	if !ok {
		return c.skipValue()
	}
	target := map[string]*uint32{"MESSAGES": &line.Messages, "UIDNEXT": &line.UIDNext, "UIDVALIDITY": &line.UIDValidity}[string(name)]
	switch {
	case target != nil && n > 1<<32-1:
		line.err = fmt.Errorf("%s is %d, more than 32 bits hold", name, n)
	case target != nil:
		*target = uint32(n)
	case string(name) == "HIGHESTMODSEQ":
		line.HighestModSeq = n
	case string(name) == "SIZE" && n < maxSize:
		line.Octets = int64(n)
	}
	return nil
}

func statusResult(box *Mailbox, lines []statusLine, err error) StatusResult {
	switch {
	case err != nil:
		return StatusResult{Err: refused(err, exit.Partial, "status of folder %s", quote(box.Name))}
	case len(lines) == 0:
		return StatusResult{Err: exit.Errorf(exit.Partial, "status of folder %s: the server says OK and nothing else", quote(box.Name))}
	case lines[0].err != nil:
		return StatusResult{Err: exit.Errorf(exit.Partial, "status of folder %s: %w", quote(box.Name), lines[0].err)}
	}
	return StatusResult{Status: lines[0].Status}
}

// measure adds up the sizes of messages.
func (s *Session) measure(ctx context.Context, boxes []Mailbox, results []StatusResult) error {
	for i := range boxes {
		if results[i].Err != nil || !boxes[i].Selectable() {
			continue
		}
		box, err := s.Examine(ctx, boxes[i].Wire)
		if err != nil {
			if s.c.err != nil || ctx.Err() != nil {
				return err
			}
			results[i].Err = err
			continue
		}
		sum := int64(0)
		err = box.FetchAll(ctx, 1, 0, Items{Size: true}, 0, func(m *Message) error {
			if m.State == Have && m.Size > 0 {
				sum += m.Size
			}
			return nil
		})
		if err != nil {
			return err
		}
		results[i].Octets = sum
	}
	return nil
}
