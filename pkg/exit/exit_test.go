package exit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Whatever an error is wrapped in, the outermost that has a kind or a code decides.
func TestCodeOf(t *testing.T) {
	full := fault.Errorf(fault.CantCreate, "full")
	killed := exit.Errorf(exit.Terminated, "killed")
	for name, c := range map[string]struct {
		err  error
		code exit.Code
		kind fault.Kind
	}{
		"none":                   {nil, exit.OK, fault.None},
		"without a kind":         {errors.New("odd"), exit.Bug, fault.Bug},
		"a kind":                 {full, exit.CantCreate, fault.CantCreate},
		"a kind, wrapped":        {fmt.Errorf("joe: %w", full), exit.CantCreate, fault.CantCreate},
		"a kind over a kind":     {fault.Errorf(fault.Partial, "folder: %w", full), exit.Partial, fault.Partial},
		"a kind that stays":      {fault.Wrap(fault.IO, fmt.Errorf("write: %w", full)), exit.CantCreate, fault.CantCreate},
		"a code":                 {exit.Errorf(exit.Data, "cut"), exit.Data, fault.Data},
		"a code over a kind":     {exit.Errorf(exit.Usage, "--x: %w", full), exit.Usage, fault.Usage},
		"a code without a kind":  {killed, exit.Terminated, fault.Stopped},
		"a signal during a read": {fault.Wrap(fault.IO, fmt.Errorf("read: %w", killed)), exit.Terminated, fault.Stopped},
		"an abort":               {(&stream.Abort{Command: "x", Exit: 77}).Err(), exit.Login, fault.Aborted},
		"an abort of a later version": {fmt.Errorf("archive: %w", (&stream.Abort{Command: "x", Exit: 99}).Err()),
			exit.Code(99), fault.Aborted},
	} {
		if code, kind := exit.CodeOf(c.err), fault.KindOf(c.err); code != c.code || kind != c.kind {
			t.Errorf("%s: code %d, kind %d, want %d and %d", name, code, kind, c.code, c.kind)
		}
	}
}

// Every kind has a code of its own but Bug and Aborted, which brings one along.
func TestEveryKindHasACode(t *testing.T) {
	seen := map[exit.Code]fault.Kind{}
	for kind := fault.Usage; kind <= fault.Stopped; kind++ {
		code := exit.CodeOf(fault.Errorf(kind, "x"))
		if before, twice := seen[code]; kind != fault.Aborted && (twice || code == exit.Bug || code == exit.OK) {
			t.Errorf("kind %d: code %d, as kind %d", kind, code, before)
		}
		seen[code] = kind
	}
}
