package connect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/cli/terminal"
	"github.com/imap-pipe/imap-pipe/pkg/environ"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// passwordCap is the longest password, in octets.
const passwordCap = 4096

// How long a password command may take, and how long it gets to go away
// when it is told to.
const (
	commandTime  = 2 * time.Minute
	commandGrace = time.Second
)

// secretOf is what is to be opened, and whose password opens it: owner is an
// administrator or the user himself.
type secretOf struct {
	user, owner string
	hostPort
}

func (a secretOf) String() string { return a.owner + "@" + a.host }

// passwordFunc is asked for the password at each connect. It may be called
// from any goroutine. Its errors have the code exit.NoInput, or are the
// context's cause.
type passwordFunc func(ctx context.Context) (string, error)

// passwordSource finds where the password comes from: from the option of that
// name, or if it is "" from the environment or the terminal. Files and
// descriptors are read now, and once: what is behind them may be a pipe. A
// command runs at each connect; the terminal is asked at the first.
func passwordSource(c *ucli.Context, option string, who secretOf) (passwordFunc, error) {
	messages := cli.MessagesOf(c)
	switch option {
	case "password-file":
		return known(passwordFromFile(messages, c.String(option)))
	case "password-fd":
		return known(passwordFromDescriptor(c.String(option)))
	case "password-command":
		command := c.String(option)
		if strings.TrimSpace(command) == "" {
			return nil, exit.Errorf(exit.Usage, "--password-command is empty")
		}
		return func(ctx context.Context) (string, error) { return passwordFromCommand(ctx, command, who) }, nil
	}
	if password, ok := os.LookupEnv(environ.Password); ok && !cli.IsSet(c, "account") {
		return known(password, usable(password, environ.Password))
	}
	if !terminal.Available() {
		return nil, noPassword()
	}
	return promptOnce(messages, who), nil
}

// oneOf returns which of the options was given, "" for none.
func oneOf(c *ucli.Context, options ...string) (string, error) {
	given := ""
	for _, option := range options {
		if !cli.IsSet(c, option) {
			continue
		}
		if given != "" {
			return "", exit.Errorf(exit.Usage, "--%s and --%s exclude each other", given, option)
		}
		given = option
	}
	return given, nil
}

func noPassword() error {
	return exit.Errorf(exit.NoInput, "no password, and no terminal to ask for it").
		WithHint("give --password-file, --password-command, --password-fd or IMAP_PASSWORD")
}

// known is a source whose password is in hand.
func known(password string, err error) (passwordFunc, error) {
	if err != nil {
		return nil, err
	}
	return func(context.Context) (string, error) { return password, nil }, nil
}

// promptOnce asks at the first connect and remembers the answer.
func promptOnce(messages *cli.Messages, who secretOf) passwordFunc {
	var mu sync.Mutex
	var password string
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if password != "" {
			return password, nil
		}
		question := fmt.Sprintf("%s: password for %s: ", messages.Name(), text.Safe(who.String()))
		typed, err := terminal.Ask(ctx, question, passwordCap, messages.Clear)
		switch {
		case errors.Is(err, terminal.ErrNone):
			err = noPassword()
		case err == nil:
			err = usable(typed, "the password that was typed")
		}
		if err != nil {
			return "", err
		}
		password = typed
		return password, nil
	}
}

func passwordFromFile(messages *cli.Messages, path string) (string, error) {
	if n, ok := descriptor.Number(path); ok {
		return passwordFromDescriptor(strconv.Itoa(n))
	}
	f, err := os.Open(path)
	if err != nil {
		return "", exit.Errorf(exit.NoInput, "cannot read the password file %s: %w", path, files.Bare(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		messages.Warn("others may read the password file %s (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return readPassword(f, "the password file "+path)
}

func passwordFromDescriptor(number string) (string, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return "", exit.Errorf(exit.Usage, "--password-fd cannot take the value %q", number).
			WithHint("it takes a number, as in --password-fd 3 3< FILE")
	}
	if n == 1 || n == 2 {
		return "", exit.Errorf(exit.Usage, "--password-fd %d is an output", n)
	}
	f, err := descriptor.Open(n, os.O_RDONLY, "descriptor "+number)
	if err != nil {
		return "", exit.Errorf(exit.NoInput, "cannot read the password: %w", err)
	}
	defer f.Close()
	if descriptor.IsTerminal(f) {
		return "", exit.Errorf(exit.Usage, "--password-fd %d is a terminal", n).
			WithHint("without the option, the terminal is asked with the echo off")
	}
	return readPassword(f, "descriptor "+number)
}

func passwordFromCommand(ctx context.Context, command string, who secretOf) (string, error) {
	line, err := lineFromCommand(ctx, "password-command", command, who, passwordCap)
	if err != nil {
		return "", err
	}
	return line, usable(line, "the output of --password-command")
}

// lineFromCommand runs the command of an option in a shell and returns the
// first line that it writes, of which it reads little more than limit octets.
// The command may talk to the terminal; it does not see our stdin, which is a
// stream.
func lineFromCommand(ctx context.Context, option, command string, who secretOf, limit int) (string, error) {
	running, cancel := context.WithTimeoutCause(ctx, commandTime, errors.New("it took too long"))
	defer cancel()
	cmd := exec.CommandContext(running, "sh", "-c", command)
	cmd.Env = append(environ.OfChildren(), "IMAP_HOST="+who.host, "IMAP_PORT="+strconv.Itoa(who.port),
		"IMAP_USER="+who.user, "IMAP_AUTH_USER="+who.owner)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = commandGrace
	out := &firstLine{limit: limit + len("x\r\n")}
	cmd.Stdout = out
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	// What the command left running in the background may hold its output
	// open: the line is there, and the command said that all was well.
	if errors.Is(err, exec.ErrWaitDelay) && running.Err() == nil {
		err = nil
	}
	if cause := context.Cause(running); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		// The command itself is not shown: it may hold a secret.
		return "", exit.Errorf(exit.NoInput, "--%s failed for %s: %w", option, who, err)
	}
	line, _, _ := strings.Cut(string(out.kept), "\n")
	return strings.TrimRight(line, "\r"), nil
}

// firstLine keeps the first octets that are written to it, up to a limit.
type firstLine struct {
	kept  []byte
	limit int
}

func (l *firstLine) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(len(p), l.limit-len(l.kept))]...)
	return len(p), nil
}

// readPassword takes the first line of r, without its line end. Messages
// call r source.
func readPassword(r io.Reader, source string) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, passwordCap+2), passwordCap+2).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", exit.Errorf(exit.NoInput, "cannot read %s: %w", source, files.Bare(err))
	}
	password := strings.TrimRight(line, "\r\n")
	return password, usable(password, source)
}

// usable refuses what no server can be sent as a password.
func usable(password, source string) error {
	switch {
	case password == "":
		return exit.Errorf(exit.NoInput, "%s holds no password", source).WithHint("the password is its first line")
	case len(password) > passwordCap:
		return exit.Errorf(exit.NoInput, "%s holds a password of more than %d octets", source, passwordCap)
	case strings.ContainsAny(password, "\x00\r\n"):
		return exit.Errorf(exit.NoInput, "%s holds a password with a NUL or a line end in it", source)
	}
	return nil
}
