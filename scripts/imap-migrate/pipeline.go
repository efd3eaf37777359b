package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// pipeline is commands that are joined by pipes, as a phase runs them.
type pipeline struct {
	commands [][]string
	copyTo   string // a file that gets what the first command writes, as from tee, or ""
	output   string // the file that the last command writes to
	mode     int    // os.O_APPEND or os.O_TRUNC: what becomes of an earlier output
}

// String returns the pipeline as text for any shell.
func (p pipeline) String() string {
	var lines []string
	for i, command := range p.commands {
		lines = append(lines, shellWords(command...))
		if i == 0 && p.copyTo != "" {
			lines = append(lines, shellWords("tee", p.copyTo))
		}
	}
	redirect := " >"
	if p.mode == os.O_APPEND {
		redirect = " >>"
	}
	return strings.Join(lines, " |\n  ") + redirect + " " + text.ShellWord(p.output)
}

// shellWords returns words so that a shell reads them as they are.
func shellWords(words ...string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, text.ShellWord(word))
	}
	return strings.Join(quoted, " ")
}

// inherited is what the commands of a pipeline get from us.
type inherited struct {
	log  *os.File   // their stderr
	held []*os.File // locks that last until the last of them has ended
}

// finishPatience is how long commands have for the messages that they are at once ctx has ended.
const finishPatience = time.Minute

// run runs the commands in a process group of their own and returns the exit code of the last. Once ctx ends
// they get SIGTERM. An error says that there is no code: a file or a process could not be made, or the last
// command was killed.
func (p pipeline) run(ctx context.Context, in inherited) (exit.Code, error) {
	output, err := os.OpenFile(p.output, os.O_WRONLY|os.O_CREATE|p.mode, 0o600)
	if err != nil {
		return exit.IO, err
	}
	defer output.Close()
	var copied *teeFile
	if p.copyTo != "" {
		file, err := os.Create(p.copyTo)
		if err != nil {
			return exit.IO, err
		}
		defer file.Close()
		copied = &teeFile{file: file}
	}
	r := &running{inherited: in}
	err = r.start(ctx, p.commands, output, copied)
	code, err := r.wait(err)
	if err != nil && ctx.Err() != nil {
		return exit.CodeOf(context.Cause(ctx)), err
	}
	return code, err
}

// running is a pipeline that has been started.
type running struct {
	inherited
	commands []*exec.Cmd
	tee      sync.WaitGroup
}

// start starts the commands with pipes between them. Our ends of the pipes are closed at once (which is
// allowed for a nil *os.File), so that a command learns that its neighbour has ended.
func (r *running) start(ctx context.Context, commands [][]string, output *os.File, copied *teeFile) (err error) {
	var stdin *os.File
	defer func() { stdin.Close() }()
	for i, words := range commands {
		var read *os.File
		write := output
		if i < len(commands)-1 {
			if read, write, err = os.Pipe(); err != nil {
				return err
			}
		}
		err = r.startCommand(ctx, words, stdin, write)
		stdin.Close()
		if write != output {
			write.Close()
		}
		if stdin = read; err != nil {
			return err
		}
		if i == 0 && copied != nil {
			if stdin, err = r.through(copied, read); err != nil {
				return err
			}
		}
	}
	return nil
}

// startCommand starts the next command, in the process group of the first.
func (r *running) startCommand(ctx context.Context, words []string, stdin, stdout *os.File) error {
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = finishPatience
	command.Stdout, command.Stderr, command.ExtraFiles = stdout, r.log, r.held
	if stdin != nil { // a nil *os.File would not be a nil io.Reader
		command.Stdin = stdin
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if len(r.commands) > 0 {
		command.SysProcAttr.Pgid = r.commands[0].Process.Pid
	}
	if err := command.Start(); err != nil {
		return err
	}
	r.commands = append(r.commands, command)
	return nil
}

// through returns a pipe that carries what is read from another, after it has been written to a file too.
func (r *running) through(copied *teeFile, from *os.File) (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return from, err
	}
	r.tee.Go(func() {
		defer from.Close()
		defer write.Close()
		io.Copy(write, io.TeeReader(from, copied))
	})
	return read, nil
}

// wait waits for all commands. Not before all have been started, so that the group of the first still
// exists when the last joins it. err is why not all could be started.
func (r *running) wait(err error) (exit.Code, error) {
	for _, command := range r.commands {
		if err != nil {
			command.Process.Signal(syscall.SIGTERM)
		}
		command.Wait()
	}
	r.tee.Wait()
	if err != nil {
		return exit.IO, err
	}
	last := r.commands[len(r.commands)-1]
	status := last.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !status.Signaled():
		return exit.Code(status.ExitStatus()), nil
	case status.Signal() == syscall.SIGTERM:
		return exit.Terminated, nil // it came before the command could ask for it
	}
	return exit.Temporary, fmt.Errorf("%s was ended from outside (%s)", last.Args[0], status.Signal())
}

// teeFile is a file that is not written to any more once that has failed. Whoever reads it finds it cut.
type teeFile struct {
	file   *os.File
	failed bool
}

func (t *teeFile) Write(p []byte) (int, error) {
	if !t.failed {
		_, err := t.file.Write(p)
		t.failed = err != nil
	}
	return len(p), nil
}
