//go:build linux

package files_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

func TestBinaryToTerminal(t *testing.T) {
	p := clitest.NewPTY(t)
	for _, args := range [][]string{{}, {"-o", "-"}, {"-o", "/dev/stdout"}, {"-o", "/dev/tty"}, {"-o", "/dev/fd/1"}, {"-o", p.Terminal.Name()}} {
		cmd := clitest.Begin(t, p.Session(clitest.Command(t, append([]string{"--do", "write", "--binary"}, args...)...)))
		p.Ended(t, cmd, 64)
		p.Screen.Until(t, "is a terminal, and the stream is compressed\r\nimap-test: hint: ")
		p.Screen.Forget()
	}
	cmd := clitest.Begin(t, p.Session(clitest.Command(t, "--do", "write", "--binary", "-o", filepath.Join(t.TempDir(), "x"))))
	p.Ended(t, cmd, 0)
	cmd = p.Session(clitest.Command(t, "--do", "copy"))
	cmd.Stdin = strings.NewReader("plain text")
	clitest.Begin(t, cmd)
	p.Ended(t, cmd, 0)
	p.Screen.Until(t, "plain text")
}

func TestStreamFromTerminal(t *testing.T) {
	p := clitest.NewPTY(t)
	for _, args := range [][]string{{}, {"-"}, {"/dev/tty"}, {p.Terminal.Name()}} {
		cmd := clitest.Begin(t, p.Session(clitest.Command(t, append([]string{"--do", "copy"}, args...)...)))
		p.Ended(t, cmd, 64)
		p.Screen.Until(t, "a stream is expected on ")
		p.Screen.Until(t, "but it is a terminal\r\nimap-test: hint: name a FILE")
		p.Screen.Forget()
	}
}
