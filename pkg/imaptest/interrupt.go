package imaptest

import (
	"bytes"
	"regexp"
	"sync/atomic"
)

// interrupt is what happens before a command.
type interrupt struct {
	command *regexp.Regexp
	nth     int64
	act     func()
	seen    atomic.Int64
	done    atomic.Bool
}

// Interrupt makes the proxy call act, once, right before the server gets the first
// command that matches a pattern (without its tag, in any case). The server waits
// until act returns. done reports whether it was called.
func (p *FaultProxy) Interrupt(pattern string, act func()) (done func() bool) {
	return p.InterruptAt(pattern, 1, act)
}

// InterruptAt is Interrupt before the nth command that matches, from 1.
func (p *FaultProxy) InterruptAt(pattern string, nth int, act func()) (done func() bool) {
	i := &interrupt{command: regexp.MustCompile("^[^ ]+ (?i:" + pattern + ")"), nth: int64(nth), act: act}
	p.lieMu.Lock()
	defer p.lieMu.Unlock()
	p.interrupt = i
	return i.done.Load
}

// before is called with each line of a client.
func (p *FaultProxy) before(line []byte) {
	p.lieMu.Lock()
	i := p.interrupt
	p.lieMu.Unlock()
	if i != nil && i.command.Match(bytes.TrimRight(line, "\r\n")) {
		if i.seen.Add(1) == i.nth {
			i.done.Store(true)
			i.act()
		}
	}
}
