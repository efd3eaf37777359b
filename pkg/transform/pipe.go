package transform

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/environ"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

const (
	// PipeTime is how long a command may take for one message, unless the user
	// says otherwise; pipeGrace is what it has to end in after that.
	PipeTime  = 5 * time.Minute
	pipeGrace = 2 * time.Second
	// What a command may write: so many times what it is given, and as much
	// again as pipeMore octets.
	pipeFactor = 4
	pipeMore   = 64 << 20
	// pipeSaid is how much is kept of what it says on stderr, in octets.
	pipeSaid = 1 << 10
)

// What a shell ends with when it cannot run a command (POSIX 2.8.2).
const (
	notExecutable = 126
	notFound      = 127
)

// pipe is a command of the user's that each message goes through.
type pipe struct {
	command string
	timeout time.Duration
	env     []string
}

func newPipe(command string, timeout time.Duration) (*pipe, error) {
	if strings.TrimSpace(command) == "" {
		return nil, fault.Errorf(fault.Usage, "the command is empty")
	}
	if timeout < 0 {
		return nil, fault.Errorf(fault.Usage, "the timeout cannot be less than nothing")
	}
	if timeout == 0 {
		timeout = PipeTime
	}
	return &pipe{command: command, timeout: timeout, env: environ.OfChildren()}, nil
}

// sample is what a command is tried on before anything is sent.
const sample = "From: Sample <sample@imap-pipe.invalid>\r\nTo: sample@imap-pipe.invalid\r\nSubject: sample\r\nDate: " +
	"Thu, 01 Jan 2026 00:00:00 +0000\r\n" +
	"Message-ID: <sample@imap-pipe.invalid>\r\n\r\nThe command that messages are piped through is tried on " +
	"this one.\r\n"

// Check finds out whether the rules can be followed: the command is run once,
// with a message of ours. An error is fault.Usage, or is the end of
// ctx. That the command refuses this message is none.
func (r *Rules) Check(ctx context.Context) error {
	if r == nil || r.pipe == nil {
		return nil
	}
	reading := exec.CommandContext(ctx, "sh", "-n", "-c", r.pipe.command)
	reading.Env = r.pipe.env
	if out, err := reading.CombinedOutput(); err != nil && ctx.Err() == nil {
		return fault.Errorf(fault.Usage, "pipe: the shell does not understand the command: %s",
			text.Safe(firstLine(out, err)))
	}
	m := &Message{Octets: strings.NewReader(sample), Size: int64(len(sample)),
		Origin: Origin{Folder: "INBOX", Target: "INBOX", UIDValidity: 1, UID: 1}}
	o := &Outcome{Octets: m.Octets, Size: m.Size}
	err := r.pass(ctx, m, o)
	o.Close()
	var code *exec.ExitError
	var start *exec.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &start):
		return fault.Errorf(fault.Usage, "pipe: there is no shell: %w", start)
	case errors.As(err, &code) && (code.ExitCode() == notExecutable || code.ExitCode() == notFound):
		return fault.Errorf(fault.Usage, "pipe: the command cannot be run: %s", text.Safe(err.Error()))
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if _, refused := IsRefusal(err); refused {
		return nil
	}
	return err
}

func firstLine(said []byte, err error) string {
	if line, _, _ := bytes.Cut(bytes.TrimSpace(said), []byte("\n")); len(line) > 0 {
		return string(line)
	}
	return err.Error()
}

// pipeError is a refusal by the command.
type pipeError struct {
	*Refusal
	err error
}

func (e *pipeError) Unwrap() []error { return []error{e.Refusal, e.err} }

func refusedByPipe(err error, format string, args ...any) error {
	return &pipeError{&Refusal{Reason: "pipe", Text: fmt.Sprintf(format, args...)}, err}
}

// pass puts what has become of a message through the command.
func (r *Rules) pass(ctx context.Context, m *Message, o *Outcome) error {
	before := sha256.New()
	limit := pipeFactor*o.Size + pipeMore
	out := &room{}
	writer := &pipeOutput{room: out, limit: limit, sum: sha256.New()}
	in := io.TeeReader(io.NewSectionReader(o.Octets, 0, o.Size), before)
	if err := r.pipe.run(ctx, in, writer, &m.Origin); err != nil {
		out.close()
		return err
	}
	if out.size == 0 {
		out.close()
		return refusedByPipe(nil, "pipe: the command wrote nothing")
	}
	// A command need not read to the end.
	if _, err := io.Copy(io.Discard, in); err != nil {
		out.close()
		return ioError(err)
	}
	if out.size == o.Size && bytes.Equal(before.Sum(nil), writer.sum.Sum(nil)) {
		out.close()
		return nil
	}
	head, end, err := readBlock(m)
	if err != nil {
		out.close()
		return err
	}
	o.rooms = append(o.rooms, out)
	o.Octets, o.Size, o.Altered = out.reader(), out.size, true
	o.Changes = append(o.Changes, "pipe")
	o.Breaks = o.Breaks || parseBlock(head, end).signs(nil, true)
	return nil
}

// run runs the command. An error is its refusal, the end of ctx, or local.
func (p *pipe) run(ctx context.Context, in io.Reader, out *pipeOutput, from *Origin) error {
	running, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("it took more than %v", p.timeout))
	defer cancel()
	cmd := exec.CommandContext(running, "sh", "-c", p.command)
	cmd.Env = append(p.env[:len(p.env):len(p.env)], "IMAP_FOLDER="+harmless(from.Folder),
		"IMAP_TARGET="+harmless(from.Target),
		"IMAP_UIDVALIDITY="+strconv.FormatUint(from.UIDValidity, 10), "IMAP_UID="+strconv.FormatUint(from.UID, 10))
	said := &beginning{}
	source := &sourceReader{r: in}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = source, out, said, pipeGrace
	// A group of its own, so that whatever it has started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case source.err != nil:
		return ioError(source.err)
	case out.err != nil:
		return out.err
	case err == nil:
		return nil
	case running.Err() != nil:
		err = context.Cause(running)
	case errors.Is(err, exec.ErrWaitDelay):
		err = errors.New("something that it started keeps its output open")
	}
	if words := said.line(); words != "" {
		return refusedByPipe(err, "pipe: %v: %s", err, words)
	}
	return refusedByPipe(err, "pipe: %v", err)
}

// pipeOutput takes what a command writes, as long as that stays within bounds.
type pipeOutput struct {
	*room
	limit int64
	sum   interface {
		io.Writer
		Sum([]byte) []byte
	}
	err error // why it takes no more
}

func (w *pipeOutput) Write(p []byte) (int, error) {
	if w.size+int64(len(p)) > w.limit {
		w.err = refusedByPipe(nil, "pipe: the command writes more than %d octets", w.limit)
		return 0, w.err
	}
	w.sum.Write(p)
	n, err := w.room.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// sourceReader tells a message that cannot be read from a command that does not
// read it.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// beginning keeps the first octets that are written to it.
type beginning struct{ kept []byte }

func (b *beginning) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), pipeSaid-len(b.kept))]...)
	return len(p), nil
}

// line is the first line of it.
func (b *beginning) line() string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b.kept), []byte("\n"))
	return strings.ToValidUTF8(string(line), "\ufffd")
}
