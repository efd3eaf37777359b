package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// wantWhole are options of imap-diff that look at the source account as a whole.
var wantWhole = []string{" --dedup account", " --match", " --delete-extra"}

// base returns the headers that a phase may rely on, so that it looks only at what is new since: those of
// a run that copied everything with the same options, to the letter. It returns "" where there are none.
func (w *worker) base(phase string) string {
	if phase != delta || wantsWhole(w.diff) {
		return ""
	}
	if info, err := os.Stat(w.file("headers.zst")); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	madeBy, err := os.ReadFile(w.file("headers.for"))
	if err != nil || string(madeBy) != w.basis() {
		return ""
	}
	return w.file("headers.zst")
}

func wantsWhole(options []string) bool {
	line := strings.ReplaceAll(" "+strings.Join(options, " "), "=", " ")
	return slices.ContainsFunc(wantWhole, func(option string) bool { return strings.Contains(line, option) })
}

// basis is what has to be the same for headers to be relied on: options, accounts, account files.
func (w *worker) basis() string {
	return w.pipeline(presync).String() + "\n" + w.identity.String() + w.identity.files()
}

// keep makes the headers that a phase has read the base of the next delta, after the base that they rely
// on themselves. Those that do not read to a good end, as after a full disk, are not kept.
func (w *worker) keep(phase string, in inherited) error {
	fresh, kept := w.file("headers.new"), w.file("headers.zst")
	if base := w.base(phase); base != "" {
		joined := w.file("headers.joined")
		if err := join(joined, base, fresh); err != nil {
			return err
		}
		fresh = joined
	}
	check := exec.Command("imap-list", "--quiet", "--source", fresh)
	check.Stderr = in.log
	check.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C lets it finish
	if err := check.Run(); err != nil {
		return fmt.Errorf("imap-list: %w", err)
	}
	if err := syncFile(fresh); err != nil {
		return err
	}
	os.Remove(w.file("headers.for"))
	if err := os.Rename(fresh, kept); err != nil {
		return err
	}
	return os.WriteFile(w.file("headers.for"), []byte(w.basis()), 0o600)
}

// join writes files to one, in their order.
func join(path string, parts ...string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, part := range parts {
		file, err := os.Open(part)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// syncFile waits until a file is on the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
