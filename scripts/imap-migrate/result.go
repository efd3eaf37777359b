package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// The phases, in their order.
const (
	presync = "presync"
	delta   = "delta"
	final   = "final"
	verify  = "verify"
)

var allPhases = []string{presync, delta, final, verify}

// result is how a phase of an account ended.
type result struct {
	code    exit.Code
	sum     string // what imap-push added up, or ""
	trouble string // what went wrong, or ""
}

// proceeds reports whether the phase has come to its end, so that the next may begin.
func (r result) proceeds() bool {
	return r.code == exit.OK || r.code == exit.Different || r.code == exit.Partial
}

// String returns the result for messages.
func (r result) String() string {
	text := strconv.Itoa(int(r.code))
	for _, part := range []string{r.sum, r.trouble} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}

// results are those of an account, a file for each phase in its folder.
type results struct{ dir string }

func (r results) path(phase string) string { return filepath.Join(r.dir, phase+".result") }

// read returns how a phase ended; ok is false if it has not been run.
func (r results) read(phase string) (ended result, ok bool) {
	content, err := os.ReadFile(r.path(phase))
	if err != nil {
		return result{}, false
	}
	line, _, _ := strings.Cut(string(content), "\n")
	fields := append(strings.SplitN(line, "\t", 3), "", "")
	code, err := strconv.ParseUint(fields[0], 10, 8)
	if err != nil {
		return result{}, false
	}
	return result{code: exit.Code(code), sum: fields[1], trouble: fields[2]}, true
}

func (r results) write(phase string, ended result) error {
	temporary := filepath.Join(r.dir, phase+".new")
	line := fmt.Sprintf("%d\t%s\t%s\n", ended.code, ended.sum, ended.trouble)
	if err := os.WriteFile(temporary, []byte(line), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, r.path(phase))
}

// forget makes a phase and those after it phases that have not been run.
func (r results) forget(phase string) {
	for _, later := range allPhases[slices.Index(allPhases, phase):] {
		os.Remove(r.path(later))
	}
}
