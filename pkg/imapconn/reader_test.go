package imapconn

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// connOf is a connection that only reads.
func connOf(r io.Reader) *conn {
	t := newTokenizer(r, nil, nil)
	return &conn{notices: notices{warn: func(string) {}}, socket: newTimeoutConn(nil, time.Second), tokenizer: t, fetch: fetchReader{tokenizer: t}}
}

// FuzzResponses: whatever a server sends, reading it ends, without a panic,
// and no body is taken for whole that is not.
func FuzzResponses(f *testing.F) {
	for _, s := range []string{"* 1 FETCH (UID 1 FLAGS (a) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 3 BODY[] {3}\r\nabc BODY[HEADER.FIELDS (A)] \"\")\r\nA1 OK [X]\r\n",
		"* LIST (\\A) \"/\" {1}\r\na\r\n* STATUS \"a\\\"\" (UIDNEXT 1 X (Y))\r\n* SEARCH 1 2\r\n+ x\r\n* OK [PERMANENTFLAGS (a]b)]\r\n* BYE\r\n", "* 1 FETCH (BODY[HEADER.FIELDS ({1}\r\na)] NIL X (((", "* 1 FETCH (BODY[]<3> ~{1}\r\na)\r\n", "{3}\r\nabc\r\n\r\n",
		"* ACL a b {2}\r\nlr \"\" (\r\n* QUOTAROOT a \"\" {1}\r\nb\r\n* QUOTA b (STORAGE 1 2 X (\r\n* ID (\"name\" NIL {1}\r\nx (\r\n",
		"* NAMESPACE ((\"\" \"/\" X (\"a\"))({1}\r\na NIL)) NIL ((\r\n* ESEARCH (TAG \"A1\") UID ALL 1:3,5 COUNT 4\r\nA1 OK [COPYUID 1 2:3 4,5] x\r\n"} {
		f.Add([]byte(s), int64(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, maxBody int64) {
		maxBody = max(0, maxBody%100)
		c := connOf(bytes.NewReader(data))
		var m fetched
		ls := &lister{s: newSession(Options{}), keep: folder.AllSpaces}
		for {
			resp, err := c.receive()
			if err != nil {
				return
			}
			switch resp.typ {
			case "FETCH":
				err = c.fetch.read(&m, &wanted{Items: Items{Flags: true, InternalDate: true, Size: true, Body: true, Fields: []string{"a"}}, maxBody: maxBody})
				if err == nil && m.Body != nil && int64(len(m.Body)) != m.Literal {
					t.Fatalf("body of %d octets, announced %d", len(m.Body), m.Literal)
				}
				if err == nil && m.got&gotDate != 0 && m.InternalDate != "" {
					if _, err := time.Parse(time.RFC3339, m.InternalDate); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.IsSorted(m.Flags) {
					t.Fatal(m.Flags)
				}
			case "LIST":
				var e listEntry
				if e, err = readListEntry(c.tokenizer); err == nil {
					ls.mailboxes([]listEntry{e}, nil)
				}
			case "STATUS":
				_, err = readStatusLine(c.tokenizer)
			case "SEARCH":
				readNumbers(c.tokenizer, func(uint64) {})
			case "QUOTAROOT":
				_, err = readQuotaRoot(c.tokenizer)
			case "QUOTA":
				err = readQuota(c.tokenizer, map[string]*QuotaRoot{})
			case "ACL":
				_, err = readACL(c.tokenizer)
			case "ID":
				_, err = readID(c.tokenizer)
			case "NAMESPACE":
				err = new(namespaces).read(c.tokenizer)
			}
			if err != nil && !errors.Is(err, errMalformed) {
				return
			}
			if c.skip() != nil {
				return
			}
		}
	})
}

// TestBounds floods the client; its memory must not follow. A bound ends each
// flow, or the flow itself does: no clock.
func TestBounds(t *testing.T) {
	deep := strings.Repeat("(", maxDepth+10)
	tests := []struct {
		name string
		flow func(io.Writer)
		code exit.Code
	}{
		{"long line", func(w io.Writer) { endless(w, "* OK "+strings.Repeat("x", 1<<16)) }, exit.Protocol},
		{"flood of untagged", func(w io.Writer) {
			endless(w, strings.Repeat("* 1 FETCH (UID 9 FLAGS (a))\r\n* 5 EXISTS\r\n* X\r\n", 1000))
		}, exit.Protocol},
		{"header as large as can be announced", func(w io.Writer) { endless(w, "* 1 FETCH (BODY[HEADER] {4294967296}\r\n"+strings.Repeat("x", 1<<16)) }, exit.Protocol},
		{"literal in a name", func(w io.Writer) { endless(w, "* 1 FETCH (INTERNALDATE {4294967296}\r\n"+strings.Repeat("x", 1<<16)) }, exit.Protocol},
		{"depth", func(w io.Writer) { endless(w, "* 1 FETCH (X "+deep+"\r\n") }, exit.Protocol},
		{"parts of messages", func(w io.Writer) {
			for i := 1; i < 3000; i++ {
				if _, err := fmt.Fprintf(w, "* %d FETCH (UID %d BODY[HEADER] {20000}\r\n%s)\r\n", i, i, strings.Repeat("h", 20000)); err != nil {
					return
				}
			}
		}, exit.Temporary},
	}
	defer func(n int) { maxNoise = n }(maxNoise)
	maxNoise = 100_000
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			o := &Options{Host: "h", Network: NetworkOptions{Timeout: time.Hour}}
			c := newConn(ours, o)
			c.caps = capabilities{}
			s := newSession(*o)
			s.c = c
			x := &Selected{s: s, command: "EXAMINE"}
			s.c.selected = x
			go func() {
				io.ReadFull(theirs, make([]byte, 10))
				go io.Copy(io.Discard, theirs)
				test.flow(theirs)
				theirs.Close()
			}()
			before := heap()
			want := wanted{Items: Items{Header: true, InternalDate: true, Body: true}, maxBody: 1000}
			f := newFetcher(context.Background(), x, want, func(*Message) error { return nil })
			f.begin(numbers(1, 3000))
			err := cmp.Or(f.command(f.batch()), c.err) // of the connection alone: it is asked again on another
			if code := exit.CodeOf(err); code != test.code {
				t.Errorf("%v, code %d", err, code)
			}
			if grown := heap() - before; grown > 30<<20 {
				t.Errorf("%d MiB kept", grown>>20)
			}
			runtime.KeepAlive(f)
		})
	}
}

func endless(w io.Writer, s string) {
	for {
		if _, err := io.WriteString(w, s); err != nil {
			return
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestRFC3339(t *testing.T) {
	for in, want := range map[string]string{
		"17-Jul-1996 02:44:25 -0700":       "1996-07-17T02:44:25-07:00",
		" 7-jUL-1996 02:44:25 +0530":       "1996-07-07T02:44:25+05:30",
		"7-Jul-1996 02:44:25 +0530":        "1996-07-07T02:44:25+05:30",
		"07-Jul-1996 02:44:25 -0000":       "1996-07-07T02:44:25+00:00",
		"29-Feb-2000 23:59:59 +1400":       "2000-02-29T23:59:59+14:00",
		"17-Jul-1996 02:44:25 GMT":         "1996-07-17T02:44:25+00:00",
		"17-Jul-1996 02:44:25":             "1996-07-17T02:44:25+00:00",
		"Wed, 17 Jul 1996 02:44:25 -0700":  "1996-07-17T02:44:25-07:00",
		"17-Jul-1996 02:44:25 PDT":         "",
		"00-Jan-0000 00:00:00 +0000":       "",
		"01-Jan-0000 00:00:00 +0000":       "",
		"30-Feb-2000 00:00:00 +0000":       "",
		"32-Jan-2000 00:00:00 +0000":       "",
		"01-Jan-2000 24:00:00 +0000":       "",
		"01-Jan-2000 00:00:60 +0000":       "",
		"01-Jan-2000 00:00:00 +9999":       "",
		"01-Jan-2000 00:00:00 +2400":       "",
		"01-Foo-2000 00:00:00 +0000":       "",
		"0a-Jan-2000 00:00:00 +0000":       "",
		"1 -Jan-2000 00:00:00 +0000":       "",
		"02-Jan-23 10:00:00 +0000":         "2023-01-02T10:00:00+00:00",
		"02-Jan-69 10:00:00 +0000":         "2069-01-02T10:00:00+00:00",
		" 2-jan-70 10:00:00 +0000":         "1970-01-02T10:00:00+00:00",
		"2-Jan-99 1:00:00 -0330":           "1999-01-02T01:00:00-03:30",
		"02-Jan-2023 10:00:00 +00:00":      "2023-01-02T10:00:00+00:00",
		"02-Jan-2023 10:00:00 -03:30":      "2023-01-02T10:00:00-03:30",
		"02-Jan-2023 10:00:00 +01":         "2023-01-02T10:00:00+01:00",
		"02-Jan-2023 10:00:00 UTC":         "2023-01-02T10:00:00+00:00",
		"02-Jan-2023 10:00:00 +0000 (UTC)": "2023-01-02T10:00:00+00:00",
		"02-January-2023 10:00:00 +0000":   "2023-01-02T10:00:00+00:00",
		"02-Jan-2023 10:00 +0100":          "2023-01-02T10:00:00+01:00",
		"02-Jan-2023  10:00:00  +0100":     "2023-01-02T10:00:00+01:00",
		"02-Jan-2023 10:00:00.123 +0100":   "2023-01-02T10:00:00+01:00",
		"2023-01-02T10:00:00Z":             "2023-01-02T10:00:00+00:00",
		"2023-01-02 10:00:00+01:00":        "2023-01-02T10:00:00+01:00",
		"2023-01-02t10:00:00.5z":           "2023-01-02T10:00:00+00:00",
		"2023/01/02 10:00:00 +0000":        "2023-01-02T10:00:00+00:00",
		"2 January 23 10:00:00 +0000":      "2023-01-02T10:00:00+00:00",
		"01/02/2023 10:00:00 +0000":        "",
		"01-02-2023 10:00:00 +0000":        "",
		"2023-13-02T10:00:00Z":             "",
		"2023-02-29T10:00:00Z":             "",
		"02-Jan-203 10:00:00 +0000":        "",
		"02-Janu-2023 10:00:00 +0000":      "",
		"02-Jan-2023 10:00:00 PM":          "",
		"02-Jan-2023 10:00:00 IST":         "",
		"02-Jan-2023":                      "",
		"1672653600":                       "",
		"":                                 "",
		"\"":                               "",
	} {
		if got := rfc3339([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestDateTime(t *testing.T) {
	for in, want := range map[string]string{
		"1996-07-17T02:44:25-07:00":     "17-Jul-1996 02:44:25 -0700 true true",
		"1996-07-07T02:44:25Z":          "07-Jul-1996 02:44:25 +0000 true true",
		"1996-07-07T02:44:25.5+05:30":   "07-Jul-1996 02:44:25 +0530 true true",
		"1969-12-31T23:59:59Z":          "31-Dec-1969 23:59:59 +0000 false true",
		"2038-01-01T00:00:00Z":          "01-Jan-2038 00:00:00 +0000 false true",
		"12020-01-01T00:00:00Z":         " false false",
		"-005-01-01T00:00:00Z":          " false false",
		"0000-01-01T00:00:00Z":          " false false",
		"1996-07-17":                    " false false",
		"1996-07-17T02:44:25-07:00\r\n": " false false",
	} {
		if date, safe, ok := dateTime(in); fmt.Sprint(date, " ", safe, " ", ok) != want {
			t.Errorf("%q: %q %v %v, want %s", in, date, safe, ok, want)
		}
	}
}

func FuzzRFC3339(f *testing.F) {
	f.Add([]byte("17-Jul-1996 02:44:25 -0700"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := rfc3339(b); got != "" {
			if _, err := time.Parse(time.RFC3339, got); err != nil || len(got) != 25 {
				t.Errorf("%q: %q", b, got)
			}
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "é": "é", "\x1b[2J\n": `\x1b[2J\n`, "a\u202eb": `a\u202eb`, "\xff\x00": `\xff\x00`, "\u0085": `\u0085`} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
	if s := serverText(strings.Repeat("é", 2000) + "\xff"); len(s) > maxText || !strings.HasSuffix(s, "é") {
		t.Error(len(s))
	}
}

// BenchmarkFetch reads canned answers: 4 KB bodies.
func BenchmarkFetch(b *testing.B) {
	body := strings.Repeat("0123456789abcde\n", 256)
	one := fmt.Sprintf("* 1 FETCH (UID 1 FLAGS (\\Seen $Forwarded) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4096 BODY[] {4096}\r\n%s)\r\n", body)
	c := connOf(&repeat{text: strings.Repeat(one, 100)})
	w := &wanted{Items: Items{Flags: true, InternalDate: true, Size: true, Body: true}, maxBody: 1 << 20}
	var m fetched
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.receive()
		if err != nil || resp.typ != "FETCH" {
			b.Fatal(err, resp)
		}
		if err := c.fetch.read(&m, w); err != nil || len(m.Body) != 4096 {
			b.Fatal(err)
		}
	}
}

type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// TestItemNameBefore reads answers in which names of sections are spelt as before, nearly
// so, and otherwise.
func TestItemNameBefore(t *testing.T) {
	answers := []struct{ item, header, body string }{
		{"BODY[HEADER.FIELDS (DATE)] {4}\r\nA: 1", "A: 1", ""},
		{"BODY[HEADER.FIELDS (DATE)] {4}\r\nA: 2", "A: 2", ""},
		{"BODY[HEADER.FIELDS (DATE)] \"A: 3\"", "A: 3", ""},
		{"body[header.fields (date)] {4}\r\nA: 4", "A: 4", ""},
		{"BODY[HEADER.FIELDS ({4}\r\nDATE)] {4}\r\nA: 5", "A: 5", ""},
		{"BODY[HEADER.FIELDS (DATE)] {4}\r\nA: 6", "A: 6", ""},
		{"BODY[] {4}\r\nwhol", "", "whol"},
		{"BODY[] {4}\r\nmore", "", "more"},
		{"BODY[]<0> {4}\r\npart", "", ""},
		{"BODY[HEADER] {4}\r\nA: 7", "A: 7", ""},
	}
	text := ""
	for i, a := range answers {
		text += fmt.Sprintf("* %d FETCH (%s UID %d)\r\n", i+1, a.item, i+1)
	}
	c := connOf(strings.NewReader(text))
	w := &wanted{Items: Items{Fields: []string{"DATE"}, Body: true}, maxBody: 1 << 20}
	var m fetched
	for i, a := range answers {
		if _, err := c.receive(); err != nil {
			t.Fatal(err)
		}
		if err := c.fetch.read(&m, w); err != nil || string(m.Header) != a.header || string(m.Body) != a.body ||
			m.UID != uint64(i+1) {
			t.Errorf("%q: header %q, body %q, UID %d, %v", a.item, m.Header, m.Body, m.UID, err)
		}
	}
}
