package stream

import (
	"bytes"
	"io"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// smallSample is a stream of few octets, so that many changes of it are tried.
func smallSample(t testing.TB, level frame.Level) []byte {
	return writeSample(t, WriterOptions{Level: level}, [][]byte{[]byte("Subject: hi\r\n\r\nbody\r\n"), []byte("caf\xe9")})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{})
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		f.Add(smallSample(f, level))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, edited := range []bool{false, true} {
			r := NewReader(bytes.NewReader(data), edited)
			var out bytes.Buffer
			w := NewWriter(&out, WriterOptions{})
			for {
				rec, err := r.Next()
				if err != nil {
					if err != io.EOF && exit.CodeOf(err) != exit.Data {
						t.Fatalf("not a stream error: %v", err)
					}
					break
				}
				if m, ok := rec.(*Message); ok && m.HasBody() {
					_, _ = m.AppendBody(nil)
				}
				if e, ok := rec.(*End); ok {
					w.End(e)
				} else {
					w.Write(rec)
				}
			}
			r.Close()
			w.Close()
			// What we wrote we can read, as far as it went.
			check := NewReader(&out, true)
			for {
				if _, err := check.Next(); err != nil {
					if k := kindOf(err); err != io.EOF && k != Truncated {
						t.Fatalf("our own output: %v", err)
					}
					break
				}
			}
			check.Close()
		}
	})
}

// FuzzRecover: of a file that was cut or damaged, what is kept is a part of it that
// can be read, and a Writer can go on after it.
func FuzzRecover(f *testing.F) {
	for _, level := range []frame.Level{frame.None, frame.Store, frame.Fastest} {
		sample := smallSample(f, level)
		f.Add(sample, level == frame.None)
		f.Add(sample[:len(sample)*2/3], level == frame.None)
	}
	f.Fuzz(func(t *testing.T, data []byte, plain bool) {
		level := frame.Fastest
		if plain {
			level = frame.None
		}
		found, err := Recover(bytes.NewReader(data), level)
		if err != nil {
			t.Fatal(err)
		}
		if found.Offset < 0 || found.Offset > int64(len(data)) {
			t.Fatalf("%d of %d octets are kept", found.Offset, len(data))
		}
		if found.Offset == 0 {
			return
		}
		out := bytes.NewBuffer(bytes.Clone(data[:found.Offset]))
		if !found.Ended {
			w := NewWriter(out, WriterOptions{Level: level, From: found})
			if err := w.Abort(&Abort{Command: "imap-fetch", Exit: int(exit.Temporary), Text: "cut"}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		r := NewReader(out, true)
		defer r.Close()
		for {
			if _, err := r.Next(); err == io.EOF {
				return
			} else if err != nil && exit.CodeOf(err) == exit.Data {
				return
			} else if err != nil {
				t.Fatalf("what was kept cannot be read: %v", err)
			}
		}
	})
}
