package search

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// dribble gives few octets at a time, as it should not.
type dribble struct {
	r    *strings.Reader
	most int
}

func (d dribble) ReadAt(p []byte, at int64) (int, error) {
	return d.r.ReadAt(p[:min(len(p), d.most)], at)
}

// Wherever blocks end, a word is found: in octets, in lines, in digits and in
// characters.
func TestMatchAcrossBlocks(t *testing.T) {
	const word = "Grüße"
	latin1 := func(s string) string {
		var b []byte
		for _, c := range s {
			b = append(b, byte(c))
		}
		return string(b)
	}
	lines := func(s string, n int) string { // of n octets
		var b strings.Builder
		for len(s) > n {
			b.WriteString(s[:n] + "\r\n")
			s = s[n:]
		}
		return b.String() + s
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, make := range map[string]func(filler string) string{
		"plain": func(filler string) string { return "\r\n" + filler + word },
		"latin1": func(filler string) string {
			return "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + latin1(filler+word)
		},
		"base64": func(filler string) string {
			return "Content-Transfer-Encoding: base64\r\n\r\n" + lines(b64(filler+word), 76)
		},
		"base64 in one line": func(filler string) string { return "Content-Transfer-Encoding: base64\r\n\r\n" + b64(filler+word) },
		"quoted-printable": func(filler string) string {
			return "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + filler + "Gr=C3=\r\n=BC=C3=9Fe"
		},
		"in a part": func(filler string) string {
			return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + lines(filler, 998) + "\r\n--b\r\n\r\n" + word + "\r\n--b--\r\n"
		},
		"behind a long boundary": func(filler string) string {
			return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b" + filler + "\r\n--b\r\n\r\n" + word + "\r\n--b--\r\n"
		},
	} {
		c := must(t, "BODY "+word)
		for _, size := range []int{block, 2 * block, 4 * block} {
			for shift := -40; shift < 10; shift++ {
				octets := make(strings.Repeat("x", size+shift))
				if got, err := c.Match(Message{Octets: strings.NewReader(octets)}); err != nil || !got {
					t.Fatalf("%s: not found behind %d octets: %v", name, size+shift, err)
				}
				if got, err := c.Match(Message{Octets: strings.NewReader(octets[:len(octets)-10] + "\r\n")}); err != nil || got {
					t.Fatalf("%s: found though it is cut behind %d octets: %v", name, size+shift, err)
				}
			}
		}
		octets := make(strings.Repeat("x", 500))
		for most := 1; most < 20; most++ {
			if got, err := c.Match(Message{Octets: dribble{strings.NewReader(octets), most}}); err != nil || !got {
				t.Errorf("%s: not found %d octets at a time: %v", name, most, err)
			}
		}
	}
}

// A word in a header is found wherever it stands, up to the first MiB of its
// field.
func TestMatchAcrossHeader(t *testing.T) {
	for _, size := range []int{100, 64<<10 - 3, 64 << 10, maxValue - 10} {
		octets := "Subject: " + strings.Repeat("x", size) + "needle\r\n folded\r\n\r\n"
		checkMatch(t, Message{Octets: strings.NewReader(octets)}, []string{"SUBJECT needle", "TEXT xneedle"}, []string{"BODY needle"})
	}
	octets := "Subject: " + strings.Repeat("x", maxValue) + "needle\r\nFrom: joe\r\n\r\n"
	checkMatch(t, Message{Octets: strings.NewReader(octets)}, []string{"FROM joe"}, []string{"SUBJECT needle"})
}

// endless is a message of any size that takes no memory: a beginning, and then
// one line again and again.
type endless struct {
	begin, line string
	size        int64
}

func (e endless) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) && at < e.size {
		var from string
		if at < int64(len(e.begin)) {
			from = e.begin[at:]
		} else {
			from = e.line[(at-int64(len(e.begin)))%int64(len(e.line)):]
		}
		k := copy(p[n:], from[:min(int64(len(from)), e.size-at)])
		n, at = n+k, at+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Memory does not grow with the message.
func TestMatchHoldsLittle(t *testing.T) {
	skip, err := Skip("nothing$")
	if err != nil {
		t.Fatal(err)
	}
	body := "\r\n" + strings.Repeat("x", 100) + "\r\n"
	for name, test := range map[string]struct {
		c     Criteria
		octet endless
	}{
		"text":              {must(t, "BODY nothing TEXT nowhere"), endless{"Subject: x\r\n\r\n", "Grüße aus Köln\r\n", 10 << 20}},
		"base64":            {must(t, "BODY nothing"), endless{"Content-Transfer-Encoding: base64\r\n\r\n", "AAAA", 10 << 20}},
		"charset":           {must(t, "BODY nothing"), endless{"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n", "Gr\xfc\xdfe", 10 << 20}},
		"attachment":        {must(t, "BODY nothing"), endless{"Content-Type: image/png\r\n\r\n", strings.Repeat("x", 76) + "\r\n", 32 << 20}},
		"many parts":        {must(t, "BODY nothing"), endless{"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nbody\r\n", 10 << 20}},
		"endless header":    {must(t, "SUBJECT nothing"), endless{"", "Subject: x\r\n", 10 << 20}},
		"endless field":     {must(t, "SUBJECT nothing TEXT nothing"), endless{"Subject: ", "=?utf-8?q?x?=\r\n ", 10 << 20}},
		"endless name":      {must(t, "TEXT nothing"), endless{"", "Subject", 10 << 20}},
		"endless junk":      {must(t, "TEXT nothing"), endless{"", "no colon\r\n", 10 << 20}},
		"regexp":            {skip, endless{body, body, 10 << 20}},
		"size":              {MaxSize(5), endless{body, body, 32 << 20}},
		"signs of equality": {must(t, "BODY nothing"), endless{"Content-Transfer-Encoding: quoted-printable\r\n\r\n", "= ", 10 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			peak := peakOf(func() {
				if _, err := test.c.Match(Message{Octets: test.octet}); err != nil {
					t.Error(err)
				}
			})
			runtime.ReadMemStats(&after)
			if grown := int64(peak) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("%d octets of memory for %d of message", grown, test.octet.size)
			}
		})
	}
}

// peakOf runs work, and returns the largest heap that was seen meanwhile. The
// collector runs often, so that it is what work holds, not what it has let go.
func peakOf(work func()) (peak uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	for {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc)
		select {
		case <-done:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// What is built to break a parser breaks none, and costs what its length
// allows.
func TestMatchHostile(t *testing.T) {
	nest := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		return b.String() + "\r\ndeepest\r\n"
	}
	same := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 5000)
	for name, octets := range map[string]string{
		"deep":               nest(5000),
		"deep messages":      strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 20000) + "\r\nbody",
		"one boundary":       same,
		"long boundary":      "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 1<<20) + "\r\n\r\n--" + strings.Repeat("b", 1<<20) + "\r\n\r\nx\r\n",
		"empty boundary":     "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n--\r\n",
		"blank boundary":     "Content-Type: multipart/mixed; boundary=\" \"\r\n\r\n--\r\n\r\nx\r\n-- --\r\n",
		"dashes":             nest(40) + strings.Repeat("--b\r\n--\r\n----\r\n", 10000),
		"many types":         strings.Repeat("Content-Type: text/plain; charset=x\r\n", 10000) + "\r\nx",
		"many parameters":    "Content-Type: text/plain" + strings.Repeat("; a=b; charset*0=c", 20000) + "\r\n\r\nx",
		"charset of charset": "Content-Type: text/plain; charset=\"" + strings.Repeat("x", 100000) + "\"\r\n\r\nx",
		"equals":             "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("=", 200000),
		"padding":            "Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("=", 200000),
		"NUL":                strings.Repeat("\x00", 100000),
		"CR":                 strings.Repeat("\r", 100000),
		"LF":                 strings.Repeat("\n", 100000),
		"colons":             strings.Repeat(":", 100000),
		"comments":           "Date: " + strings.Repeat("(", 100000) + "\r\n\r\n",
		"words":              "Subject: " + strings.Repeat("=?utf-8?q?=?=", 50000) + "\r\n\r\n",
		"digits":             "Date: " + strings.Repeat("9", 100000) + "\r\n\r\n",
	} {
		for _, text := range []string{"BODY nothing", "TEXT nothing", "SUBJECT nothing", "SENTON 1-Jan-2020"} {
			got, err := must(t, text).Match(Message{Octets: strings.NewReader(octets)})
			if err != nil || got {
				t.Errorf("%s, %s: %v %v", name, text, got, err)
			}
		}
	}
	checkMatch(t, Message{Octets: strings.NewReader(nest(maxDepth))}, []string{"BODY deepest"}, nil)
	checkMatch(t, Message{Octets: strings.NewReader(nest(maxDepth + 1))}, nil, []string{"BODY deepest"})
}

// Whatever a message is, the answer does not depend on how its octets come.
func FuzzMatch(f *testing.F) {
	for _, text := range []string{"TEXT x", "BODY grüße", "SUBJECT x OR FROM y SENTON 1-Jan-2020", `HEADER Subject ""`} {
		f.Add([]byte(letter(ordinary)), text, uint8(3))
		f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/x; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=FC=\r\nx\r\n--b--\r\n"), text, uint8(1))
		f.Add([]byte("Content-Type: message/rfc822\n\nContent-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n"), text, uint8(2))
	}
	f.Fuzz(func(t *testing.T, octets []byte, text string, most uint8) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		whole, err := c.Match(Message{Octets: bytes.NewReader(octets)})
		if err != nil {
			t.Fatal(err)
		}
		parts, err := c.Match(Message{Octets: dribble{strings.NewReader(string(octets)), int(most) + 1}})
		if err != nil || parts != whole {
			t.Errorf("%q: %v at once, %v in parts, %v", text, whole, parts, err)
		}
		if none, err := criteria(negation{conjunction(c.keys)}).Match(Message{Octets: bytes.NewReader(octets)}); err != nil || none == whole {
			t.Errorf("%q and its opposite: %v %v", text, whole, err)
		}
	})
}
