package imaptest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	wireTimeout = 60 * time.Second // without progress
	keepAll     = 1 << 30          // octets of a literal to keep in memory
)

// wire is the oracle's own IMAP client: one plain connection, one command at
// a time.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	tags int
	caps map[string]bool
	keep int64 // literals up to this size are kept, all are hashed
}

// literal is a string that came as a literal; octets is nil where it was
// longer than wire.keep.
type literal struct {
	size   int64
	sha256 string
	octets []byte
}

// response is one line from a server: "* 12 FETCH (...)" has a number, a name
// and values; anything but LIST, NAMESPACE and FETCH keeps its rest as text.
type response struct {
	tag    string // "*", "+" or a tag
	number uint32
	name   string // upper case
	values []any  // string, *literal, []any, nilAtom
	text   string
}

// refusal is a tagged NO or BAD.
type refusal struct{ command, text string }

func (e *refusal) Error() string { return fmt.Sprintf("%s: %s", e.command, e.text) }

func login(addr, user, password string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", addr, wireTimeout)
	if err != nil {
		return nil, err
	}
	c := &wire{conn: &progressConn{conn}, keep: keepAll, caps: map[string]bool{}}
	c.r = bufio.NewReaderSize(c.conn, 64<<10)
	c.w = bufio.NewWriterSize(c.conn, 64<<10)
	if err := c.start(user, password); err != nil {
		conn.Close()
		return nil, fmt.Errorf("imaptest: %s at %s: %w", user, addr, err)
	}
	return c, nil
}

// progressConn gives every read and write wireTimeout of its own.
type progressConn struct{ net.Conn }

func (c *progressConn) Read(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(wireTimeout))
	return c.Conn.Read(p)
}

func (c *progressConn) Write(p []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(wireTimeout))
	return c.Conn.Write(p)
}

func (c *wire) start(user, password string) error {
	greeting, err := c.response()
	if err != nil {
		return err
	}
	if greeting.name != "OK" {
		return fmt.Errorf("greeting is %s %s", greeting.name, greeting.text)
	}
	if _, err := c.command("LOGIN " + quote(user) + " " + quote(password)); err != nil {
		return err
	}
	lines, err := c.command("CAPABILITY")
	for _, line := range lines {
		if line.name == "CAPABILITY" {
			for _, name := range strings.Fields(line.text) {
				c.caps[strings.ToUpper(name)] = true
			}
		}
	}
	return err
}

func (c *wire) close() {
	c.command("LOGOUT")
	c.conn.Close()
}

func (c *wire) send(command string) (tag string, err error) {
	c.tags++
	tag = fmt.Sprintf("t%d", c.tags)
	c.w.WriteString(tag + " " + command + "\r\n")
	return tag, c.w.Flush()
}

// command sends a command without literals and collects what is answered.
func (c *wire) command(command string) ([]response, error) {
	var lines []response
	err := c.stream(command, func(line response) error {
		lines = append(lines, line)
		return nil
	})
	return lines, err
}

// stream gives each untagged response to fn as it comes.
func (c *wire) stream(command string, fn func(response) error) error {
	tag, err := c.send(command)
	if err != nil {
		return err
	}
	for {
		line, err := c.response()
		if err != nil {
			return err
		}
		if line.tag == tag {
			return line.status(command)
		}
		if err := fn(line); err != nil {
			return err
		}
	}
}

// status turns a tagged response into an error unless it is OK.
func (r *response) status(command string) error {
	if r.name == "OK" {
		return nil
	}
	return &refusal{command, r.name + " " + r.text}
}

func (c *wire) response() (response, error) {
	var line response
	var err error
	if line.tag, err = c.atom(); err != nil {
		return line, err
	}
	if line.tag == "+" {
		line.text, err = c.rest()
		return line, err
	}
	if line.name, err = c.atom(); err != nil {
		return line, err
	}
	if number, bad := strconv.ParseUint(line.name, 10, 32); bad == nil {
		line.number = uint32(number)
		if line.name, err = c.atom(); err != nil {
			return line, err
		}
	}
	line.name = strings.ToUpper(line.name)
	switch line.name {
	case "LIST", "LSUB", "FETCH", "NAMESPACE":
		line.values, err = c.values('\n')
	default:
		line.text, err = c.rest()
	}
	return line, err
}

// rest reads the remainder of a line.
func (c *wire) rest() (string, error) {
	text, err := c.r.ReadString('\n')
	return strings.Trim(text, " \r\n"), err
}

// values reads values up to the closing octet, which is taken: ")" or LF.
func (c *wire) values(closing byte) ([]any, error) {
	var values []any
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return nil, err
		}
		switch {
		case b == closing:
			return values, nil
		case b == ' ' || b == '\r':
			continue
		case b == '\n' || b == ')':
			return nil, fmt.Errorf("unexpected %q in a response", b)
		}
		value, err := c.value(b)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
}

func (c *wire) value(first byte) (any, error) {
	switch first {
	case '(':
		return c.values(')')
	case '"':
		return c.quoted()
	case '{':
		return c.literal()
	}
	c.r.UnreadByte()
	atom, err := c.atom()
	if strings.EqualFold(atom, "NIL") {
		return nilAtom(atom), err
	}
	return atom, err
}

// nilAtom is NIL, which stands for nothing but where a mailbox is called so.
type nilAtom string

// mailboxName returns the text of an astring.
func mailboxName(value any) string {
	if atom, ok := value.(nilAtom); ok {
		return string(atom)
	}
	return text(value)
}

func (c *wire) atom() (string, error) {
	var atom []byte
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return "", err
		}
		if strings.IndexByte(" ()\r\n", b) >= 0 {
			if b != ' ' {
				c.r.UnreadByte()
			}
			return string(atom), nil
		}
		atom = append(atom, b)
	}
}

func (c *wire) quoted() (string, error) {
	var text []byte
	for {
		b, err := c.r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == '"':
			return string(text), nil
		case b == '\\':
			if b, err = c.r.ReadByte(); err != nil {
				return "", err
			}
		}
		text = append(text, b)
	}
}

func (c *wire) literal() (*literal, error) {
	head, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(strings.TrimRight(head, "}\r\n"), 10, 64)
	if err != nil || size < 0 {
		return nil, fmt.Errorf("literal of {%q octets", head)
	}
	lit := &literal{size: size}
	hash := sha256.New()
	var sink io.Writer = hash
	var kept bytes.Buffer
	if size <= c.keep {
		kept.Grow(int(size))
		sink = io.MultiWriter(hash, &kept)
	}
	if _, err := io.CopyN(sink, c.r, size); err != nil {
		return nil, fmt.Errorf("in a literal of %d octets: %w", size, err)
	}
	if size <= c.keep {
		lit.octets = kept.Bytes()
	}
	lit.sha256 = hex.EncodeToString(hash.Sum(nil))
	return lit, nil
}

// text is a string that may have come as an atom, quoted or as a literal.
func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case *literal:
		return string(value.octets)
	}
	return ""
}

// quote writes a quoted string; only for text without CR, LF and NUL.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
