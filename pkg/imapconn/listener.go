package imapconn

import (
	"sync/atomic"
)

// listener reads the answers to commands that are being written. It is the
// only reader of the connection from its start to its last answer.
//
// One thing it does not leave to the writer: a BAD, or a NO to a command that is
// not out yet and has no way to be taken back, ends the connection right away,
// before the server takes more of a message for commands.
type listener struct {
	c       *conn
	tags    chan string   // of the commands that answers are owed to
	plus    chan struct{} // a continuation came
	answers chan answer   // to the commands, in order; the last may be an error

	early *answer // one that came in place of a continuation
	begun int     // messages of which octets were written

	writing atomic.Bool // a command that cannot be broken off is half out
}

// answer is a tagged response, or why there is none.
type answer struct {
	resp response
	err  error
	cut  bool // the connection was ended because of it
}

func (c *conn) listen(window int) *listener {
	l := &listener{c: c, tags: make(chan string, window), plus: make(chan struct{}, 1), answers: make(chan answer, window+1)}
	go l.run()
	return l
}

func (l *listener) run() {
	defer close(l.answers)
	for tag := range l.tags {
		a := l.answer(tag)
		if a.err == nil && a.resp.typ != "OK" && (a.resp.typ != "NO" || l.writing.Load()) {
			a.cut = true
			l.c.stall.Close()
		}
		l.answers <- a
		if a.err != nil || a.cut {
			return
		}
	}
}

func (l *listener) answer(tag string) answer {
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
			return answer{err: &limitError{"an answer to a command that was never sent: " + quote(resp.tag)}}
		}
		if err := l.c.skip(); err != nil {
			return answer{err: err}
		}
	}
}
