package imapconn

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// packedPeer is the server's end of a compressed line.
type packedPeer struct {
	net.Conn
	out io.Writer
}

func (p *packedPeer) Write(b []byte) (int, error) { return p.out.Write(b) }

// flushed compresses each Write and marks its end, as zlib's Z_SYNC_FLUSH does.
type flushed struct{ z *flate.Writer }

func (f flushed) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	f.z.Write(b)
	return len(b), f.z.Flush()
}

// unmarked writes blocks and nothing behind them, as Z_PARTIAL_FLUSH may.
type unmarked struct{ w io.Writer }

func (u unmarked) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), 1<<15)
		head := []byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}
		if _, err := u.w.Write(append(head, rest[:n]...)); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// packed switches the server's end over.
func packed(c net.Conn, br *bufio.Reader, marks bool) (net.Conn, *bufio.Reader) {
	z, _ := flate.NewWriter(c, 1)
	peer := &packedPeer{c, flushed{z}}
	if !marks {
		peer.out = unmarked{c}
	}
	return peer, bufio.NewReader(flate.NewReader(br))
}

const packedCaps = multiCaps + " COMPRESS=DEFLATE"

func always(o *Options) { o.Network.Compress = CompressAlways }

// TestCompressed: every kind of command, over a compressed line.
func TestCompressed(t *testing.T) {
	big := strings.Repeat("a line of a letter, and the next one\r\n", 60_000)
	for _, marks := range []bool{true, false} {
		t.Run(fmt.Sprint("marks ", marks), func(t *testing.T) {
			server := newScript(t, packedCaps,
				rule{when: "UID FETCH 1:2", reply: fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\nTAG OK\r\n", len(big), big)},
				rule{when: "UID FETCH 3 (UID BODY.PEEK[]<5.", reply: "* 3 FETCH (UID 3 BODY[]<5> {3}\r\nxyz)\r\nTAG OK\r\n"})
			server.set(func(s *script) { s.unmarked = !marks })
			trace := &bytes.Buffer{}
			s := server.open(always, func(o *Options) { o.Trace = trace })
			ctx := t.Context()
			x, err := s.Examine(ctx, "box")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			err = x.Fetch(ctx, []uint64{1, 2}, Items{Body: true}, 4<<20, func(m *Message) error {
				got = append(got, fmt.Sprintf("%x", sha256.Sum256(m.Body)))
				return nil
			})
			equalLists(t, got, []string{fmt.Sprintf("%x", sha256.Sum256([]byte(big))), fmt.Sprintf("%x", sha256.Sum256([]byte("b")))})
			part, partErr := x.FetchPart(ctx, 3, 5, 3)
			if err := errors.Join(err, partErr, s.Create(ctx, "new"), s.Noop(ctx)); err != nil || string(part) != "xyz" {
				t.Errorf("%v, %q", err, part)
			}
			told, err := appendAll(s, "box", message("a"), message(big), message("c", "odd/keyword"))
			if err != nil {
				t.Error(err)
			}
			equalLists(t, told, []string{"0", "1", "2"})
			equalLists(t, server.sent("APPEND"), []string{"APPEND \"box\" {1+}\r\na {" + fmt.Sprint(len(big)) + "+}\r\n" + big[:len(big)-2], "APPEND \"box\" (odd/keyword) {1}\r\nc"})
			if text := trace.String(); !strings.Contains(text, "UID FETCH 1:2") || !strings.Contains(text, "S: * 2 FETCH") || strings.Contains(text, "\\x00") {
				t.Errorf("the trace is not plain: %.300s", text)
			}
			if len(server.sent("COMPRESS DEFLATE")) != 1 {
				t.Error("the line was not compressed")
			}
		})
	}
}

// TestCompressModes: when COMPRESS is asked for.
func TestCompressModes(t *testing.T) {
	slow := rule{when: "NOOP", reply: "TAG OK\r\n", stall: 20 * time.Millisecond}
	for name, test := range map[string]struct {
		caps  string
		mode  CompressMode
		rules []rule
		off   []string
		code  exit.Code
		sent  int
	}{
		"auto, slow":              {packedCaps, CompressAuto, []rule{slow}, nil, exit.OK, 1},
		"auto, not offered":       {multiCaps, CompressAuto, []rule{slow}, nil, exit.OK, 0},
		"auto, disabled":          {packedCaps, CompressAuto, []rule{slow}, []string{"COMPRESS=DEFLATE"}, exit.OK, 0},
		"auto, refused":           {packedCaps, CompressAuto, []rule{slow, {when: "COMPRESS", reply: "TAG NO [COMPRESSIONACTIVE] by TLS\r\n"}}, nil, exit.OK, 1},
		"always":                  {packedCaps, CompressAlways, nil, nil, exit.OK, 1},
		"always, not offered":     {multiCaps, CompressAlways, nil, nil, exit.Protocol, 0},
		"always, disabled":        {packedCaps, CompressAlways, nil, []string{"compress=deflate"}, exit.Protocol, 0},
		"always, refused":         {packedCaps, CompressAlways, []rule{{when: "COMPRESS", reply: "TAG NO no\r\n"}}, nil, exit.Protocol, 1},
		"never":                   {packedCaps, CompressNever, []rule{slow}, nil, exit.OK, 0},
		"and the server hangs up": {packedCaps, CompressAlways, []rule{{when: "COMPRESS", close: true}}, nil, exit.Temporary, 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := newScript(t, test.caps, test.rules...)
			o := server.options()
			o.Network.Compress, o.DisableCaps = test.mode, test.off
			s, err := Open(t.Context(), o)
			if exit.CodeOf(err) != test.code || len(server.sent("COMPRESS")) != test.sent {
				t.Errorf("%v, %q", err, server.sent("COMPRESS"))
			}
			if err == nil {
				defer s.Close()
				if _, err := s.Examine(t.Context(), "box"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestCompressAgain: a new connection is compressed as the first was, and what
// came right behind the OK is not lost.
func TestCompressAgain(t *testing.T) {
	server := newScript(t, packedCaps, rule{when: "EXAMINE", close: true, times: 1})
	s := server.open(always)
	if _, err := s.Examine(t.Context(), "box"); err != nil || len(server.sent("COMPRESS")) != 2 {
		t.Errorf("%v, %q", err, server.sent("COMPRESS"))
	}

	ours, theirs := net.Pipe()
	defer theirs.Close()
	var behind bytes.Buffer
	z, _ := flate.NewWriter(&behind, 6)
	io.WriteString(z, "* 5 EXISTS\r\n")
	z.Flush()
	go io.WriteString(theirs, "A1 OK go\r\n"+behind.String())
	c := newConn(ours, &Options{Network: NetworkOptions{Timeout: 5 * time.Second}})
	if resp, err := c.next(); err != nil || resp.typ != "OK" || c.br.Buffered() == 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	if err := deflate(c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.next(); err != nil || c.exists != 5 {
		t.Errorf("%d, %v", c.exists, err)
	}
}

// TestCompressHostile: what comes after the OK is not to be trusted.
func TestCompressHostile(t *testing.T) {
	var bomb bytes.Buffer
	z, _ := flate.NewWriter(&bomb, 1)
	io.WriteString(z, "* OK ")
	zeros := bytes.Repeat([]byte{'x'}, 1<<20)
	for range 100 {
		z.Write(zeros)
	}
	z.Flush()
	for name, test := range map[string]struct {
		octets string
		code   exit.Code
		text   string
	}{
		"garbage":            {"\xff\xfe\xfd garbage garbage garbage", exit.Protocol, "turn compression off"},
		"plain text":         {"* OK what\r\nA9 OK done\r\n", exit.Protocol, "damaged data"},
		"a line of 100 MiB":  {bomb.String(), exit.Protocol, "a line of more than"},
		"nothing, at length": {strings.Repeat("\x00\x00\x00\xff\xff", 100_000), exit.Protocol, "without anything in it"},
		"the end":            {"\x03\x00", exit.Temporary, "closed by the server"},
		"a cut":              {bomb.String()[:20], exit.Temporary, "closed by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newScript(t, packedCaps)
			s := server.open(always)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			server.set(func(s *script) { s.rules = []*rule{{when: "EXAMINE", raw: test.octets, close: true}} })
			_, err := s.Examine(t.Context(), "box")
			runtime.ReadMemStats(&after)
			if exit.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v (%d)", err, exit.CodeOf(err))
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d octets of memory", grown)
			}
		})
	}
}

// TestCompressCutMark: the mark of a flush may come in two pieces. Nothing waits
// then, and the end of the connection is seen.
func TestCompressCutMark(t *testing.T) {
	for first := range 5 {
		ours, theirs := net.Pipe()
		c := newConn(ours, &Options{Network: NetworkOptions{Timeout: 5 * time.Second}})
		if err := deflate(c); err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		z, _ := flate.NewWriter(&packed, 6)
		io.WriteString(z, "* 5 EXISTS\r\n")
		z.Flush()
		cut := packed.Len() - 4 + first
		go theirs.Write(packed.Bytes()[:cut])
		if _, err := c.next(); err != nil || c.exists != 5 {
			t.Fatalf("%d, %v", c.exists, err)
		}
		if c.waiting() {
			t.Errorf("%d bytes of the mark: something is said to wait", first)
		}
		go theirs.Write(packed.Bytes()[cut:])
		theirs.Close()
		dead := false
		for range 100 {
			if dead = !c.alive(); dead {
				break
			}
		}
		if !dead {
			t.Errorf("%d bytes of the mark: the end of the connection is not seen", first)
		}
	}
}

// TestCompressIdle: a look at an idle line leaves it whole, and sees what came.
func TestCompressIdle(t *testing.T) {
	server := newScript(t, packedCaps, rule{when: "NOOP", reply: "TAG OK\r\n* 7 EXISTS\r\n", times: 1})
	s := server.open(always)
	for range 3 {
		if !s.Alive() {
			t.Fatal("the line is said to be dead")
		}
	}
	if _, err := roundTrip(s.c); err != nil {
		t.Fatal(err)
	}
	for range 100 { // the EXISTS may be on its way
		if !s.Alive() {
			t.Fatal("the line is said to be dead")
		}
		if s.c.waiting() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !s.c.waiting() {
		t.Error("what waits is not seen")
	}
	if _, err := roundTrip(s.c); err != nil || s.c.waiting() || s.c.exists != 7 {
		t.Errorf("%v, %d, waiting %v", err, s.c.exists, s.c.waiting())
	}
	server.set(func(s *script) {
		for _, c := range s.conns {
			c.Close()
		}
	})
	for range 1000 {
		if !s.Alive() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the end of the line is not seen")
}

// TestCompressDrip: blocks with nothing in them are no progress, however long
// they come.
func TestCompressDrip(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go io.Copy(io.Discard, theirs)
	c := newConn(ours, &Options{Network: NetworkOptions{Timeout: 250 * time.Millisecond}})
	if err := deflate(c); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := theirs.Write([]byte{0, 0, 0, 0xFF, 0xFF}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := c.run(c.command("NOOP"), nil); !errors.Is(err, errNoAnswer) || !isLost(err) {
		t.Error(err)
	}
}
