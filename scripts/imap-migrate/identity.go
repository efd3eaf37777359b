package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/cli/connect"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// identity says who the source and the destination of an account are.
type identity struct{ old, new connect.Identity }

// String returns what the results of phases are good for: both accounts, however they are reached.
func (id identity) String() string {
	return fmt.Sprintf("old %q at %s:%d\nnew %q at %s:%d\n",
		id.old.User, id.old.Host, id.old.Port, id.new.User, id.new.Host, id.new.Port)
}

// files returns what the account files hold, as a line.
func (id identity) files() string { return fmt.Sprintf("files %q %q\n", id.old.File, id.new.File) }

// identify returns which account connection options name.
func identify(options []string) (connect.Identity, error) {
	value := map[string]string{}
	for _, option := range options {
		name, text, _ := strings.Cut(option, "=")
		value[name] = text
	}
	return connect.Identify(value["--host"], value["--user"], value["--account"])
}

// identify returns who both sides of the account are.
func (a *account) identify() (id identity, err error) {
	if id.old, err = identify(a.old); err != nil {
		return id, err
	}
	id.new, err = identify(a.new)
	return id, err
}

// recognize reads who both sides are now. A phase begins with it, because account files may be edited at any
// time. If they are not who they were, or earlier runs did not record it, no earlier result counts.
func (w *worker) recognize() (err error) {
	if w.identity, err = w.identify(); err != nil {
		return err
	}
	recorded, err := os.ReadFile(w.file("identity"))
	if err == nil && string(recorded) == w.identity.String() {
		return nil
	}
	if log, logErr := os.Stat(w.file("log")); err == nil || logErr == nil && log.Size() > 0 {
		w.talk.Warn("%s: earlier runs were about another source or destination, or did not record it: "+
			"their results do not count", w.id)
	}
	w.forget(presync)
	return exit.Wrap(exit.IO, os.WriteFile(w.file("identity"), []byte(w.identity.String()), 0o600))
}
