package imapconn

import (
	"errors"
	"sync/atomic"
)

// responseReader reads the answers to commands that are being written. It is the
// only reader of the connection from its start to its last answer.
//
// One thing it does not leave to the writer: a BAD, an unknown status, and any
// answer to a command that is not out yet and has no way to be taken back end the
// connection right away, before the server takes more of a message for commands.
type responseReader struct {
	c       *conn
	tags    chan string   // of the commands that answers are owed to
	plus    chan struct{} // a continuation came
	answers chan answer   // to the commands, in order; the last may be an error

	early *answer // one that came in place of a continuation
	begun int     // messages of which octets were written

	// half is the tag of the command that is half out and cannot be broken off;
	// nil: there is none.
	half atomic.Pointer[string]
}

// answer is a tagged response, or why there is none.
type answer struct {
	resp response
	err  error
	cut  bool // the connection was ended because of it
}

// outcome returns nil if the command was carried out, and an *imap.Error if it
// was refused. doubt is why an answer is neither, or nil.
func (a *answer) outcome() (refusal, doubt error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case !a.resp.isStatus():
		return nil, errUnknownStatus
	case a.cut && a.resp.typ == "OK":
		return nil, errPremature
	}
	return a.resp.err(), nil
}

var (
	errUnknownStatus = errors.New("closed after an answer that is neither OK nor NO nor BAD")
	errPremature     = errors.New("closed after an OK to a command that the server had not seen the end of")
)

func newResponseReader(c *conn, window int) *responseReader {
	l := &responseReader{c: c, tags: make(chan string, window), plus: make(chan struct{}, 1),
		answers: make(chan answer, window+1)}
	go l.run()
	return l
}

func (l *responseReader) run() {
	defer close(l.answers)
	for tag := range l.tags {
		a := l.answer(tag)
		half := l.half.Load()
		if a.err == nil && (a.resp.typ != "OK" && a.resp.typ != "NO" || half != nil && *half == tag) {
			a.cut = true
			l.c.socket.Close()
		}
		l.answers <- a
		if a.err != nil || a.cut {
			return
		}
	}
}

func (l *responseReader) answer(tag string) answer {
	for {
		resp, err := l.c.receive()
		switch {
		case err != nil:
			return answer{err: err}
		case resp.kind == '+':
			select {
			case l.plus <- struct{}{}:
			default:
			}
			continue
		case resp.kind == 't' && resp.tag == tag:
			return answer{resp: resp}
		case resp.kind == 't':
			if err := l.c.junk(&resp); err != nil {
				return answer{err: err}
			}
		}
		if err := l.c.skip(); err != nil {
			return answer{err: err}
		}
	}
}
