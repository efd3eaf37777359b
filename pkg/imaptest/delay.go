package imaptest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// delayQueue bounds what is on its way in one direction, in octets, as the
// buffers of a real line do.
const (
	delayChunk = 16 << 10
	delayQueue = 512 // chunks: 8 MiB
)

// DelayProxy is a long line to a server: every octet takes half a round trip,
// and a direction carries so many bits a second.
type DelayProxy struct {
	target   string
	oneWay   time.Duration
	rate     int64 // bits a second, 0: no limit
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
}

// NewDelayProxy opens a line to target on a free port of 127.0.0.1, until the
// test ends. bitsPerSecond limits each direction; 0 is no limit.
func NewDelayProxy(t testing.TB, target string, rtt time.Duration, bitsPerSecond int64) *DelayProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := ServeDelay(listener, target, rtt, bitsPerSecond)
	t.Cleanup(p.Close)
	return p
}

// ServeDelay is NewDelayProxy on a listener, until Close.
func ServeDelay(listener net.Listener, target string, rtt time.Duration, bitsPerSecond int64) *DelayProxy {
	p := &DelayProxy{target: target, oneWay: rtt / 2, rate: bitsPerSecond, listener: listener,
		conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p
}

// Addr is where clients connect.
func (p *DelayProxy) Addr() string { return p.listener.Addr().String() }

// Close ends every connection and waits for them.
func (p *DelayProxy) Close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *DelayProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.join(client) })
	}
}

func (p *DelayProxy) join(client net.Conn) {
	defer client.Close()
	if !p.keep(client) {
		return
	}
	defer p.forget(client)
	time.Sleep(2 * p.oneWay) // the handshake of TCP
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(server) {
		return
	}
	defer p.forget(server)
	var both sync.WaitGroup
	both.Go(func() { p.carry(client, server) })
	both.Go(func() { p.carry(server, client) })
	both.Wait()
}

func (p *DelayProxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	return !p.closed
}

func (p *DelayProxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// flight is a chunk on its way.
type flight struct {
	octets []byte
	due    time.Time
}

// carry reads as fast as the line's rate allows and delivers half a round
// trip later. The end of one direction leaves the other alone.
func (p *DelayProxy) carry(from, to net.Conn) {
	queue := make(chan flight, delayQueue)
	var delivery sync.WaitGroup
	delivery.Go(func() { deliver(queue, from, to) })
	free := time.Now() // when the line can take the next chunk
	for {
		buffer := make([]byte, delayChunk)
		n, err := from.Read(buffer)
		if n > 0 {
			free = later(free, time.Now()).Add(p.duration(n))
			queue <- flight{buffer[:n], free.Add(p.oneWay)}
		}
		if err != nil {
			break
		}
	}
	close(queue)
	delivery.Wait()
}

func (p *DelayProxy) duration(octets int) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	return time.Duration(int64(octets) * 8 * int64(time.Second) / p.rate)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func deliver(queue <-chan flight, from, to net.Conn) {
	for f := range queue {
		time.Sleep(time.Until(f.due))
		if _, err := to.Write(f.octets); err != nil {
			from.Close() // the reader ends, and closes the queue
			for range queue {
			}
			return
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
