package harness

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Tell gives commands to the account's server as its user would, on a
// connection of its own, and returns what it answers. All must succeed.
func (a Account) Tell(t testing.TB, commands ...string) string {
	t.Helper()
	answers, err := a.Converse(commands...)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// Converse is Tell for those that have no test to end.
func (a Account) Converse(commands ...string) (string, error) {
	conn, err := net.Dial("tcp", a.Addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		return "", err
	}
	var all strings.Builder
	for _, command := range append([]string{"LOGIN " + a.User + " secret"}, commands...) {
		fmt.Fprintf(conn, "t %s\r\n", command)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return "", fmt.Errorf("%s, %s: %w", a.User, command, err)
			}
			all.WriteString(line)
			if !strings.HasPrefix(line, "t ") {
				continue
			}
			if !strings.HasPrefix(line, "t OK") {
				return "", fmt.Errorf("%s, %s: %s", a.User, command, line)
			}
			break
		}
	}
	return all.String(), nil
}

// listed is a line of imap-list.
type listed struct {
	Type, Name, Delimiter string
	Attributes            []string
	Subscribed            bool
	Namespace             string
	UIDValidity, UIDNext  uint64
	Messages              int
	Octets, Largest       *int64
	LargestUID            uint64 `json:"largest_uid"`
	Oldest, Newest        string
	ACL                   map[string]string
}

// Quote makes a word of the shell.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
