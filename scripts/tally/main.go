// Command tally reads what `go test -json` writes and shows what go test would
// have shown: a line for each package, and everything that a failed test said.
// It appends "passed N", "failed N" and a line "skipped REASON" for each
// skipped test to FILE, and exits 1 if anything failed.
//
//	go test -json ./... 2>&1 | go run ./scripts/tally FILE
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | tally FILE")
		os.Exit(64)
	}
	t := tally{out: os.Stdout, said: map[test][]string{}, blamed: map[string]bool{}}
	err := t.read(os.Stdin)
	if err == nil {
		err = t.write(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(74)
	}
	if t.failed > 0 {
		os.Exit(1)
	}
}

// event is what `go doc test2json` describes.
type event struct {
	Action, Package, Test, Output string
}

// test names a test, or a package where Test is empty.
type test struct{ Package, Test string }

type tally struct {
	out            io.Writer
	said           map[test][]string
	blamed         map[string]bool // packages of which a test failed
	passed, failed int
	skipped        []string // the reasons
}

func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line takes an event; what is none was written by something else and is
// shown as it is.
func (t *tally) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		t.show(string(line))
		return
	}
	switch e.Action {
	case "output":
		t.hear(test{e.Package, e.Test}, e.Output)
	case "build-output":
		t.show(e.Output)
	case "pass", "fail", "skip":
		t.end(e)
	}
}

// hear keeps what a test says until it is known how it ended. A package's own
// lines are shown at once, but for those that only repeat an outcome.
func (t *tally) hear(from test, output string) {
	if from.Test != "" {
		t.said[from] = append(t.said[from], output)
		return
	}
	if output != "PASS\n" && output != "FAIL\n" && !strings.Contains(output, "[no test files]") {
		t.show(output)
	}
}

func (t *tally) end(e event) {
	name := test{e.Package, e.Test}
	switch {
	case e.Test == "":
		t.endPackage(e)
	case e.Action == "pass":
		t.passed++
	case e.Action == "skip":
		t.skipped = append(t.skipped, reason(t.said[name]))
	default:
		t.failed++
		t.blamed[e.Package] = true
		t.show(t.said[name]...)
	}
	delete(t.said, name)
}

// endPackage counts a package that failed without a test that did: one that
// does not build, or that ended in the middle of a test, whose words are shown.
func (t *tally) endPackage(e event) {
	if e.Action != "fail" {
		return
	}
	for name, said := range t.said {
		if name.Package == e.Package {
			t.show(said...)
			delete(t.said, name)
		}
	}
	if !t.blamed[e.Package] {
		t.failed++
	}
}

// reason is what a skipped test gave as its reason.
func reason(said []string) string {
	for _, line := range slices.Backward(said) {
		if _, text, found := strings.Cut(line, ".go:"); found {
			_, text, _ = strings.Cut(text, ": ")
			return strings.TrimSpace(text)
		}
	}
	return "no reason given"
}

func (t *tally) show(lines ...string) {
	for _, line := range lines {
		fmt.Fprint(t.out, line)
	}
}

func (t *tally) write(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "passed %d\nfailed %d\n", t.passed, t.failed)
	for _, reason := range t.skipped {
		fmt.Fprintln(f, "skipped", reason)
	}
	return f.Close()
}
