package imaptest

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// SocksOptions of a Socks proxy. The zero value lets everybody through to
// Target.
type SocksOptions struct {
	Target         string // where every connection leads, whatever was asked for
	User, Password string // a login is asked for where User is set
	Refuse         byte   // the answer to every request (RFC 1928 section 6), 0: none is refused
	Silent         bool   // it never answers
}

// Socks is a SOCKS5 proxy (RFC 1928).
type Socks struct {
	options  SocksOptions
	listener net.Listener

	mu    sync.Mutex
	asked []string
}

// StartSocks serves on a free port of 127.0.0.1 until the test ends.
func StartSocks(t testing.TB, options SocksOptions) *Socks {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &Socks{options: options, listener: listener}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// Addr is where clients connect.
func (s *Socks) Addr() string { return s.listener.Addr().String() }

// Asked lists the names and addresses that clients wanted to reach.
func (s *Socks) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *Socks) serve(c net.Conn) {
	defer c.Close()
	if s.options.Silent {
		io.Copy(io.Discard, c)
		return
	}
	in := &socksReader{c: c}
	if !s.greet(in) {
		return
	}
	name := in.address()
	if in.err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, name)
	s.mu.Unlock()
	c.Write([]byte{5, s.options.Refuse, 0, 1, 0, 0, 0, 0, 0, 0})
	if s.options.Refuse != 0 {
		return
	}
	server, err := net.Dial("tcp", s.options.Target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, c)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(c, server)
}

// greet agrees on a way to log in, and checks the password (RFC 1929).
func (s *Socks) greet(in *socksReader) bool {
	in.next(1) // the version
	methods := in.next(in.size())
	switch {
	case in.err != nil:
		return false
	case s.options.User == "":
		in.c.Write([]byte{5, 0})
		return true
	case !slices.Contains(methods, 2):
		in.c.Write([]byte{5, 0xFF})
		return false
	}
	in.c.Write([]byte{5, 2})
	in.next(1)
	user := string(in.next(in.size()))
	password := string(in.next(in.size()))
	good := in.err == nil && user == s.options.User && password == s.options.Password
	in.c.Write([]byte{1, map[bool]byte{true: 0, false: 1}[good]})
	return good
}

// socksReader reads until it fails.
type socksReader struct {
	c   net.Conn
	err error
}

func (r *socksReader) next(n int) []byte {
	b := make([]byte, n)
	if r.err == nil {
		_, r.err = io.ReadFull(r.c, b)
	}
	return b
}

func (r *socksReader) size() int { return int(r.next(1)[0]) }

// address reads the request to connect.
func (r *socksReader) address() (name string) {
	switch head := r.next(4); head[3] {
	case 1:
		name = net.IP(r.next(4)).String()
	case 3:
		name = string(r.next(r.size()))
	case 4:
		name = net.IP(r.next(16)).String()
	}
	r.next(2)
	return name
}
