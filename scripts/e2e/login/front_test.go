package login

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
	*imaptest.Script
	admit func(command string) (reply, user string)

	mu       sync.Mutex
	commands []string // without tags, and answers to a "+"
}

// startFront serves on a free port of 127.0.0.1. After the greeting, admit
// answers each command with a reply, in which TAG is the command's tag, and
// with the user whose account it opens, "" if none yet. A greeting of PREAUTH
// opens joe's.
func startFront(t *testing.T, server *imaptest.Server, greeting string,
	admit func(command string) (reply, user string)) *front {
	t.Helper()
	f := &front{admit: admit}
	f.Script = &imaptest.Script{Rules: []*imaptest.ScriptRule{
		{When: func(command string) bool { return command == "" }, Play: func(r *imaptest.Reply) {
			r.Say(greeting)
			if strings.HasPrefix(greeting, "* PREAUTH") {
				enter(r, server.Addr(), "joe", "")
			}
		}},
		{When: func(string) bool { return true }, Play: func(r *imaptest.Reply) {
			reply, user := f.login(r)
			if user != "" {
				enter(r, server.Addr(), user, reply)
			}
		}},
	}}
	f.Start(t)
	return f
}

// login answers a command, and the lines that follow the reply "+".
func (f *front) login(r *imaptest.Reply) (reply, user string) {
	for command := r.Command; ; {
		f.mu.Lock()
		f.commands = append(f.commands, command)
		f.mu.Unlock()
		if reply, user = f.admit(command); user != "" {
			return reply, user
		}
		challenge, asked := strings.CutPrefix(reply, "+ ")
		if !asked {
			r.Say(reply)
			return "", ""
		}
		line, ok := r.Ask(strings.TrimSuffix(challenge, "\r\n"))
		if !ok {
			r.Close()
			return "", ""
		}
		command = line
	}
}

// enter logs a user in at the server and lets the client talk to it.
func enter(r *imaptest.Reply, addr, user, reply string) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		r.Close()
		return
	}
	defer server.Close()
	answers := bufio.NewReader(server)
	answers.ReadString('\n')
	fmt.Fprintf(server, "front LOGIN %s secret\r\n", user)
	for line := ""; !strings.HasPrefix(line, "front OK"); {
		if line, err = answers.ReadString('\n'); err != nil {
			r.Close()
			return
		}
	}
	r.Say(reply)
	r.Relay(struct {
		io.Reader
		io.Writer
	}{answers, server})
}

// heard returns the commands, joined.
func (f *front) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.commands, "|")
}
