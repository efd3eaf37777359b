package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// pipeline is commands that are joined by pipes, as a phase runs them.
type pipeline struct {
	commands [][]string
	copyTo   string // a file that gets what the first command writes, as from tee, or ""
	output   string // the file that the last command writes to
	append   bool   // to the end of it
}

// String returns the pipeline as text for any shell.
func (p pipeline) String() string {
	var lines []string
	for i, command := range p.commands {
		lines = append(lines, quoted(command))
		if i == 0 && p.copyTo != "" {
			lines = append(lines, quoted([]string{"tee", p.copyTo}))
		}
	}
	redirect := " >"
	if p.append {
		redirect = " >>"
	}
	return strings.Join(lines, " |\n  ") + redirect + " " + quoted([]string{p.output})
}

// quoted returns words so that a shell reads them as they are.
func quoted(words []string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-"
	var out []string
	for _, word := range words {
		if word == "" || strings.Trim(word, plain) != "" {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// surroundings are what the commands of a pipeline inherit.
type surroundings struct {
	log       *os.File   // their stderr
	held      []*os.File // locks that last until the last of them has ended
	processes *processes // gets to know them
}

// run runs the commands in a process group of their own and returns the exit code of the last. An error
// says that there is none: a file or a process could not be made, or the last command was killed.
func (p pipeline) run(in surroundings) (exit.Code, error) {
	flags := os.O_WRONLY | os.O_CREATE
	if p.append {
		flags |= os.O_APPEND
	} else {
		flags |= os.O_TRUNC
	}
	output, err := os.OpenFile(p.output, flags, 0o600)
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
	return p.start(in, output, copied).wait()
}

// running is a pipeline that has been started.
type running struct {
	surroundings
	commands []*exec.Cmd
	tee      sync.WaitGroup
	err      error // why not all commands could be started
}

func (p pipeline) start(in surroundings, output *os.File, copied *teeFile) *running {
	r := &running{surroundings: in}
	var stdin *os.File // of the next command; ours to close
	for i, words := range p.commands {
		read, write := (*os.File)(nil), output
		if i < len(p.commands)-1 {
			if read, write, r.err = os.Pipe(); r.err != nil {
				break
			}
		}
		r.err = r.startCommand(words, stdin, write)
		closeAll(stdin)
		if write != output {
			closeAll(write)
		}
		if stdin = read; r.err != nil {
			break
		}
		if i == 0 && copied != nil {
			stdin, r.err = r.through(copied, read)
		}
	}
	closeAll(stdin)
	return r
}

func closeAll(file *os.File) {
	if file != nil {
		file.Close()
	}
}

// startCommand starts the next command, in the process group of the first.
func (r *running) startCommand(words []string, stdin, stdout *os.File) error {
	command := exec.Command(words[0], words[1:]...)
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
	r.processes.add(command.Process)
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

// wait waits for all commands. None has been waited for before, so that the group of the first still exists
// when the last is started.
func (r *running) wait() (exit.Code, error) {
	for _, command := range r.commands {
		if r.err != nil {
			command.Process.Signal(syscall.SIGTERM)
		}
		command.Wait()
		r.processes.remove(command.Process)
	}
	r.tee.Wait()
	if r.err != nil {
		return exit.IO, r.err
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

// processes are the commands that run. It is safe for concurrent use.
type processes struct {
	mu       sync.Mutex
	running  map[*os.Process]bool
	signaled bool
}

func newProcesses() *processes { return &processes{running: map[*os.Process]bool{}} }

func (p *processes) add(process *os.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[process] = true
	if p.signaled {
		process.Signal(syscall.SIGTERM)
	}
}

func (p *processes) remove(process *os.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, process)
}

// signal sends a signal to all of them, and SIGTERM to those that are yet to come.
func (p *processes) signal(signal os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signaled = true
	for process := range p.running {
		process.Signal(signal)
	}
}
