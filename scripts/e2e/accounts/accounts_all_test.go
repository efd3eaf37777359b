package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestAccountsAllAtOnce: many accounts of a Dovecot go to a Cyrus. The commands
// of one are killed; resumed, every account is equal and
// nothing was appended twice.
func TestAccountsAllAtOnce(t *testing.T) {
	t.Parallel()
	n := harness.Rounds(5, 200)
	var users []string
	for i := range n {
		users = append(users, fmt.Sprintf("user%03d", i))
	}
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: users})
	slow := imaptest.NewDelayProxy(t, dovecot.Addr, 100*time.Millisecond, 0)
	l := newList()
	victim := n / 2
	for i, user := range users {
		from := harness.Real(dovecot, user)
		from.Fill(t, imaptest.Spread(imaptest.Generate(uint64(i), 5+i%20)))
		if i == victim {
			from = from.By(slow.Addr())
		}
		l.add(from, harness.Real(cyrus, user))
	}
	b := many(t, l)
	killed := make(chan error, 1)
	go func() { killed <- killPipeline(b, users[victim]) }()
	first := atLength(b, `"$MIGRATE" --phase presync accounts.csv`)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	codes := make([]int, n)
	codes[victim] = 75
	first.WantsAccounts(75).Stands(codes...)
	codes[victim] = 0

	began := strings.Count(string(b.Read("accounts.state/accounts/"+users[0]+"/log")), "== presync")
	resumed := atLength(b, `"$MIGRATE" --resume --phase presync --phase verify accounts.csv`).WantsAccounts(0).Stands(codes...)
	if again := strings.Count(string(b.Read("accounts.state/accounts/"+users[0]+"/log")), "== presync"); again != began {
		t.Error("an account that was done was begun again")
	}
	lines, total := resumed.Summary()
	for i, user := range users {
		from, to := harness.Real(dovecot, user).Dump(t), harness.Real(cyrus, user).Dump(t)
		harness.Same(t, from, to)
		all := harness.ReadReceipts(t, string(b.Read("accounts.state/accounts/"+user+"/receipts.ndjson")))
		if appended := len(all.Of("appended")); appended > len(from) || i != victim && appended != len(from) {
			t.Errorf("%s: %d receipts of appended messages, %d messages", user, appended, len(from))
		}
		want := fmt.Sprintf(": %d listed = 0 present + %[1]d appended + 0 rejected", len(from))
		if lines[i].Phase != "verify" || i != victim && !strings.HasSuffix(lines[i].Sum, want) {
			t.Errorf("%+v, want %q", lines[i], want)
		}
	}
	if want := fmt.Sprintf("%d accounts: %[1]d ended with 0; ", n); !strings.HasPrefix(total, want) || !strings.HasSuffix(total, " + 0 rejected") {
		t.Errorf("the total is %q, want %q", total, want)
	}
}

// atLength is sh for what takes longer than most.
func atLength(b *harness.Shell, script string) *harness.Outcome {
	b.T.Helper()
	s := b.Start(script)
	codes := s.Wait(10 * time.Minute)
	return &harness.Outcome{T: b.T, Script: script, Exit: codes[0], Stdout: s.Stdout.String(), Stderr: s.Errors[0].String(), Took: s.Lived[0]}
}

// killPipeline waits until an account's first phase has begun, and kills the
// process group of its commands.
func killPipeline(b *harness.Shell, id string) error {
	for range 12000 {
		time.Sleep(10 * time.Millisecond)
		if !b.Exists("accounts.state/accounts/" + id + "/presync.result") {
			continue
		}
		pid := findCommand(b.Dir, "--user="+id)
		if pid == 0 {
			continue // it is not started yet
		}
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			return fmt.Errorf("the group of process %d is %d: %v", pid, group, err)
		} else {
			return syscall.Kill(-group, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("%s is not begun", id)
}

// findCommand finds an imap-* process that works in a folder and has that
// argument. It returns 0 if there is none.
func findCommand(dir, argument string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		at, err := os.Readlink(filepath.Join(filepath.Dir(file), "cwd"))
		if err != nil || at != dir || !strings.HasPrefix(words[0], "imap-") || !slices.Contains(words, argument) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		return pid
	}
	return 0
}
