//go:build linux

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

func TestProgressOnTerminal(t *testing.T) {
	p := clitest.NewPTY(t)
	p.Resize(t, 60)
	cmd := clitest.Begin(t, p.Session(clitest.Command(t, "--do", "progress")))
	p.Screen.Until(t, "\rimap-test: reading: 1,234/20,000 messages, 1.0 MB/5.0 MB,")
	p.Ended(t, cmd, 0)
	p.Screen.Until(t, "\rimap-test: warning: a word in between\r\n")
	p.Screen.Until(t, "imap-test: done\r\n")
	screen := p.Screen.Rest()
	if strings.Contains(screen, "\x1b") {
		t.Errorf("an escape on the screen: %q", screen)
	}
	for _, line := range strings.FieldsFunc(screen, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len(line) > 59 && !strings.Contains(line, "\b") {
			t.Errorf("a line of %d columns: %q", len(line), line)
		}
	}
}

func TestNoProgressInThePipe(t *testing.T) {
	p := clitest.NewPTY(t)
	for _, args := range [][]string{{}, {"--quiet"}, {"--progress=none"}} {
		cmd := p.Session(clitest.Command(t, append([]string{"--do", "progress"}, args...)...))
		if len(args) == 0 {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			cmd.Stdout = w
		}
		clitest.Begin(t, cmd)
		p.Ended(t, cmd, 0)
		p.Screen.Until(t, "a word in between\r\n")
		if screen := p.Screen.Rest(); strings.Contains(screen, "messages") {
			t.Errorf("%q: progress on the screen: %q", args, screen)
		}
		p.Screen.Forget()
	}
}
