package frame_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// packed is a stream of n messages in frames of a level.
func packed(t *testing.T, level frame.Level, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{Level: level})
	records := []stream.Record{&stream.Begin{Content: stream.Headers, Key: "message-id,date"}, &stream.Folder{Name: "INBOX", Messages: uint32(n), Octets: -1}}
	for i := range n {
		records = append(records, &stream.Message{Folder: "INBOX", UIDValidity: 1, UID: uint64(i + 1), Key: "recipe:00000000000000000000000000000001", InternalDate: "2020-01-02T03:04:05Z"})
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.End(&stream.End{Listed: int64(n)}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// count reads messages until the stream ends or fails.
func count(r *stream.Reader) (n int, err error) {
	for {
		rec, err := r.Next()
		if err != nil {
			return n, err
		}
		if _, ok := rec.(*stream.Message); ok {
			n++
		}
	}
}

// Not one record of a frame is handed on if a bit of it was flipped.
func TestNothingOfADamagedFrame(t *testing.T) {
	for name, level := range map[string]frame.Level{"store": frame.Store, "fastest": frame.Fastest} {
		t.Run(name, func(t *testing.T) { nothingOfADamagedFrame(t, packed(t, level, 200)) })
	}
}

func nothingOfADamagedFrame(t *testing.T, good []byte) {
	if n, err := count(stream.NewReader(bytes.NewReader(good), false)); n != 200 || err != io.EOF {
		t.Fatalf("%d messages, %v", n, err)
	}
	for bit := 0; bit < 8*len(good); bit += 7 + len(good)/500 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		r := stream.NewReader(bytes.NewReader(bad), false)
		n, err := count(r)
		r.Close()
		if n == 200 && err == io.EOF {
			continue // the bit means nothing: checksum and hash are right
		}
		if n != 0 || exit.CodeOf(err) != exit.Data {
			t.Errorf("bit %d: %d messages, %v", bit, n, err)
		}
	}
}

// A frame of another program may be too large to be held: it is read as it
// comes.
func TestFrameOfAnySize(t *testing.T) {
	plain, err := io.ReadAll(mustDecode(t, packed(t, frame.Fastest, 60_000)))
	if err != nil {
		t.Fatal(err)
	}
	if len(plain) < frame.MaxFrame {
		t.Fatalf("only %d octets", len(plain))
	}
	enc, err := zstd.NewWriter(nil, zstd.WithWindowSize(4<<20))
	if err != nil {
		t.Fatal(err)
	}
	one := enc.EncodeAll(plain, nil)
	if n, err := count(stream.NewReader(bytes.NewReader(one), false)); n != 60_000 || err != io.EOF {
		t.Errorf("%d messages, %v", n, err)
	}
	one[len(one)-1] ^= 1
	if _, err := count(stream.NewReader(bytes.NewReader(one), false)); exit.CodeOf(err) != exit.Data {
		t.Error(err)
	}
}

// A frame that is cut, wherever that is, is not taken for one that is damaged.
func TestCutFrameIsTruncated(t *testing.T) {
	for name, level := range map[string]frame.Level{"store": frame.Store, "fastest": frame.Fastest} {
		t.Run(name, func(t *testing.T) { cutFrameIsTruncated(t, packed(t, level, 2000)) })
	}
}

func cutFrameIsTruncated(t *testing.T, good []byte) {
	for n := 4; n < len(good); n += 1 + len(good)/300 {
		r := stream.NewReader(bytes.NewReader(good[:n]), false)
		_, err := count(r)
		r.Close()
		var damage *stream.Error
		if !errors.As(err, &damage) || damage.Kind != stream.Truncated {
			t.Errorf("cut at %d of %d: %v", n, len(good), err)
		}
	}
}

func mustDecode(t *testing.T, octets []byte) io.Reader {
	t.Helper()
	dec, err := zstd.NewReader(bytes.NewReader(octets))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dec.Close)
	return dec
}

// Close comes while another goroutine reads.
func TestCloseWhileReading(t *testing.T) {
	octets := bytes.Repeat(packed(t, frame.Fastest, 2000), 3)
	for i := range 50 {
		v, err := frame.NewVerifier(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, struct{ io.Reader }{v})
			ended <- err
		}()
		time.Sleep(time.Duration(i) * 50 * time.Microsecond)
		v.Close()
		v.Close()
		if err := <-ended; err != nil && err != io.ErrClosedPipe {
			t.Error(err)
		}
	}
}

// What is not compressed is a zstd frame all the same: another decoder gives it back.
func TestStoredFrames(t *testing.T) {
	for _, n := range []int{0, 1, 200, 20_000} {
		stored, err := io.ReadAll(mustDecode(t, packed(t, frame.Store, n)))
		if err != nil {
			t.Fatal(err)
		}
		plain := packed(t, frame.None, n)
		times := regexp.MustCompile(`"time":"[^"]*"`) // begin and end say when
		hashes := regexp.MustCompile(`"hash":"[^"]*"`)
		strip := func(b []byte) string {
			return string(hashes.ReplaceAll(times.ReplaceAll(b, nil), nil))
		}
		if strip(stored) != strip(plain) {
			t.Errorf("%d messages: %d octets, and not %d", n, len(stored), len(plain))
		}
	}
}
