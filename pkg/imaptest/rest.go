package imaptest

import "time"

// Rest waits until the proxy has no connection, and reports whether it came to
// that in time. Then the server has ended its side of each too: it works no more
// on what a client sent that died.
func (p *FaultProxy) Rest(within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		p.mu.Lock()
		links := len(p.links)
		p.mu.Unlock()
		if links == 0 {
			return true
		}
	}
	return false
}
