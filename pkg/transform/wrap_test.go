package transform

import (
	"context"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

// TestWrap: long lines are wrapped in text, and in nothing else.
func TestWrap(t *testing.T) {
	r := rules(t, Options{MaxLine: "100=wrap"})
	long := strings.Repeat("word ", 25) + "end" // 128
	wrapped := strings.Repeat("word ", 20) + "\r\n" + strings.Repeat("word ", 5) + "end"
	solid := strings.Repeat("x", 99) + "ää" + strings.Repeat("y", 100)
	cut := strings.Repeat("x", 99) + "\r\nää" + strings.Repeat("y", 96) + "\r\nyyyy"
	code := strings.Repeat("=C3=A4", 20)
	quoted := strings.Repeat("=C3=A4", 16) + "=C3=\r\n" + "=A4=C3=A4=C3=A4=C3=A4"
	for name, c := range map[string]struct{ head, in, want string }{
		"text":             {"", long, wrapped},
		"text, whole":      {"", long + "\r\nshort\r\n" + long + "\r\n", wrapped + "\r\nshort\r\n" + wrapped + "\r\n"},
		"of that length":   {"", strings.Repeat("x", 100) + "\r\n", strings.Repeat("x", 100) + "\r\n"},
		"without blanks":   {"", solid + "\r\n", cut + "\r\n"},
		"with LF":          {"", long + "\n", wrapped + "\n"},
		"html":             {"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8BIT\r\n", long, wrapped},
		"quoted-printable": {"Content-Type: text/html\r\nContent-Transfer-Encoding: Quoted-Printable\r\n", code + "\r\n", quoted + "\r\n"},
		"base64":           {"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", solid, solid},
		"an odd encoding":  {"Content-Transfer-Encoding: x-uuencode\r\n", long, long},
		"an image":         {"Content-Type: image/svg+xml\r\n", long, long},
		"no such type":     {"Content-Type: ;;;\r\n", long, long},
		"PGP":              {"", "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n" + long, "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n" + long},
		"multipart": {"Content-Type: multipart/mixed;\r\n boundary=\"b c\"\r\n",
			long + "\r\n--b c\r\n\r\n" + long + "\r\n--b c\r\nContent-Type: image/png\r\nX-Long: " + long + "\r\n\r\n" + long + "\r\n--b c--\r\n" + long,
			long + "\r\n--b c\r\n\r\n" + wrapped + "\r\n--b c\r\nContent-Type: image/png\r\nX-Long: " + long + "\r\n\r\n" + long + "\r\n--b c--\r\n" + long},
		"signed": {"Content-Type: multipart/mixed; boundary=o\r\n",
			"--o\r\nContent-Type: multipart/signed; boundary=i\r\n\r\n--i\r\n\r\n" + long + "\r\n--i--\r\n--o\r\n\r\n" + long + "\r\n--o--\r\n",
			"--o\r\nContent-Type: multipart/signed; boundary=i\r\n\r\n--i\r\n\r\n" + long + "\r\n--i--\r\n--o\r\n\r\n" + wrapped + "\r\n--o--\r\n"},
		"an enclosed message": {"Content-Type: message/rfc822\r\n", "Subject: " + long + "\r\n\r\n" + long, "Subject: " + long + "\r\n\r\n" + wrapped},
		"a digest":            {"Content-Type: multipart/digest; boundary=b\r\n", "--b\r\n\r\nSubject: " + long + "\r\n\r\n" + long, "--b\r\n\r\nSubject: " + long + "\r\n\r\n" + wrapped},
		"no boundary":         {"Content-Type: multipart/mixed\r\n", "--\r\n\r\n" + long, "--\r\n\r\n" + long},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := apply(t, r, c.head+"\r\n"+c.in)
			if want := c.head + "\r\n" + c.want; got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
	decoded := func(s string) string {
		text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	if decoded(code) != decoded(quoted) {
		t.Error("quoted-printable says something else")
	}
}

// TestWrapHeader: fields are folded at blanks, and no line of them is blank.
func TestWrapHeader(t *testing.T) {
	r := rules(t, Options{Fixes: []string{"long-lines"}, MaxLine: "100=wrap"})
	for in, want := range map[string]string{
		"To: " + strings.Repeat("a@x, ", 30) + "b@x": "To: " + strings.Repeat("a@x, ", 18) + "a@x,\r\n a@x, " + strings.Repeat("a@x, ", 10) + "b@x",
		"X: " + strings.Repeat("y", 120):             "X:\r\n " + strings.Repeat("y", 120),
		"X: " + strings.Repeat("y", 120) + " z":      "X:\r\n " + strings.Repeat("y", 120) + "\r\n z",
		"X:" + strings.Repeat(" ", 120):              "X:" + strings.Repeat(" ", 120),
		strings.Repeat("stray ", 30):                 strings.Repeat("stray ", 30),
	} {
		if got, _ := apply(t, r, in+"\r\n\r\n"); got != want+"\r\n\r\n" {
			t.Errorf("%q\n got %q\nwant %q", in, got, want+"\r\n\r\n")
		}
	}
}

// TestDeep: parts in parts without end are left alone.
func TestDeep(t *testing.T) {
	r := rules(t, Options{MaxLine: "100=wrap"})
	long := strings.Repeat("x ", 60)
	text := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 1000) + "\r\n" + long
	if got, _ := apply(t, r, text); got != text {
		t.Error("it was changed")
	}
	if _, err := r.Apply(context.Background(), message(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 100000))); err != nil {
		t.Error(err)
	}
}
