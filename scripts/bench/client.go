package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// client is a bare IMAP connection. Nothing is parsed but what tells where an
// answer ends.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	tag  int
}

func login(address, user string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, r: bufio.NewReaderSize(conn, 64<<10), w: bufio.NewWriterSize(conn, 64<<10)}
	if _, err := c.r.ReadString('\n'); err != nil {
		conn.Close()
		return nil, err
	}
	if err := c.do("LOGIN %s secret", user); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() {
	c.do("LOGOUT")
	c.conn.Close()
}

// do sends a command and reads its answer to the end.
func (c *client) do(format string, arguments ...any) error {
	c.begin(format, arguments...)
	return c.finish()
}

func (c *client) begin(format string, arguments ...any) {
	c.tag++
	fmt.Fprintf(c.w, "a%d ", c.tag)
	fmt.Fprintf(c.w, format, arguments...)
}

// finish ends the command's last line and reads until its tagged answer.
func (c *client) finish() error {
	c.w.WriteString("\r\n")
	if err := c.w.Flush(); err != nil {
		return err
	}
	tag := fmt.Sprintf("a%d ", c.tag)
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if answer, ok := strings.CutPrefix(line, tag); ok {
			if !strings.HasPrefix(answer, "OK") {
				return fmt.Errorf("the server said %s", answer)
			}
			return nil
		}
	}
}

// line reads a line up to its end or its first literal, whose octets it drops.
func (c *client) line() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if open := strings.LastIndexByte(line, '{'); open >= 0 && strings.HasSuffix(line, "}") {
		n, err := strconv.ParseInt(line[open+1:len(line)-1], 10, 64)
		if err != nil {
			return line, nil
		}
		if _, err := io.CopyN(io.Discard, c.r, n); err != nil {
			return "", err
		}
	}
	return line, nil
}
