package headerkey

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func digest(writes ...string) [32]byte {
	d := NewDigester()
	for _, s := range writes {
		d.Write([]byte(s))
	}
	return d.Sum()
}

func TestDigest(t *testing.T) {
	for _, message := range append(corpus(), "Subject: \xe9\n\nbare LF\nand NUL \x00\x00\n", strings.Repeat("X", 5000), strings.Repeat("abc\x80", 5000)) {
		want := naiveDigest([]byte(message))
		dovecot := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\n", "\r\n"), "\x00", "\x80")
		cyrus := strings.Map(func(r rune) rune {
			if r >= 0x80 {
				return 'X'
			}
			return r
		}, message)
		for what, form := range map[string]string{"as it is": message, "Dovecot": dovecot, "Cyrus": cyrus} {
			if got := digest(form); got != want {
				t.Errorf("%s: %.40q has %x, want %x", what, message, got[:4], want[:4])
			}
		}
		if got := digest(strings.Split(message, "")...); got != want {
			t.Errorf("piece by piece: %.40q has %x", message, got[:4])
		}
		got, err := LooseOf(iotest.OneByteReader(strings.NewReader(message)))
		if err != nil || got.Whole != want {
			t.Errorf("octet by octet: %.40q has %x, %v", message, got.Whole[:4], err)
		}
	}
	if digest("a b") == digest("ab") {
		t.Error("blanks count")
	}
}

func TestLooseGivesTheReadersError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := LooseOf(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func FuzzDigester(f *testing.F) {
	for _, message := range corpus() {
		f.Add([]byte(message), 3)
	}
	f.Fuzz(func(t *testing.T, message []byte, at int) {
		d := NewDigester()
		at = int(uint(at) % uint(len(message)+1))
		d.Write(message[:at])
		d.Write(message[at:])
		if got, want := d.Sum(), naiveDigest(message); got != want {
			t.Errorf("%x, want %x", got[:4], want[:4])
		}
	})
}
