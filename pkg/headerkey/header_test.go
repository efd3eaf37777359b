package headerkey

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func shownHeader(t testing.TB, r, message string) []Field {
	t.Helper()
	s := NewScanner(recipe(t, r))
	s.Write([]byte(message))
	return s.Header()
}

func TestHeader(t *testing.T) {
	got := shownHeader(t, Default, letter)
	want := []Field{{"Message-ID", "<1@x>"}, {"Date", "Mon, 1 Jan 2020 00:00:00 +0000"}, {"From", "Joe <joe@x>"}, {"Subject", "hello world"}}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	got = shownHeader(t, "received,x-spam,date,x-none", letter)
	want = append(want, Field{"Received", "by b; 2"}, Field{"X-Spam", "no"})
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := shownHeader(t, "ALL", "X: 1\nSubject:\n\n"); got != nil {
		t.Errorf("%q of a message without any", got)
	}
}

func TestHeaderDecodes(t *testing.T) {
	for raw, want := range map[string]string{
		"=?utf-8?q?caf=C3=A9?=":                                 "café",
		"=?UTF-8?B?Y2Fmw6k=?=\r\n =?utf-8?q?_au_lait?= now":     "café au lait now",
		"=?iso-8859-1?q?caf=E9?=":                               "café",
		"=?windows-1252?q?=80?=":                                "€",
		"=?koi8-r?b?8NLJ18XU?=":                                 "Привет",
		"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=":                    "日本",
		"=?gb2312?b?xOO6ww==?=":                                 "你好",
		"=?x-unknown?q?a?= b":                                   "=?x-unknown?q?a?= b",
		"=?utf-8?q?broken":                                      "=?utf-8?q?broken",
		"=?utf-8?q?=FF?=":                                       "\uFFFD",
		"raw caf\xc3\xa9":                                       "raw café",
		"latin caf\xe9":                                         "latin caf\uFFFD",
		"a\r\n\t b  c\r\n  d ":                                  "a b c d",
		"=?utf-8?q?two=0D=0Alines=0A?=":                         "two lines",
		"=?gbk?b?xOM=?= =?gbk?b?ug==?= =?gbk?b?ww==?=":          "你好",
		"=?x-unknown?q?a?= =?utf-8?q?caf=C3=A9?=":               "=?x-unknown?q?a?= café",
		"=?utf-8*en?q?caf=C3=A9?=":                              "café",
		"nul \x00 here":                                         "nul \x00 here",
		strings.Repeat("é", 3000):                               strings.Repeat("é", 2048),
		"x" + strings.Repeat("é", 3000):                         "x" + strings.Repeat("é", 2047),
		strings.Repeat("=?utf-8?q?=E4=BD=A0=E5=A5=BD?= ", 2000): strings.Repeat("你好", 1000)[:2*3*(maxEncoded/31)],
	} {
		got := shownHeader(t, Default, "Subject: "+raw+"\n\n")
		if strings.HasPrefix(raw, "=?utf-8?q?=E4") { // the raw value is cut inside a word
			if !strings.HasPrefix(got[0].Value, "你好你好") || len(got[0].Value) > maxShown {
				t.Errorf("%.40q is %.40q", raw, got[0].Value)
			}
			continue
		}
		if len(got) != 1 || got[0].Value != want {
			t.Errorf("%.40q is %.80q, want %.80q", raw, got, want)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, raw := range []string{"=?utf-8?q?caf=C3=A9?=", "=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "\xff\x00", "=?=?=?", "=?utf-16?b?AGEAYg==?=", "=?hz-gb-2312?q?~{?="} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, field := range shownHeader(t, "subject", "Subject: "+raw+"\n") {
			if !utf8.ValidString(field.Value) || len(field.Value) > maxShown || strings.ContainsAny(field.Value, "\r\n") {
				t.Errorf("%q", field.Value)
			}
		}
	})
}

// Values made to be slow are not: the decoder sees little of them.
func BenchmarkHeaderHostile(b *testing.B) {
	for what, part := range map[string]string{"openings": "=?", "words": "=?utf-8?q?a?= ", "marks": "=?a?q?", "kana": "=?iso-2022-jp?b?GyRCRnxLXBsoQg==?="} {
		s := NewScanner(recipe(b, Default))
		message := []byte("Subject: " + strings.Repeat(part, 8000) + "\n")
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				s.Reset()
				s.Write(message)
				s.Header()
			}
		})
	}
}
