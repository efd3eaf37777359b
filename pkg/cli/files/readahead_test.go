package files

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// stored returns a stream as it is written with options, or one that goes on from it.
func stored(t *testing.T, how stream.WriterOptions, base string) (octets []byte, hash string) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, how)
	end := &stream.End{Listed: 1}
	m := &stream.Message{Folder: "INBOX", UIDValidity: 7, UID: 1, Flags: []string{`\Seen`}}
	if m.SetBody([]byte("one")); base != "" {
		m.UID = 2
	}
	records := []stream.Record{&stream.Begin{Content: stream.Full, User: "joe", Host: "h", Base: base}, &stream.Folder{Name: "INBOX", UIDValidity: 7, Octets: -1}, m}
	if base != "" {
		records = append(records, &stream.Expunged{Folder: "INBOX", UIDValidity: 7, UID: 1})
		end.Listed++
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(end); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), end.Hash
}

// uidsOf reads an input by a pipe.
func uidsOf(t *testing.T, octets []byte) (uids []uint64, err error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		w.Write(octets)
		w.Close()
	}()
	in := &Input{ctx: t.Context(), name: "pipe", file: r}
	if in.info, err = r.Stat(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s, err := in.Stream(false)
	if err != nil {
		return nil, err
	}
	for pass := range 2 {
		uids = nil
		for {
			rec, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return uids, err
			}
			if m, ok := rec.(*stream.Message); ok {
				uids = append(uids, m.UID)
			}
		}
		again := in.Again(false)
		if again == nil || pass == 1 {
			return uids, nil
		}
		if s, err = again(); err != nil {
			return nil, err
		}
	}
	return uids, nil
}

func TestPipesThatBringFiles(t *testing.T) {
	file := stream.WriterOptions{Level: frame.Fastest}
	first, hash := stored(t, file, "")
	delta, _ := stored(t, file, hash)
	live, _ := stored(t, stream.WriterOptions{Level: frame.Fastest, Live: true}, "")
	plain, _ := stored(t, stream.WriterOptions{Level: frame.None}, "")
	plainDelta, _ := stored(t, stream.WriterOptions{Level: frame.None}, hash)
	both := bytes.Join([][]byte{first, delta}, nil)
	bound := readAhead
	defer func() { readAhead = bound }()
	for name, c := range map[string]struct {
		octets []byte
		bound  int64
		want   []uint64
		code   exit.Code
	}{
		"one file":                {first, bound, []uint64{1}, exit.OK},
		"a file and its delta":    {both, bound, []uint64{2}, exit.OK},
		"the same, plain":         {append(bytes.Clone(plain), plainDelta...), bound, []uint64{2}, exit.OK},
		"more than is kept":       {both, 20, []uint64{1}, exit.Usage},
		"from a command":          {append(bytes.Clone(live), delta...), bound, []uint64{1}, exit.Usage},
		"more, and nothing later": {first, 20, []uint64{1}, exit.OK},
		"cut":                     {both[:len(both)-9], bound, []uint64{1}, exit.Data},
		"cut, and not kept":       {first[:len(first)-9], 20, nil, exit.Data},
		"nothing":                 {nil, bound, nil, exit.Data},
		"a few octets":            {first[:5], bound, nil, exit.Data},
	} {
		readAhead = c.bound
		got, err := uidsOf(t, c.octets)
		if exit.CodeOf(err) != c.code || c.code != exit.Data && len(got) != len(c.want) || len(got) > 0 && len(c.want) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A disk that is full costs the second reading, and nothing of the first.
func TestNoRoomToKeep(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("SKIPPED: no /dev/full")
	}
	defer full.Close()
	in := &Input{ctx: t.Context(), ahead: bytes.NewReader([]byte("octets"))}
	kept, rest, err := in.copyTo(full)
	if kept != 0 || string(rest) != "octets" || err != nil {
		t.Errorf("%d kept, %q left, %v", kept, rest, err)
	}
}

func TestReadError(t *testing.T) {
	in := &Input{ctx: context.Background(), name: "x.zst", file: os.NewFile(987, "x.zst")}
	if in.file == nil {
		t.Skip()
	}
	_, err := in.Read(make([]byte, 1))
	clitest.WantCode(t, err, exit.IO, "read x.zst: bad file descriptor")
}
