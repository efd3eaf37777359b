package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// tell gives commands to the account's server as its user would, on a
// connection of its own, and returns what it answers. All must succeed.
func (a account) tell(t testing.TB, commands ...string) string {
	t.Helper()
	answers, err := a.converse(commands...)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// converse is tell for those that have no test to end.
func (a account) converse(commands ...string) (string, error) {
	conn, err := net.Dial("tcp", a.addr)
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
	for _, command := range append([]string{"LOGIN " + a.user + " secret"}, commands...) {
		fmt.Fprintf(conn, "t %s\r\n", command)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return "", fmt.Errorf("%s, %s: %w", a.user, command, err)
			}
			all.WriteString(line)
			if !strings.HasPrefix(line, "t ") {
				continue
			}
			if !strings.HasPrefix(line, "t OK") {
				return "", fmt.Errorf("%s, %s: %s", a.user, command, line)
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

// quoted makes a word of the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
