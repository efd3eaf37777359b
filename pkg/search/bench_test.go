package search

import (
	"strings"
	"testing"
)

func BenchmarkMatch(b *testing.B) {
	ascii := strings.Repeat("All work and no play makes Joe a dull boy.\r\n", 20000)
	for name, test := range map[string]struct{ text, octets string }{
		"ascii":      {"BODY nothing", "\r\n" + ascii},
		"utf-8":      {"BODY nothing", "\r\n" + strings.Repeat("Schöne Grüße aus Köln, 日本語, and so on.\r\n", 20000)},
		"latin1":     {"BODY nothing", "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + ascii},
		"base64":     {"BODY nothing", "Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 10000)},
		"attachment": {"BODY nothing", "Content-Type: image/png\r\n\r\n" + ascii},
		"header":     {"SUBJECT nothing", letter(ordinary)},
		"flags":      {"SEEN", ""},
	} {
		b.Run(name, func(b *testing.B) {
			c := must(b, test.text)
			b.SetBytes(int64(len(test.octets)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Match(Message{Octets: strings.NewReader(test.octets)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
