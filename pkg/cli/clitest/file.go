package clitest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// WriteFile writes a file that only its owner may read.
func WriteFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// WantFile compares the content of a file; "-" means that it is not there.
func WantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == "-" {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %q, %v", path, got, err)
		}
		return
	}
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
}

// WantCode compares the exit code of err; text is a part of its message.
func WantCode(t *testing.T, err error, code exit.Code, text string) {
	t.Helper()
	if exit.CodeOf(err) != code || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("error %v with code %d, want %q with code %d", err, exit.CodeOf(err), text, code)
	}
}
