package text

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"Archive/2019 \\Seen %s", "Archive/2019 \\Seen %s"},
		{"Entwürfe 草稿 \u3000\u00a0 e\u0301", "Entwürfe 草稿 \u3000\u00a0 e\u0301"},
		{"a\x1b[2Jb", `a\x1b[2Jb`},
		{"a\nb\r\tc\x00\x7f", `a\nb\r\tc\x00\x7f`},
		{"\u0080\u009b1m", `\u0080\u009b1m`},
		{"\x9b1m caf\xe9", `\x9b1m caf\xe9`},
		{"x\u202egnp.exe", `x\u202egnp.exe`},
		{"\u200e\u200f\u061c\u2066\u2069", `\u200e\u200f\u061c\u2066\u2069`},
		{"\u2028\u2029\ufeff\u00ad\u200b", `\u2028\u2029\ufeff\u00ad\u200b`},
		{"\U000e0041", `\U000e0041`},
		{"می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻"},
		{"\ufffd", "\ufffd"},
		{"\xed\xa0\x80", `\xed\xa0\x80`}, // a surrogate in UTF-8
		{"ok\xc3", `ok\xc3`},
		{strings.Repeat("x", 1000) + "\x1b", strings.Repeat("x", 1000) + `\x1b`},
	}
	for _, tt := range tests {
		if got := Safe(tt.in); got != tt.want {
			t.Errorf("Safe(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b]52;c;\a", "\u202e", "\xff\xfe", "é\xc3", "\U000e0041\\\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) || firstUnsafe(got) >= 0 {
			t.Errorf("Safe(%q) = %q", s, got)
		}
		if again := Safe(got); again != got {
			t.Errorf("Safe(%q) = %q, and again %q", s, got, again)
		}
		if firstUnsafe(s) < 0 && got != s {
			t.Errorf("Safe changed %q to %q", s, got)
		}
		plain, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		escaped := SafeJSON(string(plain))
		if json.Unmarshal(plain, &before) != nil || json.Unmarshal([]byte(escaped), &after) != nil || before != after {
			t.Errorf("SafeJSON(%s) = %s", plain, escaped)
		}
		if firstUnsafe(escaped) >= 0 {
			t.Errorf("SafeJSON leaves %q", escaped)
		}
	})
}

func BenchmarkSafe(b *testing.B) {
	for b.Loop() {
		Safe("Archive/2019/a folder of an ordinary name")
	}
}
