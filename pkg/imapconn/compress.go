package imapconn

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/klauspost/compress/flate"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// CompressMode says when COMPRESS=DEFLATE (RFC 4978) is used.
type CompressMode int

const (
	// CompressAuto compresses where the server offers it and the line is slow:
	// elsewhere it costs more than it saves.
	CompressAuto CompressMode = iota
	// CompressAlways insists on it.
	CompressAlways
	CompressNever
)

// slowLine is the round trip from which on CompressAuto compresses.
const slowLine = 5 * time.Millisecond

const compressCap = "COMPRESS=DEFLATE"

// compress switches the line to DEFLATE where the options and the server have
// it so. It is the last step of a connect.
func (l *link) compress() error {
	c := l.c
	offered := c.caps.has(compressCap)
	switch {
	case l.o.Network.Compress == CompressAlways && !offered:
		return fault.Errorf(fault.Protocol, "%s does not offer %s", printable(c.host), compressCap).
			Because(ErrNoCompression)
	case l.o.Network.Compress == CompressNever, !offered:
		return nil
	}
	if l.o.Network.Compress == CompressAuto {
		roundTrip, err := roundTrip(c)
		if err != nil || roundTrip < slowLine {
			return err
		}
	}
	_, err := c.run(c.command("COMPRESS DEFLATE"), nil)
	var no *imap.Error
	switch {
	case errors.As(err, &no) && l.o.Network.Compress == CompressAuto:
		return nil // it is no need
	case err != nil:
		return refused(err, fault.Protocol, "COMPRESS at %s", printable(c.host))
	}
	return deflate(c)
}

// roundTrip measures how long a command takes that is no work.
func roundTrip(c *conn) (time.Duration, error) {
	began := time.Now()
	_, err := c.run(c.command("NOOP"), nil)
	var no *imap.Error
	if errors.As(err, &no) {
		err = nil
	}
	return time.Since(began), err
}

// deflateLevel is where more work stops to pay on mail.
const deflateLevel = 3

// deflate puts compression between the connection and our reader and writer.
func deflate(c *conn) error {
	z, err := newDeflateConn(c.nc, c.br)
	if err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	c.layer(z, c.trace, c.secrets)
	c.deflated = z
	return nil
}

// deflateConn compresses what is written to a connection and inflates what is
// read. Each Write is flushed and leaves as one, for nobody knows whether there
// will be another. It holds no more than the windows of DEFLATE, 32 KiB each.
type deflateConn struct {
	net.Conn
	empty  *emptiness
	packed *bufio.Reader // what came and was not inflated yet
	in     io.Reader
	out    *flate.Writer
	buf    bytes.Buffer
}

// newDeflateConn takes over a connection; read may have read ahead of it.
func newDeflateConn(nc net.Conn, read *bufio.Reader) (*deflateConn, error) {
	ahead, _ := read.Peek(read.Buffered())
	z := &deflateConn{Conn: nc, empty: &emptiness{r: io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), nc)}}
	z.packed = bufio.NewReaderSize(z.empty, 64<<10)
	// Servers may flush without the empty block that a reader usually waits for.
	z.in = flate.NewReaderOpts(z.packed, flate.WithPartialBlock())
	out, err := flate.NewWriter(&z.buf, deflateLevel)
	z.out = out
	return z, err
}

// Read inflates. What is no DEFLATE ends the connection as a broken server's.
func (z *deflateConn) Read(p []byte) (int, error) {
	n, err := z.in.Read(p)
	z.empty.octets = 0
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		err = &limitError{"damaged data after COMPRESS DEFLATE (turn compression off to avoid it)"}
	}
	return n, err
}

// maxEmpty is how many octets of DEFLATE may hold nothing. A block is begun by a
// few hundred at most.
const maxEmpty = 256 << 10

// emptiness counts what came without anything in it.
type emptiness struct {
	r      io.Reader
	octets int
}

func (e *emptiness) Read(p []byte) (int, error) {
	if e.octets > maxEmpty {
		return 0, &limitError{"compressed data without anything in it"}
	}
	n, err := e.r.Read(p)
	e.octets += n
	return n, err
}

func (z *deflateConn) Write(p []byte) (int, error) {
	z.buf.Reset()
	if _, err := z.out.Write(p); err != nil {
		return 0, err
	}
	if err := z.out.Flush(); err != nil {
		return 0, err
	}
	if _, err := z.Conn.Write(z.buf.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// mark is the empty block at the end of a flush (RFC 1951 section 3.2.4), behind
// the bits of its header.
var mark = []byte{0, 0, 0xFF, 0xFF}

// marks returns how many bytes have come that only say that there is no more:
// the mark of a flush, which is read with what follows it, or how it begins.
func (z *deflateConn) marks() int {
	n := z.packed.Buffered()
	all, _ := z.packed.Peek(n)
	for header := range min(n, 1) + 1 { // it may have a byte of its own
		if bytes.HasPrefix(mark, all[header:]) {
			return n
		}
	}
	return 0
}

// waiting reports whether something has come that was not read.
func (c *conn) waiting() bool {
	return c.br.Buffered() > 0 || c.deflated != nil && c.deflated.packed.Buffered() > c.deflated.marks()
}

// glance looks for an octet from the server. It reads below the inflater, whose
// errors are for good: that nothing has come is none.
func (c *conn) glance() error {
	if c.deflated == nil {
		_, err := c.br.Peek(1)
		return err
	}
	_, err := c.deflated.packed.Peek(c.deflated.marks() + 1)
	return err
}
