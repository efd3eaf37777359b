package e2e

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
)

// TestCase60ManyAccounts: many accounts of a Dovecot go to a Cyrus. One worker
// is killed with all that it started; resumed, every account is equal and
// nothing was appended twice.
func TestCase60ManyAccounts(t *testing.T) {
	t.Parallel()
	n := rounds(5, 200)
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
		from := real(dovecot, user)
		from.fill(t, imaptest.Spread(imaptest.Generate(uint64(i), 5+i%20)))
		if i == victim {
			from = from.by(slow.Addr())
		}
		l.add(from, real(cyrus, user))
	}
	b := many(t, l)
	killed := make(chan error, 1)
	go func() { killed <- killWorker(b.path("accounts.state"), users[victim], victim+1) }()
	first := b.atLength(`"$MIGRATE" --phase presync accounts.csv`)
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	codes := make([]int, n)
	codes[victim] = 75
	first.wantsAccounts(75).stands(codes...)
	codes[victim] = 0

	began := strings.Count(string(b.read("accounts.state/accounts/"+users[0]+"/log")), "== presync")
	resumed := b.atLength(`"$MIGRATE" --resume --phase presync --phase verify accounts.csv`).wantsAccounts(0).stands(codes...)
	if again := strings.Count(string(b.read("accounts.state/accounts/"+users[0]+"/log")), "== presync"); again != began {
		t.Error("an account that was done was begun again")
	}
	lines, total := resumed.summary()
	for i, user := range users {
		from, to := real(dovecot, user).dump(t), real(cyrus, user).dump(t)
		same(t, from, to)
		all := readReceipts(t, string(b.read("accounts.state/accounts/"+user+"/receipts.ndjson")))
		if appended := len(all.of("appended")); appended > len(from) || i != victim && appended != len(from) {
			t.Errorf("%s: %d receipts of appended messages, %d messages", user, appended, len(from))
		}
		want := fmt.Sprintf(": %d listed = 0 present + %[1]d appended + 0 rejected", len(from))
		if lines[i].phase != "verify" || i != victim && !strings.HasSuffix(lines[i].sum, want) {
			t.Errorf("%+v, want %q", lines[i], want)
		}
	}
	if want := fmt.Sprintf("%d accounts: %[1]d ended with 0; ", n); !strings.HasPrefix(total, want) || !strings.HasSuffix(total, " + 0 rejected") {
		t.Errorf("the total is %q, want %q", total, want)
	}
}

// atLength is sh for what takes longer than most.
func (b *bench) atLength(script string) *outcome {
	b.t.Helper()
	s := b.start(script)
	codes := s.wait(10 * time.Minute)
	return &outcome{t: b.t, script: script, exit: codes[0], stdout: s.stdout.String(), stderr: s.errors[0].String(), took: s.lived[0]}
}

// killWorker waits until an account's first phase has begun, and kills the
// process group of its worker.
func killWorker(state, id string, row int) error {
	for range 12000 {
		time.Sleep(10 * time.Millisecond)
		if _, err := os.Stat(filepath.Join(state, "accounts", id, "presync.result")); err != nil {
			continue
		}
		pid, err := findWorker(state, row)
		if err != nil {
			return err
		}
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			return fmt.Errorf("the group of process %d is %d: %v", pid, group, err)
		} else {
			return syscall.Kill(-group, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("%s is not begun", id)
}

// findWorker finds the process that works on a row of the state folder's list.
func findWorker(state string, row int) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		line, _ := os.ReadFile(file)
		words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		at := slices.Index(words, "--worker")
		if at >= 0 && len(words) == at+3 && strings.HasPrefix(words[at+1], state+"/") && words[at+2] == strconv.Itoa(row) {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("no process works on account %d of %s", row, state)
}
