package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// sample bodies: what mail holds, and what it should not.
func sampleBodies() [][]byte {
	big := bytes.Repeat([]byte("a line of text with an umlaut: ü€😀\r\n"), 3<<20/40)
	binary := make([]byte, 2500000)
	r := rand.NewPCG(1, 2)
	for i := range binary {
		binary[i] = byte(r.Uint64())
	}
	return [][]byte{
		[]byte("Subject: hi\r\n\r\nbody\r\n"), {}, []byte("x"), []byte("\x00\x01\x1f\x7f\"\\/\b\f\n\r\t"),
		[]byte("caf\xe9 latin"), []byte("naïve \u2028 \ufffd \U0010ffff"), bytes.Repeat([]byte{0}, 100),
		bytes.Repeat([]byte("a"), PartSize), bytes.Repeat([]byte("b"), PartSize+1), big, binary,
		append(bytes.Repeat([]byte("é"), PartSize/2-1), []byte("x€€€€")...), bytes.Repeat([]byte("€"), PartSize/3*2+5),
	}
}

func writeSample(t testing.TB, opt WriterOptions, bodies [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, opt)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Write(&Begin{Tool: "test", Content: Full, User: "joe", Host: "old.example", Key: "message-id,date", Labels: []Label{{"case", "17"}}}))
	must(w.Write(&Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 7, UIDNext: 100, Messages: uint32(len(bodies)), Octets: -1, HighestModSeq: "18446744073709551615"}))
	must(w.Write(&Folder{Name: "Entwürfe", Delimiter: "/", UIDValidity: 8, UIDNext: 1, Octets: 0}))
	for i, b := range bodies {
		m := &Message{Folder: "INBOX", UIDValidity: 7, UID: uint64(i + 1), Key: "recipe:00", Flags: []string{`\Seen`}, InternalDate: "2020-01-02T03:04:05+02:00", Header: []byte(`{"Subject":"hi"}`)}
		if len(b) <= PartSize {
			m.SetBody(b)
			must(w.Write(m))
			continue
		}
		m.Size, m.Parts = int64(len(b)), PartCount(int64(len(b)))
		must(w.Write(m))
		p := w.Parts(m)
		for n := range chunks(b, 70001) {
			_, err := p.Write(n)
			must(err)
		}
		must(p.Close())
	}
	must(w.Write(&Expunged{Folder: "INBOX", UIDValidity: 7, UID: 90}))
	must(w.Write(&Failed{Folder: "INBOX", UIDValidity: 7, UID: 91, Reason: ReasonTruncated, Text: "bad\xff\x1b"}))
	must(w.Write(&Skipped{Folder: "INBOX", UIDValidity: 7, UID: 92, Reason: ReasonContent, Text: "exclude-raw=\x1b"}))
	must(w.End(&End{Listed: int64(len(bodies) + 2), Excluded: 3}))
	must(w.Close())
	return out.Bytes()
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

// readBodies puts the messages of a stream together again.
func readBodies(t testing.TB, r *Reader) (bodies [][]byte, kinds []string, err error) {
	t.Helper()
	for {
		rec, err := r.Next()
		if err != nil {
			return bodies, kinds, err
		}
		kinds = append(kinds, rec.kind())
		switch rec := rec.(type) {
		case *Message:
			if rec.Parts > 0 {
				bodies = append(bodies, nil)
				continue
			}
			b, err := rec.AppendBody(nil)
			if err != nil {
				return bodies, kinds, err
			}
			bodies = append(bodies, b)
		case *Body:
			last := &bodies[len(bodies)-1]
			if *last, err = rec.AppendOctets(*last); err != nil {
				return bodies, kinds, err
			}
			if sum := sha256.Sum256(*last); rec.Part == rec.Parts && rec.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("UID %d: the parts' sha256 does not fit", rec.UID)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest, frame.Default, frame.Better} {
		want := sampleBodies()
		data := writeSample(t, WriterOptions{Level: level}, want)
		got, _, err := readBodies(t, NewReader(bytes.NewReader(data), false))
		if err != io.EOF {
			t.Fatalf("level %d: %v", level, err)
		}
		if len(got) != len(want) {
			t.Fatalf("level %d: %d bodies, want %d", level, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("level %d: body %d differs", level, i)
			}
		}
		if again := writeSample(t, WriterOptions{Level: level}, want); !bytes.Equal(data, again) {
			t.Errorf("level %d: the same records gave another file", level)
		}
	}
}

// Canonical JSON is what jq -c writes: its pass leaves every octet in place.
func TestCanonicalIsWhatJqWrites(t *testing.T) {
	data := writeSample(t, WriterOptions{Level: frame.None}, sampleBodies())
	jq := exec.Command("jq", "-c", ".")
	jq.Stdin = bytes.NewReader(data)
	out, err := jq.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("jq is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, data) {
		a, b := bytes.Split(data, lineFeed), bytes.Split(out, lineFeed)
		for i := range a {
			if i >= len(b) || !bytes.Equal(a[i], b[i]) {
				t.Fatalf("line %d differs: %.300q", i+1, a[i])
			}
		}
	}
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestCutAnywhereIsTruncated(t *testing.T) {
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		data := writeSample(t, WriterOptions{Level: level}, sampleBodies()[:7])
		for n := range len(data) {
			if n > 1500 && n < len(data)-1500 && n%4999 != 0 {
				continue
			}
			_, _, err := readBodies(t, NewReader(bytes.NewReader(data[:n]), false))
			if exit.CodeOf(err) != exit.Data {
				t.Fatalf("level %d, cut at %d of %d: %v", level, n, len(data), err)
			}
		}
	}
}

func TestFlippedBitIsFound(t *testing.T) {
	data := writeSample(t, WriterOptions{Level: frame.Fastest}, sampleBodies()[:4])
	want, kinds, _ := readBodies(t, NewReader(bytes.NewReader(data), false))
	for i := 0; i < len(data)*8; i += 5 {
		data[i/8] ^= 1 << (i % 8)
		got, k, err := readBodies(t, NewReader(bytes.NewReader(data), false))
		// A bit of the frame header may change nothing of what is decoded.
		if err == io.EOF && (len(k) != len(kinds) || !equal(got, want)) {
			t.Fatalf("bit %d: the damage was not noticed", i)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func TestConcatenation(t *testing.T) {
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		data := writeSample(t, WriterOptions{Level: level}, sampleBodies()[:3])
		got, kinds, err := readBodies(t, NewReader(bytes.NewReader(append(data[:len(data):len(data)], data...)), false))
		if err != io.EOF || len(got) != 6 || strings.Count(strings.Join(kinds, " "), "end") != 2 {
			t.Fatalf("level %d: %d bodies, %v, %v", level, len(got), kinds, err)
		}
	}
}

func edit(data []byte, drop func(line string) bool) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		if !drop(string(line)) {
			out = append(out, line...)
		}
	}
	return out
}

func TestEditedStreams(t *testing.T) {
	data := writeSample(t, WriterOptions{Level: frame.None}, sampleBodies())
	parts := int64(PartCount(int64(len(sampleBodies()[9]))))
	cases := []struct {
		name  string
		data  []byte
		loss  int // messages that are not in the result
		parts int64
		lost  int
	}{
		{"a small message", edit(data, func(l string) bool { return strings.Contains(l, `"uid":1,`) }), 1, 0, 0},
		{"a message with parts", edit(data, func(l string) bool {
			return strings.HasPrefix(l, `{"type":"message"`) && strings.Contains(l, `"uid":10,`)
		}), 1, parts, 0},
		{"one part", edit(data, func(l string) bool {
			return strings.HasPrefix(l, `{"type":"body"`) && strings.Contains(l, `"uid":10,"part":2`)
		}), 1, parts - 2, 1},
	}
	for _, c := range cases {
		if _, _, err := readBodies(t, NewReader(bytes.NewReader(c.data), false)); exit.CodeOf(err) != exit.Data {
			t.Errorf("%s dropped, without --edited: %v", c.name, err)
		}
		r := NewReader(bytes.NewReader(c.data), true)
		messages, lost := 0, 0
		var open bool
		for rec, err := range r.All() {
			if err != nil {
				t.Fatalf("%s dropped, with --edited: %v", c.name, err)
			}
			switch rec := rec.(type) {
			case *Message:
				open = rec.Parts > 0
				if !open {
					messages++
				}
			case *Body:
				if rec.Part == rec.Parts {
					messages++
					open = false
				}
			case *Failed:
				if rec.Reason == ReasonIncomplete {
					lost++
				}
			}
		}
		if want := len(sampleBodies()) - c.loss; messages != want || r.Skipped() != c.parts || lost != c.lost {
			t.Errorf("%s dropped: %d messages, want %d; %d parts passed over, want %d; %d lost, want %d", c.name, messages, want, r.Skipped(), c.parts, lost, c.lost)
		}
	}
	t.Run("cause", func(t *testing.T) {
		_, _, err := readBodies(t, NewReader(bytes.NewReader(cases[0].data), false))
		if kindOf(err) != Edited || !errors.Is(err, ErrFiltered) {
			t.Error(err)
		}
	})
}

func TestRecoverContinuesToTheSameFile(t *testing.T) {
	bodies := sampleBodies()
	for range 6 {
		bodies = append(bodies, bytes.Repeat([]byte("some text to fill frames\r\n"), 30000))
	}
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		whole := writeSample(t, WriterOptions{Level: level}, bodies)
		step := len(whole)/8 + 1
		for n := 1; n <= len(whole); n += step {
			got, err := Recover(bytes.NewReader(whole[:n]), level)
			if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if got.Ended {
				t.Fatalf("cut at %d: found an end", n)
			}
			if again := continueSample(t, level, whole, whole, got); !bytes.Equal(again, whole) {
				t.Fatalf("level %d, cut at %d, kept %d: the continued file is another (%d octets, want %d)", level, n, got.Offset, len(again), len(whole))
			}
		}
		if got, err := Recover(bytes.NewReader(whole), level); err != nil || !got.Ended || got.Offset != int64(len(whole)) {
			t.Errorf("a whole file: %+v, %v", got, err)
		}
	}
}

// TestRecoverBehindAnAbort: however little came before a run stopped early, it
// is kept, and the file in the end is the same.
func TestRecoverBehindAnAbort(t *testing.T) {
	bodies := sampleBodies()[:10]
	for range 4 {
		bodies = append(bodies, bytes.Repeat([]byte("some text to fill frames\r\n"), 30000))
	}
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		whole := writeSample(t, WriterOptions{Level: level}, bodies)
		records := int64(bytes.Count(plainOf(level, whole), []byte{'\n'}))
		for stop := int64(4); stop < records; stop++ {
			out, between := abortSample(t, level, whole, stop)
			got, err := Recover(bytes.NewReader(out), level)
			if err != nil || got.Ended || got.Begin == nil {
				t.Fatalf("level %d, stopped after %d records: %+v, %v", level, stop, got, err)
			}
			if between && got.counts.records != stop {
				t.Errorf("level %d, stopped after %d records: %d are kept", level, stop, got.counts.records)
			}
			if again := continueSample(t, level, out, whole, got); !bytes.Equal(again, whole) {
				t.Fatalf("level %d, stopped after %d records: the continued file is another (%d octets, want %d)", level, stop, len(again), len(whole))
			}
		}
	}
}

// abortSample writes the first records of a sample and an abort. between tells
// whether that stands between two messages.
func abortSample(t *testing.T, level frame.Level, whole []byte, stop int64) (cut []byte, between bool) {
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{Level: level})
	s := newSection(false)
	for line := range bytes.Lines(plainOf(level, whole)) {
		rec, err := s.line(line[:len(line)-1])
		if err == nil && stop > 0 {
			err = w.Write(rec)
			between = s.counts.open.all == 0
		}
		if err != nil {
			t.Fatal(err)
		}
		stop--
	}
	if err := errors.Join(w.Abort(&Abort{Command: "imap-fetch", Exit: 75, Text: "stopped"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), between
}

func plainOf(level frame.Level, data []byte) []byte {
	if level == frame.None {
		return data
	}
	dec, _ := zstd.NewReader(nil)
	plain, _ := dec.DecodeAll(data, nil)
	return plain
}

// continueSample writes what is missing after the recovered part.
func continueSample(t *testing.T, level frame.Level, cut, whole []byte, from *Recovered) []byte {
	var out bytes.Buffer
	out.Write(cut[:from.Offset])
	w := NewWriter(&out, WriterOptions{Level: level, From: from})
	records := int64(0)
	s := newSection(false)
	for line := range bytes.Lines(plainOf(level, whole)) {
		rec, err := s.line(line[:len(line)-1])
		if err != nil {
			t.Fatal(err)
		}
		records++
		if from.Begin != nil && records <= from.counts.records {
			continue
		}
		if e, ok := rec.(*End); ok {
			err = w.End(&End{Listed: e.Listed, Excluded: e.Excluded})
		} else {
			err = w.Write(rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnknownPassesThrough(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{})
	for _, r := range []Record{&Begin{Content: Headers, Key: "k", Extra: []byte(`,"x":{"a":[1,2.50,null]}`)}, &Folder{Name: "A", Octets: -1},
		&Unknown{Type: "weather", Line: []byte(`{"type":"weather","sky":"blue"}`)},
		&Message{Folder: "A", UID: 3, Extra: []byte(`,"mood":"good"`)}, &Abort{Command: "imap-fetch", Exit: 77, Text: "no"}} {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	var again bytes.Buffer
	r := NewReader(&out, false)
	text := out.String()
	w = NewWriter(&again, WriterOptions{})
	for rec, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if again.String() != text {
		t.Errorf("got  %s\nwant %s", again.String(), text)
	}
}

func TestDamagedBodyCostsOneMessage(t *testing.T) {
	data := string(writeSample(t, WriterOptions{Level: frame.None}, [][]byte{[]byte("one"), []byte("two")}))
	r := NewReader(strings.NewReader(strings.Replace(data, `"body":"one"`, `"body":"0ne"`, 1)), false)
	var damaged, good int
	for rec, err := range r.All() {
		if err != nil {
			t.Fatal(err) // the hash stands for the body by its sha256 only
		}
		if m, ok := rec.(*Message); ok {
			if _, err := m.AppendBody(nil); err != nil {
				damaged++
			} else {
				good++
			}
		}
	}
	if damaged != 1 || good != 1 {
		t.Errorf("%d damaged, %d good", damaged, good)
	}
}

func BenchmarkEncode(b *testing.B) { benchmark(b, true) }
func BenchmarkDecode(b *testing.B) { benchmark(b, false) }

// benchmark measures the codec alone: records to and from JSON, bodies of
// 4.7 kB included, without zstd and sha256.
func benchmark(b *testing.B, encode bool) {
	var text []byte
	for i := 0; len(text) < 4700; i++ {
		text = fmt.Appendf(text, "line %d of a message with \"quotes\" and some words that make it as long as lines are\r\n", i)
	}
	m := &Message{Folder: "INBOX", UIDValidity: 7, UID: 1, Key: "recipe:0123456789abcdef0123456789abcdef", Flags: []string{`\Seen`, "$label1"}, InternalDate: "2020-01-02T03:04:05+02:00",
		Header: []byte(`{"Message-ID":"<abc@example.net>","Date":"Thu, 2 Jan 2020 03:04:05 +0200","From":"René <rene@example.net>","Subject":"a subject of some words"}`)}
	m.SetBody(text)
	line, _ := m.appendTo(nil)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var buf, octets []byte
	s := newSection(false)
	for b.Loop() {
		if encode {
			m.body.Set(text)
			buf, _ = m.appendTo(buf[:0])
			continue
		}
		got := s.decode("message", line).(*Message)
		octets, _ = got.body.AppendOctets(octets[:0])
	}
}
