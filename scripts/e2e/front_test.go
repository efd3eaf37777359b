package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// front stands before an embedded server and greets and logs in by ways that
// the server does not know. Once it has let a client in, the client talks to
// the server.
type front struct {
	net.Listener
	mu       sync.Mutex
	commands []string // that were said to it, without tags, and answers to a "+"
}

// startFront serves on a free port of 127.0.0.1. After the greeting, admit
// answers each command with a reply, in which TAG is the command's tag, and
// with the user whose account it opens, "" if none yet. A greeting of PREAUTH
// opens joe's.
func startFront(t *testing.T, server *imaptest.Server, greeting string, admit func(command string) (reply, user string)) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(client, server.Addr(), greeting, admit)
		}
	}()
	return f
}

func (f *front) serve(client net.Conn, target, greeting string, admit func(string) (string, string)) {
	defer client.Close()
	io.WriteString(client, greeting)
	user := ""
	if strings.HasPrefix(greeting, "* PREAUTH") {
		user = "joe"
	}
	lines := bufio.NewReader(client)
	reply, last := "", ""
	for user == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, tagged := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if !tagged { // the answer to a "+"
			tag, command = last, tag
		}
		last = tag
		f.mu.Lock()
		f.commands = append(f.commands, command)
		f.mu.Unlock()
		reply, user = admit(command)
		reply = strings.ReplaceAll(reply, "TAG", tag)
		if user == "" {
			io.WriteString(client, reply)
		}
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	answers := bufio.NewReader(server)
	answers.ReadString('\n')
	fmt.Fprintf(server, "front LOGIN %s secret\r\n", user)
	for line := ""; !strings.HasPrefix(line, "front OK"); {
		if line, err = answers.ReadString('\n'); err != nil {
			return
		}
	}
	io.WriteString(client, reply)
	go io.Copy(server, lines)
	io.Copy(client, answers)
}

// heard returns the commands, joined.
func (f *front) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.commands, "|")
}
