package search_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/search"
)

// client asks a server over a plain socket.
type client struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	tags int
}

// dial logs in and opens INBOX.
func dial(t *testing.T, addr, user, password string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
	c.line() // the greeting
	for _, command := range []string{"LOGIN " + user + " " + password, "EXAMINE INBOX"} {
		if answer := c.run(search.Program{{Text: command}}, func(string) {}); !strings.HasPrefix(answer, "OK") {
			t.Fatalf("%s: %s", command, answer)
		}
	}
	return c
}

func (c *client) line() string {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(time.Minute))
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// run sends a command in its pieces, and returns how it was answered.
func (c *client) run(command search.Program, untagged func(string)) string {
	c.t.Helper()
	c.tags++
	tag := "t" + strconv.Itoa(c.tags) + " "
	fmt.Fprint(c.conn, tag)
	for _, piece := range command {
		if piece.Literal {
			fmt.Fprintf(c.conn, "{%d}\r\n", len(piece.Text))
			if line := c.line(); !strings.HasPrefix(line, "+") {
				return line
			}
		}
		fmt.Fprint(c.conn, piece.Text)
	}
	fmt.Fprint(c.conn, "\r\n")
	for {
		line := c.line()
		if answer, ok := strings.CutPrefix(line, tag); ok {
			return answer
		}
		untagged(line)
	}
}

// search returns the UIDs that the server finds.
func (c *client) search(program search.Program) (uids []uint64) {
	c.t.Helper()
	command := append(search.Program{{Text: "UID SEARCH "}}, program...)
	if len(program) == 0 {
		command = search.Program{{Text: "UID SEARCH ALL"}}
	}
	answer := c.run(command, func(line string) {
		numbers, ok := strings.CutPrefix(line, "* SEARCH")
		if !ok {
			return
		}
		for _, number := range strings.Fields(numbers) {
			n, err := strconv.ParseUint(number, 10, 32)
			if err != nil {
				c.t.Fatal(err)
			}
			uids = append(uids, n)
		}
	})
	if !strings.HasPrefix(answer, "OK") {
		c.t.Errorf("%s: %s", command, answer)
	}
	slices.Sort(uids)
	return uids
}
