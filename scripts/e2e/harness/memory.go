package harness

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// MaxMemory is what a command may hold in memory, in octets.
const MaxMemory = 64 << 20

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// Peak runs a pipeline and returns the most memory that its last command had
// resident. The rusage of a process counts what its parent held when it was
// forked, and the parent here holds the mail: so the system is asked while it
// runs.
func (b *Shell) Peak(commands ...string) int64 {
	b.T.Helper()
	if runtime.GOOS != "linux" {
		b.T.Skip("SKIPPED: it takes Linux to see the memory of a process")
	}
	s := b.Start(commands...)
	last := len(commands) - 1
	status := fmt.Sprintf("/proc/%d/status", s.Cmds[last].Process.Pid)
	var kilobytes int64
	for running := true; running; {
		select {
		case <-s.Ended[last]:
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
	if code := s.Wait(time.Minute)[last]; code != 0 {
		b.T.Fatalf("exit %d\n%s", code, s)
	}
	return kilobytes << 10
}
