package e2e

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// most is what a command may hold in memory, in octets.
const most = 64 << 20

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peak runs one command and returns the most memory that it had resident. The
// rusage of a process counts what its parent held when it was forked, and the
// parent here holds the mail: so the system is asked while it runs.
func (b *bench) peak(command string) int64 {
	b.t.Helper()
	if runtime.GOOS != "linux" {
		b.t.Skip("SKIPPED: it takes Linux to see the memory of a process")
	}
	s := b.start(command)
	status := fmt.Sprintf("/proc/%d/status", s.cmds[0].Process.Pid)
	var kilobytes int64
	for running := true; running; {
		select {
		case <-s.ended[0]:
			running = false
		case <-time.After(5 * time.Millisecond):
			text, _ := os.ReadFile(status)
			name, _, _ := bytes.Cut(text, []byte("\n"))
			if m := highWater.FindSubmatch(text); m != nil && bytes.Contains(name, []byte("imap-")) {
				n, _ := strconv.ParseInt(string(m[1]), 10, 64)
				kilobytes = max(kilobytes, n)
			}
		}
	}
	if code := s.wait(time.Minute)[0]; code != 0 {
		b.t.Fatalf("exit %d\n%s", code, s)
	}
	return kilobytes << 10
}

// huge makes one message of about n octets.
func huge(n int) []byte {
	const line = "All work and no play makes Joe a dull boy, and all play and no work a mere toy.\r\n"
	octets := append(make([]byte, 0, n+1000), letter("huge", "")...)
	for i := 0; len(octets) < n; i++ {
		octets = append(octets, line...)
		if i%1000 == 0 {
			octets = fmt.Appendf(octets, "line %d\r\n", i)
		}
	}
	return octets
}

// TestMemory moves one huge message, and many small ones.
func TestMemory(t *testing.T) {
	size := 200 << 20
	if long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	account := server.Account("src")
	account.AddMessage("INBOX", nil, day(0), huge(size))
	for i, m := range imaptest.GenerateMixed(5, 300) {
		account.AddMessage("Mixed", m.Flags, day(i), m.Octets)
	}
	want := account.Entries()
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	for _, c := range []string{
		`imap-fetch --headers -o headers $SRC`,
		`imap-fetch -o mail $SRC`,
		`imap-diff -o plan $DST mail`,
		`imap-push $DST plan`,
		`imap-diff --report --equal -o report $DST mail`,
	} {
		n := b.peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > most {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, most>>20)
		}
	}
	got := server.Account("dst").Entries()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{}); diff != "" {
		t.Error(limit(diff, 1000))
	}
}

// TestMemoryOnDovecot does it with real servers, in the straight-through form.
func TestMemoryOnDovecot(t *testing.T) {
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := real(r, "src"), real(r, "dst")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: []imaptest.Message{{Octets: huge(80 << 20), InternalDate: day(0)}}}}})
	b := between(t, src, dst)
	b.sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).wants(0)
	for _, c := range []string{`imap-fetch --select plan -o mail $SRC`, `imap-push $DST mail`} {
		n := b.peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > most {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, most>>20)
		}
	}
	equal(t, src, dst)
}
