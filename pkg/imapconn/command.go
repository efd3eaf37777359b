package imapconn

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// command is one command of ours, ready to be sent: its octets, and the places
// where a continuation must have come before the octets behind are sent.
type command struct {
	tag   string
	octet []byte
	stops []int
	shown string // what a trace shows in place of the octets, if not ""
}

func (c *conn) command(text string) *command {
	c.socket.progress()
	c.inSync()
	c.noise.junkLines = 0
	c.tag++
	tag := "A" + strconv.Itoa(c.tag)
	k := &command{tag: tag, octet: make([]byte, 0, len(tag)+len(text)+64)}
	c.last = k
	return k.text(tag).text(" ").text(text)
}

// answered says, for messages, that something came in answer to a command.
func (k *command) answered() string {
	text := k.shown
	if text == "" {
		line, _, _ := bytes.Cut(k.octet, []byte("\r\n"))
		text = string(line[:min(len(line), shownOctets)])
	}
	return ", in answer to " + printable(serverText(strings.TrimPrefix(text, k.tag+" ")))
}

func (k *command) text(s string) *command {
	k.octet = append(k.octet, s...)
	return k
}

// astring adds s as a quoted string, or as a literal if it has octets that a
// quoted string may not have.
func (k *command) astring(s string) *command { return k.text(" ").string(s) }

// string is astring without the blank before it.
func (k *command) string(s string) *command {
	if !isQuotable(s) {
		return k.literal(s)
	}
	k.text(`"`)
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			k.octet = append(k.octet, '\\')
		}
		k.octet = append(k.octet, s[i])
	}
	return k.text(`"`)
}

// literal adds s as a literal. It always waits: what the server makes of the
// line before it is not known.
func (k *command) literal(s string) *command {
	k.text("{" + strconv.Itoa(len(s)) + "}\r\n")
	k.stops = append(k.stops, len(k.octet))
	return k.text(s)
}

func isQuotable(s string) bool { return isPrintASCII(s) && len(s) <= 1000 }

// show sets what a trace shows in place of the command.
func (k *command) show(s string) *command {
	k.shown = k.tag + " " + s
	return k
}

// run sends a command and hands every untagged response to on (which may be
// nil, and need not read the response to its end) until the tagged one. It
// calls progress when a response was what the command is there for. The
// error is an *imap.Error when the server refused, a *lineError when the
// connection was lost; an error of on itself costs the connection, too.
func (c *conn) run(k *command, on func(*response) error) (response, error) {
	return c.runAll([]*command{k}, on, nil)
}

// runAll sends commands together. The first is for on, as by run, and decides: if it
// is refused, the others say nothing. These have no literals, what they say is for
// also, and they may be refused.
func (c *conn) runAll(ks []*command, on, also func(*response) error) (response, error) {
	if err := c.err; err != nil {
		return response{}, err
	}
	for _, k := range ks {
		k.text("\r\n")
		c.traceCommand(k)
	}
	k, from := ks[0], 0
	for _, stop := range k.stops {
		if err := c.write(k.octet[from:stop]); err != nil {
			return response{}, err
		}
		resp, err := c.until(k.tag, true, on)
		if err != nil || resp.kind == 't' {
			return resp, err
		}
		from = stop
	}
	rest := k.octet[from:]
	for _, k := range ks[1:] {
		rest = append(rest, k.octet...)
	}
	if err := c.write(rest); err != nil {
		return response{}, err
	}
	resp, err := c.untilAll(ks, on, also)
	c.touch()
	return resp, err
}

// send writes commands without literals together.
func (c *conn) send(ks []*command) error {
	if err := c.err; err != nil {
		return err
	}
	var all []byte
	for _, k := range ks {
		c.traceCommand(k.text("\r\n"))
		all = append(all, k.octet...)
	}
	return c.write(all)
}

// untilAll reads the answers to commands that were sent together: see runAll.
func (c *conn) untilAll(ks []*command, on, also func(*response) error) (response, error) {
	resp, refusal := c.until(ks[0].tag, false, on)
	if refusal != nil {
		also = nil
	}
	for _, k := range ks[1:] {
		if c.err != nil {
			break
		}
		c.wide = true // one may be SEARCH
		_, err := c.until(k.tag, false, also)
		c.wide = false
		if err != nil && c.err != nil {
			return resp, err
		}
	}
	return resp, refusal
}

func (c *conn) traceCommand(k *command) {
	switch {
	case c.trace == nil:
	case k.shown != "":
		c.trace.client(k.shown)
	default:
		c.trace.client(string(k.octet[:len(k.octet)-2]))
	}
}

func (c *conn) write(p []byte) error {
	c.bw.Write(p)
	if err := c.bw.Flush(); err != nil {
		return c.lost(err)
	}
	return nil
}

// until reads responses up to the one tagged tag, or up to a continuation if
// plus is set. A continuation that nobody waits for is passed over.
func (c *conn) until(tag string, plus bool, on func(*response) error) (response, error) {
	var resp response
	var err error
	for {
		if resp, err = c.next(); err != nil {
			return resp, err
		}
		switch {
		case resp.kind == '+':
			if plus {
				c.progress()
				return resp, nil
			}
		case resp.kind == 't' && resp.tag == tag:
			return resp, resp.err()
		case resp.kind == 't':
			if err := c.junk(&resp); err != nil {
				return resp, c.abandon(err)
			}
		case on != nil:
			if err := on(&resp); err != nil && !errors.Is(err, errMalformed) {
				return resp, c.abandon(err)
			}
		}
		if err := c.skip(); err != nil {
			return resp, c.abandon(err)
		}
	}
}
