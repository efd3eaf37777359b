package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

// clockwork is a progress with a clock that the test turns.
type clockwork struct {
	*Progress
	at  time.Time
	out *bytes.Buffer
}

func newClockwork(mode string) *clockwork {
	out := &bytes.Buffer{}
	w := &clockwork{newProgress(newMessages("imap-test", out), mode), time.Unix(1e9, 0), out}
	w.now = func() time.Time { return w.at }
	w.width = func() int { return 200 }
	w.Phase("")
	return w
}

func (w *clockwork) after(d time.Duration, messages, octets int64) {
	w.at = w.at.Add(d)
	w.Add(messages, octets)
}

func TestProgressLine(t *testing.T) {
	w := newClockwork(progressAuto)
	if got := w.line(); got != "0 messages" {
		t.Errorf("at first %q", got)
	}
	w.after(2*time.Second, 1000, 0)
	if got := w.line(); got != "1,000 messages, 500/s" {
		t.Errorf("headers only: %q", got)
	}
	w.Phase("reading")
	w.Total(20000, 1.2e9)
	w.Folder("Archive/\x1b[2J\u202e2019")
	w.after(4*time.Second, 1234, 4e8)
	want := `reading: 1,234/20,000 messages, 400.0 MB/1.2 GB, 100.0 MB/s, 309/s, 0:08 left, Archive/\x1b[2J\u202e2019`
	if got := w.line(); got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	w.after(time.Second, 20000-1234, 12e8-4e8)
	if got := w.line(); !strings.Contains(got, "20,000/20,000 messages, 1.2 GB/1.2 GB") || !strings.Contains(got, "0:00 left") {
		t.Errorf("at last %q", got)
	}
	w.after(time.Second, 10, 1e6) // more than was said
	if got := w.line(); !strings.Contains(got, "0:00 left") {
		t.Errorf("beyond %q", got)
	}
}

func TestProgressRateIsRecent(t *testing.T) {
	w := newClockwork(progressAuto)
	w.Total(100000, 0)
	for range 300 { // a minute at 10 messages a second
		w.after(drawEvery, 2, 0)
		w.line()
	}
	for range 100 { // 20 seconds at 100
		w.after(drawEvery, 20, 0)
		w.line()
	}
	_, v := w.snapshot()
	if math.Abs(v.messages-100) > 1 {
		t.Errorf("rate %f, want 100", v.messages)
	}
	if n := len(w.samples.kept); n > 60 {
		t.Errorf("%d samples are kept", n)
	}
}

func TestProgressSkipIsNoWork(t *testing.T) {
	w := newClockwork(progressAuto)
	w.Total(1000, 0)
	w.at = w.at.Add(time.Second)
	w.Skip(900, 9e6)
	w.after(time.Second, 10, 0)
	if got, want := w.line(), "910/1,000 messages, 9.0 MB, 5/s, 0:18 left"; got != want {
		t.Errorf("line %q, want %q", got, want)
	}
}

func TestProgressStalled(t *testing.T) {
	w := newClockwork(progressAuto)
	w.Total(1000, 0)
	w.after(time.Second, 10, 0)
	w.line()
	for range 100 {
		w.after(time.Second, 0, 0)
		w.line()
	}
	if got := w.line(); strings.Contains(got, "left") || strings.Contains(got, "/s") {
		t.Errorf("line %q", got)
	}
}

func TestProgressObject(t *testing.T) {
	w := newClockwork(progressNDJSON)
	w.Phase("reading")
	w.Total(10, 0)
	w.Folder("a\"\x1b\u009b\u202e\U000e0041\u2028é")
	w.after(4*time.Second, 4, 2000)
	w.show()
	want := `{"type":"progress","command":"imap-test","phase":"reading","messages":4,"total_messages":10,"octets":2000,"seconds":4,"octets_per_second":500,"messages_per_second":1,"seconds_left":6,"done":false,"folder":"a\"\u001b\u009b\u202e\udb40\udc41\u2028é"}` + "\n"
	if got := w.out.String(); got != want {
		t.Errorf("object %s, want %s", got, want)
	}
	var object struct{ Folder string }
	if err := json.Unmarshal(w.out.Bytes(), &object); err != nil || object.Folder != w.count.folder {
		t.Errorf("folder %q, %v", object.Folder, err)
	}
}

func TestProgressNil(t *testing.T) {
	var p *Progress
	p.Phase("x")
	p.Total(1, 1)
	p.Folder("x")
	p.Add(1, 1)
	p.Skip(1, 1)
	p.Stop()
}

func TestProgressIsDrawnOver(t *testing.T) {
	w := newClockwork(progressAuto)
	w.Folder("a long name of a folder")
	w.show()
	w.Folder("x")
	w.show()
	w.messages.Info("word")
	w.show()
	w.messages.Clear()
	w.messages.Clear()
	const long, short = "imap-test: 0 messages, a long name of a folder", "imap-test: 0 messages, x"
	rest := len(long) - len(short)
	want := "\r" + long +
		"\r" + short + strings.Repeat(" ", rest) + strings.Repeat("\b", rest) +
		"\r" + strings.Repeat(" ", len(short)) + "\rimap-test: word\n" +
		"\r" + short + "\r" + strings.Repeat(" ", len(short)) + "\r"
	if got := w.out.String(); got != want {
		t.Errorf("written %q, want %q", got, want)
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	w := newClockwork(progressAuto)
	w.Folder(strings.Repeat("草", 100))
	w.width = func() int { return 40 }
	w.show()
	if got, want := w.out.String(), "\rimap-test: 0 messages, "+strings.Repeat("草", 8); got != want {
		t.Errorf("written %q, want %q", got, want)
	}
}

func TestProgressConcurrently(t *testing.T) {
	w := newClockwork(progressNDJSON)
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 200 {
				w.Add(1, 10)
				w.Folder("x")
				w.report()
			}
		})
	}
	g.Wait()
	if c, _ := w.snapshot(); c.messages != 1600 || c.octets != 16000 {
		t.Errorf("counted %+v", c)
	}
	for line := range strings.Lines(w.out.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("line %q", line)
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0:00", 59 * time.Second: "0:59", 600 * time.Second: "10:00", 25 * time.Hour: "25:00:00", 3599600 * time.Millisecond: "1:00:00"} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestNoProgressByDefault(t *testing.T) {
	clitest.Run(t, "--do", "progress").Check(t, 0, "ready\nimap-test: warning: a word in between\nimap-test: done\n")
}

func TestProgressForPrograms(t *testing.T) {
	got := clitest.Run(t, "--do", "progress", "--progress", "ndjson")
	got.Check(t, 0, `,"done":true,"folder":"Archive \u001b[2J\u202e"}`)
	if strings.Contains(got.Stderr, "\x1b") || strings.Count(got.Stderr, `"done":true`) != 1 {
		t.Errorf("stderr %q", got.Stderr)
	}
}

func TestProgressOnSignal(t *testing.T) {
	for _, args := range [][]string{{}, {"--quiet"}, {"--progress", "none"}, {"--progress", "ndjson"}} {
		b := clitest.Start(t, clitest.Command(t, append([]string{"--do", "progress"}, args...)...))
		b.Signal(t, syscall.SIGUSR1)
		want := "imap-test: reading: 1,234/20,000 messages, 1.0 MB/5.0 MB, "
		if len(args) == 2 && args[1] == "ndjson" {
			want = `"messages":1234,"total_messages":20000,`
		}
		b.Err.Until(t, want)
		b.Signal(t, syscall.SIGTERM)
		if got := b.End(t); got.Code != 143 || strings.Contains(got.Stderr, "\x1b") {
			t.Errorf("%q: code %d, stderr %q", args, got.Code, got.Stderr)
		}
	}
}

func BenchmarkProgressAdd(b *testing.B) {
	p := newProgress(newMessages("x", io.Discard), progressNone)
	for b.Loop() {
		p.Add(1, 4700)
	}
}
