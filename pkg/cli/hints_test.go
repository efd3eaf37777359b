package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// A command knows what helps against a cause, however the error is wrapped; what a
// library says itself is said too.
func TestHints(t *testing.T) {
	small := errors.New("too small")
	large := errors.New("too large")
	own := []Hint{{small, "give --more"}, {large, "give --less, as %d"}}
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{Level: frame.None})
	w.Write(&stream.Begin{Content: stream.Headers, User: "u", Host: "h"})
	w.Write(&stream.Failed{Folder: "x", Reason: stream.ReasonNoFolder})
	w.End(&stream.End{})
	w.Close()
	lines := strings.SplitAfter(out.String(), "\n")
	edited := stream.NewReader(strings.NewReader(lines[0]+lines[2]), false)
	var filtered error
	for filtered == nil {
		_, filtered = edited.Next()
	}
	if filtered == io.EOF {
		t.Fatal("a filtered stream is read to its end")
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"of the command": {fmt.Errorf("file: %w", fault.Errorf(fault.Usage, "no").Because(small)), "give --more"},
		"of streams":     {fmt.Errorf("file: %w", filtered), "if it was filtered on purpose, give --edited"},
		"with details":   {fault.Errorf(fault.Usage, "no").Because(large, 5), "give --less, as 5"},
		"hidden":         {fault.Instead(fault.Errorf(fault.Usage, "no").Because(large, 5), errors.New("x")), "give --less, as 5"},
		"of the library": {fault.Errorf(fault.Usage, "no").WithHint("do it"), "do it"},
		"none":           {errors.New("no"), ""},
	} {
		if got := hintOf(c.err, own); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A warning about an error that has a cause is followed by what helps against that.
func TestHintsOfWarnings(t *testing.T) {
	large := errors.New("too large")
	var out bytes.Buffer
	messages := newMessages("imap-test", &out)
	messages.hints = []Hint{{large, "give --less, as %q"}}
	messages.Warn("%d: %v", 1, fault.Errorf(fault.None, "it is large").Because(large, "x"))
	messages.Warn("%v", errors.New("it is odd"))
	want := "imap-test: warning: 1: it is large\nimap-test: hint: give --less, as \"x\"\nimap-test: warning: it is odd\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
