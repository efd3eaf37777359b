package e2e

import (
	"bufio"
	"encoding/json"
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

// records are the lines of imap-list on the outcome's stdout.
func (o *outcome) records() (all []listed) {
	o.t.Helper()
	for line := range strings.Lines(o.stdout) {
		var r listed
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Type != "folder" {
			o.t.Fatalf("%q is no folder record: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// lists demands which folders are listed, in order.
func (o *outcome) lists(names ...string) *outcome {
	o.t.Helper()
	var got []string
	for _, r := range o.records() {
		got = append(got, r.Name)
	}
	if strings.Join(got, "\n") != strings.Join(names, "\n") {
		o.t.Errorf("listed\n\t%q\nwant\n\t%q\n%s", got, names, o)
	}
	return o
}

// quoted makes a word of the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
