package headerkey

import (
	"strings"
	"testing"
	"testing/iotest"
)

// TestLoose: what a server adds to a header, and how it ends lines, changes nothing
// of the body. Octets of the body do.
func TestLoose(t *testing.T) {
	of := func(message string) *Loose {
		l, err := LooseOf(iotest.OneByteReader(strings.NewReader(message)))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	const message = "Subject: a\r\nTo: b\r\n\r\ntext\r\n\r\nmore\r\n"
	want := of(message)
	if want.Size != int64(len(message)) || want.Whole != digest(message) || want.Body != digest("text\r\n\r\nmore\r\n") {
		t.Errorf("%+v", want)
	}
	for _, other := range []string{"X-Added: c\r\n" + message, strings.ReplaceAll(message, "\r\n", "\n"), "\r\n" + "text\r\n\r\nmore\r\n", strings.Replace(message, "b\r\n\r\n", "b\n\r\n", 1)} {
		if of(other).Body != want.Body {
			t.Errorf("%q has another body", other)
		}
	}
	for _, other := range []string{message + "x", "Subject: a\r\nTo: b\r\ntext\r\n\r\nmore\r\n", ""} {
		if of(other).Body == want.Body {
			t.Errorf("%q has the same body", other)
		}
	}
	if bare := of("Subject: a\r\n"); bare.Body != bare.Whole {
		t.Error("a message without an empty line has a body")
	}
}
