package imaptest

import (
	"bytes"
	"regexp"
	"sync"
	"sync/atomic"
)

// interrupt is what happens before a command.
type interrupt struct {
	command *regexp.Regexp
	act     func()
	once    sync.Once
	done    atomic.Bool
}

// Interrupt makes the proxy call act, once, right before the server gets the first
// command that matches a pattern (without its tag, in any case). The server waits
// until act returns. done reports whether it was called.
func (p *FaultProxy) Interrupt(pattern string, act func()) (done func() bool) {
	i := &interrupt{command: regexp.MustCompile("^[^ ]+ (?i:" + pattern + ")"), act: act}
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
		i.once.Do(func() {
			i.done.Store(true)
			i.act()
		})
	}
}
