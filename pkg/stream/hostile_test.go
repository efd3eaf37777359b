package stream

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// An input that cannot be read is no damaged stream, wherever that shows.
func TestReadErrorIsNoDamage(t *testing.T) {
	stream := whole(begin, inbox, message(1, "one"))
	for _, data := range []string{stream, string(zstdOf(stream))} {
		for n := range len(data) {
			in := NewReader(io.MultiReader(strings.NewReader(data[:n]), iotest.ErrReader(errors.New("disk on fire"))), false)
			_, _, err := readBodies(t, in)
			in.Close()
			if exit.CodeOf(err) != exit.IO || !strings.Contains(err.Error(), "disk on fire") {
				t.Fatalf("after %d octets: exit code %d: %v", n, exit.CodeOf(err), err)
			}
		}
	}
}

// What stopped the reading keeps its exit code: a signal is no failing disk.
func TestReadErrorKeepsItsCode(t *testing.T) {
	for _, data := range []string{"", string(emptyFrame), text(begin, inbox)} {
		in := NewReader(io.MultiReader(strings.NewReader(data), iotest.ErrReader(exit.Errorf(exit.Interrupted, "interrupted"))), false)
		if _, _, err := readBodies(t, in); exit.CodeOf(err) != exit.Interrupted {
			t.Errorf("after %q: exit code %d: %v", data, exit.CodeOf(err), err)
		}
	}
}

// Whoever reads from a pipe learns at once that a stream comes.
func TestGreeting(t *testing.T) {
	for level, want := range map[frame.Level]string{frame.None: `{"type":"`, frame.Fastest: string(emptyFrame), frame.Better: string(emptyFrame)} {
		r, out := io.Pipe()
		got := make(chan string)
		go func() {
			head, _ := io.ReadAll(io.LimitReader(r, int64(len(frame.Greeting(level)))))
			got <- string(head)
		}()
		w := NewWriter(out, WriterOptions{Level: level, Live: true})
		if head := <-got; head != want {
			t.Errorf("level %d: %q", level, head)
		}
		r.Close()
		w.Close()
	}
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		written := func(opt WriterOptions) string {
			var out bytes.Buffer
			w := NewWriter(&out, opt)
			if err := cmp.Or(w.Write(&Begin{Tool: "t", Content: Headers}), w.End(&End{}), w.Close()); err != nil {
				t.Error(err)
			}
			return out.String()
		}
		live, greeted := written(WriterOptions{Level: level, Live: true}), written(WriterOptions{Level: level, Greeted: true})
		if live != string(frame.Greeting(level))+greeted || level == frame.None && live != written(WriterOptions{}) {
			t.Errorf("level %d: %q and %q", level, live, greeted)
		}
	}
	var file bytes.Buffer
	NewWriter(&file, WriterOptions{Level: frame.Default}).Close()
	if file.Len() != 0 {
		t.Errorf("a file begins with %q", file.Bytes())
	}
}

// A message that lost its parts is named by its own UIDVALIDITY, not by that
// of the record which follows.
func TestLostMessageHasItsIdentity(t *testing.T) {
	data := text(begin, inbox, folderRec("Other", 8, 1), messageWith("INBOX", 7, 1, 2*mib, `,"parts":2`), messageWith("Other", 8, 5, 2, ""), `{"type":"end","hash":""}`)
	r := NewReader(strings.NewReader(data), true)
	for {
		rec, err := r.Next()
		if err != nil {
			t.Fatal("no failed record:", err)
		}
		if f, ok := rec.(*Failed); ok {
			if f.Folder != "INBOX" || f.UIDValidity != 7 || f.UID != 1 {
				t.Errorf("%+v", f)
			}
			break
		}
	}
	if m, err := r.Next(); err != nil || m.(*Message).UID != 5 {
		t.Errorf("%v, %v", m, err)
	}
}

// Whatever form a record came in, it goes out in canonical form.
func TestPassedOnIsCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`"header":{"Subject":"` + "\x7f" + `"}`:     `"header":{"Subject":"\u007f"}`,
		`"header":{ "Subject":"\u0041\/"}`:          `"header":{"Subject":"A/"}`,
		`"x":"` + "\x7f" + `\u000a"`:                `"x":"\u007f\n"`,
		`"\u0078":{"a" : [ 1 , "\ud83d\ude00" ] } `: `"x":{"a":[1,"😀"]}`,
	} {
		s := newSection(false)
		for _, line := range []string{begin, inbox} {
			if _, err := s.line([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.line([]byte(`{"type":"message","folder":"INBOX","uidvalidity":7,"uid":1,"size":0,` + in + `}`))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if got := string(Line(r)); !strings.Contains(got, want) {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("\x1b", MaxLine/8)
	for _, line := range []string{`{"type":` + quoted(long) + `,"a":01}`, folderRec(long, 1, 0), message(1, "x")[:9] + `,` + quoted(long) + `:1}`} {
		in := NewReader(strings.NewReader(text(begin, line, line)), false)
		_, _, err := readBodies(t, in)
		if exit.CodeOf(err) != exit.Data || len(err.Error()) > 2000 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d octets: %.100q", len(err.Error()), err)
		}
	}
}

func TestFolderListIsChecked(t *testing.T) {
	bad := map[string]string{
		"not UTF-8":      `{"type":"folder","name":"` + "\xff" + `"}`,
		"another record": begin,
		"two values":     inbox + inbox,
		"no name":        `{"type":"folder"}`,
	}
	for name, list := range bad {
		if _, err := ReadFolders(bufio.NewReader(strings.NewReader(list))); exit.CodeOf(err) != exit.Data {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := ReadFolders(bufio.NewReader(strings.NewReader("\n" + inbox + "\r\n\n" + folderRec("A", 8, 0))))
	if err != nil || len(got) != 2 || got[1].Name != "A" {
		t.Errorf("%v, %v", got, err)
	}
	var big bytes.Buffer
	entry := folderRec(strings.Repeat("a", mib), 8, 0) + "\n"
	for range MaxContents/mib + 1 {
		big.WriteString(entry)
	}
	if _, err := ReadFolders(bufio.NewReader(&big)); kindOf(err) != Limit {
		t.Error(err)
	}
}

// A writer does not write what no reader takes.
func TestWriterKeepsTheLimits(t *testing.T) {
	w := NewWriter(io.Discard, WriterOptions{})
	defer w.Close()
	if err := w.Write(&Failed{Folder: "A", Reason: ReasonRefused, Text: strings.Repeat("a", MaxLine)}); exit.CodeOf(err) != exit.Data {
		t.Errorf("a long line: %v", err)
	}
	var err error
	for n := 0; err == nil; n++ {
		if n > MaxContents/mib {
			t.Fatal("the table of contents has no limit")
		}
		err = w.Write(&Folder{Name: strings.Repeat("a", mib), Octets: -1})
	}
	if exit.CodeOf(err) != exit.Data {
		t.Error(err)
	}
}

func TestWriterAfterClose(t *testing.T) {
	w := NewWriter(io.Discard, WriterOptions{Level: frame.Fastest, Live: true})
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(&Expunged{Folder: "A", UID: 1}); exit.CodeOf(err) != exit.Bug {
		t.Error(err)
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
}

// The Writer ends parts where FORMAT.md says, however its octets come.
func TestPartsWhateverTheChunks(t *testing.T) {
	for _, octets := range []string{strings.Repeat("a", mib-1) + "😀" + strings.Repeat("b", mib-4) + "\ufffd", strings.Repeat("a", mib-1) + "\xf0\x9f\x98", strings.Repeat("a", mib-2) + "\xff\x80\x80\x80\x80"} {
		var want []byte
		for _, chunk := range []int{len(octets), 1 << 19, 1<<20 + 1, 3, mib} {
			var out bytes.Buffer
			w := NewWriter(&out, WriterOptions{})
			m := &Message{Folder: "A", UID: 1, Size: int64(len(octets)), Parts: PartCount(int64(len(octets)))}
			p := w.Parts(m)
			for c := range chunks([]byte(octets), chunk) {
				if _, err := p.Write(c); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if want == nil {
				want = out.Bytes()
			}
			if !bytes.Equal(out.Bytes(), want) || strings.Count(out.String(), "\n") != m.Parts {
				t.Errorf("chunks of %d: another row of parts", chunk)
			}
		}
	}
}

// Close does not wait for a producer that has fallen silent.
func TestCloseDoesNotWait(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	go out.Write(zstdOf(text(begin, inbox)))
	r := NewReader(in, false)
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		r.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Close waits for the input")
	}
}

// The decompressor may still read when damage was found.
func TestDamageWhileTheInputFails(t *testing.T) {
	for i := range 40 {
		data := zstdOf(whole(begin, inbox, message(1, "one")))
		data[len(data)-1-i] ^= 4
		in := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(errors.New("disk on fire")))
		r := NewReader(iotest.OneByteReader(in), false)
		if _, _, err := readBodies(t, r); exit.CodeOf(err) != exit.Data && exit.CodeOf(err) != exit.IO {
			t.Errorf("octet %d: %v", i, err)
		}
		r.Close()
	}
}

// emptyFrame is a frame without records.
var emptyFrame = frame.Greeting(frame.Fastest)
