package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// worker runs the phases of one account.
type worker struct {
	*migration
	*account
	results
	identity identity // as of the beginning of the phase
}

func (m *migration) worker(a *account) *worker {
	return &worker{migration: m, account: a, results: results{dir: filepath.Join(m.state, "accounts", a.id)}}
}

// file returns the path of a file in the account's folder.
func (w *worker) file(name string) string { return filepath.Join(w.dir, name) }

// run runs the phases until one does not proceed. It holds the locks as long as a command of this account
// runs, even if this process is killed. An error says that the account could not be worked on at all.
func (w *worker) run(ctx context.Context, held []*os.File) error {
	lock, err := lockAccount(ctx, w.dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	log, err := os.OpenFile(w.file("log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return exit.Wrap(exit.IO, err)
	}
	defer log.Close()
	in := inherited{log: log, held: append(held, lock)}
	for _, phase := range w.phases {
		if err := w.recognize(); err != nil {
			return err
		}
		if ended, ok := w.read(phase); ok && w.resume && ended.proceeds() {
			continue
		}
		if ended := w.runPhase(ctx, phase, in); ctx.Err() != nil || !ended.proceeds() {
			break
		}
	}
	return nil
}

// runPhase runs a phase and records how it ended. What came after it in an earlier run says nothing any more.
func (w *worker) runPhase(ctx context.Context, phase string, in inherited) result {
	w.forget(phase)
	w.record(phase, result{code: exit.Temporary, trouble: "it was ended from outside: run it again with --resume"})
	began := time.Now()
	fmt.Fprintf(in.log, "== %s %s\n", phase, began.UTC().Format(time.RFC3339))
	ended := w.attempt(ctx, phase, in)
	if w.base(phase) != "" && (ended.code == exit.Usage || ended.code == exit.Data) { // may be the base's fault
		os.Remove(w.file("headers.zst"))
		ended = w.attempt(ctx, phase, in)
	}
	if ended.code == exit.OK && phase != verify { // verify copies nothing, so that what it has read is no base
		if err := w.keep(phase, in); err != nil {
			w.talk.Info("%s: %s: its headers are not kept (%v): the next delta looks at everything", w.id, phase, err)
		}
	}
	os.Remove(w.file("headers.new"))
	os.Remove(w.file("headers.joined"))
	w.record(phase, ended)
	host, _ := os.Hostname()
	took := time.Since(began).Round(time.Second)
	fmt.Fprintf(in.log, "== %s ended with %d on %s after %s\n", phase, ended.code, host, took)
	w.talk.Info("%s: %s ended with %s", w.id, phase, ended)
	return ended
}

func (w *worker) record(phase string, ended result) {
	if err := w.write(phase, ended); err != nil {
		w.talk.Warn("%s: %v", w.id, err)
	}
}

// attempt runs the commands of a phase.
func (w *worker) attempt(ctx context.Context, phase string, in inherited) result {
	begin, err := in.log.Seek(0, io.SeekEnd)
	if err != nil {
		return result{code: exit.IO, trouble: err.Error()}
	}
	code, err := w.pipeline(phase).run(ctx, in)
	if err != nil {
		return result{code: code, trouble: err.Error()}
	}
	messages := readTail(w.file("log"), begin)
	ended := result{code: code, sum: last(messages, sumLine, nil)}
	switch code {
	case exit.OK, exit.Partial:
	case exit.Different:
		ended.trouble = last(readTail(w.file("report"), 0), totalLine, nil)
	default:
		ended.trouble = last(messages, errorLine, noError)
	}
	return ended
}

// pipeline returns what a phase runs.
func (w *worker) pipeline(phase string) pipeline {
	headers := []string{"imap-fetch", "--headers"}
	if base := w.base(phase); base != "" {
		headers = append(headers, "--base="+base)
	}
	headers = slices.Concat(headers, w.fetch, w.old)
	if phase == verify {
		return pipeline{
			commands: [][]string{headers, slices.Concat([]string{"imap-diff", "--report", "--exit-code"}, w.diff,
				w.new)},
			output: w.file("report"),
			mode:   os.O_TRUNC,
		}
	}
	diff := []string{"imap-diff"}
	if phase == final {
		diff = append(diff, "--sync-flags="+w.syncFlags)
	}
	return pipeline{
		commands: [][]string{
			headers,
			slices.Concat(diff, w.diff, w.new),
			slices.Concat([]string{"imap-fetch", "--select", "-"}, w.selecting, w.old),
			slices.Concat([]string{"imap-push"}, w.push, w.new),
		},
		copyTo: w.file("headers.new"),
		output: w.file("receipts.ndjson"),
		mode:   os.O_APPEND,
	}
}
