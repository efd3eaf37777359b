package transform

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// TestEncodedSaysTheSame: a value that was encoded reads as it did before, in
// lines that are short, without 8-bit octets.
func TestEncodedSaysTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	words := []string{"plain", "Jörg", "漢字漢字漢字", "ä", "=?utf-8?q?=C3=BC?=", "=?utf-8?b?w6Q=?=", "?=", "=", "a=b", "(x)", "\"q\"", strings.Repeat("ö", 60), strings.Repeat("x", 90), "x_y", "😀"}
	gaps := []string{" ", "\t", "  ", "\r\n ", "\r\n\t"}
	r := rules(t, Options{Fixes: []string{"header-8bit=encode"}})
	for range 2000 {
		var b strings.Builder
		for i := range 1 + random.IntN(8) {
			if i > 0 {
				b.WriteString(gaps[random.IntN(len(gaps))])
			}
			b.WriteString(words[random.IntN(len(words))])
		}
		value := b.String()
		out, _ := apply(t, r, "Subject: "+value+"\r\n\r\n")
		got := strings.TrimSuffix(strings.TrimPrefix(out, "Subject:"), "\r\n\r\n")
		if has8Bit([]byte(out)) {
			t.Fatalf("%q became %q", value, out)
		}
		if before, after := header.Text([]byte(value)), header.Text([]byte(got)); !bytes.Equal(before, after) {
			t.Fatalf("%q became %q: %q and not %q", value, got, after, before)
		}
		if !has8Bit([]byte(value)) {
			continue
		}
		for line := range strings.SplitSeq(out, "\r\n") {
			if len(line) > lineLength && strings.ContainsAny(strings.TrimLeft(line, " \t"), " \t") && !strings.Contains(line, strings.Repeat("x", 90)) {
				t.Fatalf("%q has a line of %d octets: %q", value, len(line), out)
			}
		}
	}
}

// TestEncodedAddresses: so does a list of addresses, in which no address
// changes.
func TestEncodedAddresses(t *testing.T) {
	r := rules(t, Options{Fixes: []string{"header-8bit=encode"}})
	for in, want := range map[string]string{
		`"Jörg \"J\" Ö" <j@x>, k@x`: `Jörg "J" Ö <j@x>, k@x`,
		`Jörg Ö <j@x>`:              `Jörg Ö <j@x>`,
		`Gruppe ä: a@x, b@x;`:       `Gruppe ä: a@x, b@x;`,
		`a@x (ä (ö) \) ü), b@x`:     `a@x (ä (ö) \) ü), b@x`,
		`"ä`:                        `ä`,
		`(ä`:                        `(ä)`,
		`<ä`:                        `<XX`,
	} {
		out, _ := apply(t, r, "To: "+in+"\r\n\r\n")
		if got := string(header.Text([]byte(strings.TrimSuffix(out, "\r\n\r\n")[3:]))); got != want {
			t.Errorf("%s: %q says %s", in, out, got)
		}
	}
}
