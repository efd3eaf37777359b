package headerkey

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// identify scans a message written in one chunk.
func identify(t testing.TB, r, message string) Identity {
	t.Helper()
	s := NewScanner(recipe(t, r))
	s.Write([]byte(message))
	return s.Sum()
}

func rung(key string) string { return key[:strings.IndexByte(key, ':')] }

const letter = "Received: by b; 2\r\nReceived: by a;\r\n\t1\r\nMessage-ID: <1@x>\r\nDate: Mon, 1 Jan 2020 00:00:00 +0000\r\n" +
	"From: Joe <joe@x>\r\nTo: ann@y\r\nSubject: hello\r\n world\r\nX-Spam: no\r\n\r\nbody\r\n"

// The key is part of the stream format: these may not change.
func TestKeysStay(t *testing.T) {
	for _, c := range []struct{ recipe, message, key string }{
		// Computed apart from this code: printf 'message-id:<1@X>\ndate:MON...\n' | sha256sum
		{Default, letter, "recipe:dbca3b804c29ab501a539db5ced4522a"},
		{"received", letter, "recipe:573ca5c883b37125f72da93147b1f2b1"},
		{"ALL,-date", "Date: d\nX-A: 1\nSubject:  caf\xc3\xa9 \n\n", "recipe:bd4eb130c3c4bbabfbe1b75b2406d1bb"},
		{"message-id-local,date", letter, "recipe:c6871f45bfec60850c5214c743ab0eed"},
		{Default, "From: joe@x\nSubject: hi\n\nbody", "origin:8adcea5a2ba85165fa77cbe454e720fc"},
		{Default, "X-B: 2\nX-A: 1\n\nbody", "header:351e69fc27db5e86b87140b49dc15dae"},
		{Default, "no header at all\r\n", "body:b3c3c0a0843ad950ab4ce32415068108"},
		{Default, "", "body:e3b0c44298fc1c149afbf4c8996fb924"},
	} {
		want, _ := naive([]byte(c.message), recipe(t, c.recipe))
		if got := identify(t, c.recipe, c.message); got != want || got.Key != c.key {
			t.Errorf("%q: %+v, want %+v, %q", c.message, got, want, c.key)
		}
	}
}

// Each row is one message in several spellings.
func TestSameKey(t *testing.T) {
	for what, c := range map[string]struct {
		recipe   string
		messages []string
	}{
		"line ends":                       {Default, []string{"Message-ID: <1>\r\nDate: d\r\n\r\nb", "Message-ID: <1>\nDate: d\n\nb", "Message-ID: <1>\r\r\nDate: d\r\n\n", "Message-ID: <1>\nDate: d"}},
		"folding":                         {Default, []string{"Message-ID: <1>\nDate: a b\n", "Message-ID:\r\n <1>\nDate: a\r\n\tb\r\n", "Message-ID:<1>  \nDate:\n \n a \r\n   b\n \n", "Message-ID:\t<1>\nDate: a\v\fb"}},
		"case of values":                  {Default, []string{"Message-ID: <aX.1@Example.Org>\nDate: d\n", "Message-ID: <Ax.1@EXAMPLE.org>\nDate: D\n"}},
		"case, order and blanks of names": {Default, []string{"Message-ID: <1>\nDate: d\n", "DATE: d\nmessage-id : <1>\n", "date\t :d\nMESSAGE-ID:<1>\n"}},
		"other fields":                    {Default, []string{"Message-ID: <1>\nDate: d\n", "X: y\nMessage-ID: <1>\nMessage-IDs: z\nDate: d\nDates: x\n"}},
		"a second of a single field":      {Default, []string{"Message-ID: <1>\nDate: d\n", "Message-ID: <1>\nDate: d\nDate: e\nmessage-id: <2>\n", "Message-ID:\nMessage-ID: <1>\nDate:\n \nDate: d\nDate: e\n"}},
		"masking":                         {"subject", []string{"Subject: caf\xc3\xa9 X\x00", "Subject: cafX X", "Subject: caf\xe9 XXX", "Subject: caf\x80\x80\x80 \xff"}},
		"an added Message-ID":             {Default, []string{"Date: d\nSubject: s\n", "Message-ID: <1.22.0123456789abcdef@added.imap-pipe.invalid>\nDate: d\nSubject: s\n", "Message-ID:\r\n <1.2.0123456789abcdef@added.imap-pipe.invalid> \r\nSubject: s\nDate: d\r\n\r\n"}},
		"a Message-ID that names nothing": {Default, []string{"Date: d\nSubject: s\n", "Message-ID: <>\nDate: d\nSubject: s\n", "Message-ID: < @ >\nDate: d\nSubject: s\n", "Message-ID: <\xe9\x00@x>\nDate: d\nSubject: s\n", "Message-ID: \nDate: d\nSubject: s\n"}},
		"the same, before a Message-ID":   {Default, []string{"Message-ID: <1>\nDate: d\n", "Message-ID: <>\nMessage-ID: <1>\nDate: d\n"}},
		"the same, of all fields":         {Default, []string{"X: y\n", "Message-ID: <>\nX: y\n"}},
		"no Message-ID, whatever else":    {"message-id,x-a", []string{"X-A: 1\nFrom: f\nDate: d\n", "Date: d\nFrom: f\nX-A: 1\nX-B: 2\n"}},
		"the second rung, of any recipe":  {"message-id", []string{"Date: d\nFrom: f\nTo: t\nSubject: s\n", "Subject: s\nX: y\nDate: d\nFrom: f\nTo: t\n"}},
		"the same, of all":                {"ALL", []string{"Date: d\nX: y\n", "X: y\nMessage-ID: <1.22.0123456789abcdef@added.imap-pipe.invalid>\nDate: d\n"}},
		"before another":                  {Default, []string{"Message-ID: <1>\n", "Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\nMessage-ID: <1>\n"}},
		"junk lines": {Default, []string{"Message-ID: <1>\nDate: d\n", "From joe Mon Jan  1 00:00:00 2020\nMessage-ID: <1>\nDate: d\n", " start\n\tmore\nMessage-ID: <1>\nDate: d\n",
			"Message-ID: <1>\nno colon\n more\nDate: d\n", ": nameless\n x\nMessage-ID: <1>\n: y\nb\xc3\xa4d: x\n x\nDate: d\n", "\rDate: e\n f\nMessage-ID: <1>\nDate: d\n"}},
		"not the body":               {Default, []string{"Message-ID: <1>\n\nDate: d\n", "Message-ID: <1>\n\r\nDate: e\n", "Message-ID: <1>\n\r\r\n\nMessage-ID: <2>"}},
		"several of one, in order":   {"x-a", []string{"X-A: 1\nX-B: x\nX-A: 2\n", "x-a: 1\nX-A:\nx-a:2"}},
		"origin":                     {Default, []string{"From: j\nTo: a\nSubject: s\nX: 1\n", "Subject: s\nTo: a\nFrom: j\n"}},
		"header, masked, any order":  {Default, []string{"X-A: \xe9\nX-B: 2\n", "x-b: 2\nX-A: X\n\nbody", "X-B: 2\nX-A:\n XX\nX-C:\n"}},
		"body":                       {Default, []string{"\nh\xc3\xa9\x00", "\r\nhX\r", "\nhXXX"}},
		"ALL":                        {"ALL", []string{"A: 1\nB: 2\nDate: d\nA: 3\n\nx", "date: d\nDate: e\nA: 3\nB:2\nA:1\n\ny"}},
		"the domain of a Message-ID": {"message-id-local,date", []string{"Message-ID: <Ab.1@old.example>\nDate: d\n", "Message-Id:\n <aB.1@NEW>\nDate: d", "message-id: <ab.1>\nDate: d", "Message-ID: <ab.1@\nDate: d"}},
		"ALL with less":              {"ALL,-X-*,-date", []string{"A: 1\n", "X-Y: z\nDate: d\nA: 1\n"}},
	} {
		want := identify(t, c.recipe, c.messages[0]).Key
		for _, message := range c.messages[1:] {
			if got := identify(t, c.recipe, message).Key; got != want {
				t.Errorf("%s: %q has %s, %q has %s", what, c.messages[0], want, message, got)
			}
		}
	}
}

func TestOtherKey(t *testing.T) {
	for _, c := range []struct{ recipe, one, other string }{
		{Default, "Message-ID: <1>", "Message-ID: <2>"},
		{Default, "Message-ID: <1>", "Date: <1>"},
		{Default, "Date: d\nMessage-ID: <1.2.0123456789abcdef@added.imap-pipe.example>", "Date: d"},
		{"x-a", "X-A: 1\nX-A: 2", "X-A: 2\nX-A: 1"},
		// Without a Message-ID the rest of a recipe is not enough, nor are some of its fields.
		{Default, "Date: d\nSubject: backup OK", "Date: d\nSubject: backup FAILED"},
		{Default, "Message-ID: <>\nDate: d\nFrom: a", "Message-ID: <>\nDate: d\nFrom: b"},
		{Default, "Message-ID:\nDate: d\nTo: a", "Message-ID:\nDate: d\nTo: b"},
		{"date,message-id", "Date: d\nSubject: a", "Date: d\nSubject: b"},
		{"message-id", "Message-ID: <>\nSubject: a", "Message-ID: <>\nSubject: b"},
		{LocalID + ",date", "Message-ID: <@x>\nDate: d\nSubject: a", "Message-ID: <@x>\nDate: d\nSubject: b"},
		{"x-gmail-received,message-id", "X-Gmail-Received: 1\nSubject: a", "X-Gmail-Received: 1\nSubject: b"},
		{"x-gmail-received,message-id", "X-Gmail-Received: 1\nSubject: a", "X-Gmail-Received: 2\nSubject: a"},
		{"date,x-uidl", "Date: d\nSubject: a", "Date: d\nSubject: b"},
		{Default, "Message-ID: <>\n\na", "Message-ID: <>\n\nb"},
		{LocalID, "Message-ID: <a@b>", "Message-ID: <b@b>"},
		{LocalID, "Message-ID: <a@b@c>", "Message-ID: <a@d@c>"},
		{LocalID + ",message-id", "Message-ID: <a@b>", "Message-ID: <a@c>"},
		{"a,b", "A: 1\nB: 2", "A: 2\nB: 1"},
		{Default, "X: 1\n\n", "Y: 1\n\n"},
		{Default, "\na", "\nb"},
		{Default, "junk one\n\na", "junk two\n\na"},
		{"ALL", "A: 1\nDate: d", "A: 1\nDate: e"},
		{Default, "From: a\n", "To: a\n"},
	} {
		if a, b := identify(t, c.recipe, c.one), identify(t, c.recipe, c.other); a.Key == b.Key {
			t.Errorf("%q and %q: both %s", c.one, c.other, a.Key)
		}
	}
}

func TestRungAndComplete(t *testing.T) {
	for _, c := range []struct {
		recipe, message, rung string
		complete              bool
	}{
		{Default, letter, "recipe", true},
		{Default, "Message-ID: <1>\n\n", "recipe", false},
		{Default, "Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\nDate: d\n\n", "origin", false},
		{Default, "Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\n\n", "body", false},
		{Default, "Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\nX: 1\n\n", "header", false},
		{Default, "Date: d\nMessage-ID: \n\n", "origin", false},
		{Default, "Date: d\nMessage-ID: <>\n\n", "origin", false},
		{LocalID + ",date", "Date: d\nMessage-ID: <@x>\n\n", "origin", false},
		{LocalID + ",message-id", "Message-ID: <@x1>\n\n", "recipe", true},
		{"date,from", "Date: d\n\n", "origin", false},
		{"date", "Date: d\n\n", "recipe", true},
		{"message-id,received", letter, "recipe", true},
		{"message-id,received", "Received: a\n\n", "origin", false},
		{Default, "\r\n", "body", false}, // what Cyrus says of a header that is too long
		{Default, "", "body", false},
		{Default, "Subject: s", "origin", false},
		{"x-nowhere", letter, "origin", false},
		{"subject", letter, "recipe", true},
		{Default, "X: 1", "header", false},
		{Default, "X:\nY: \n\t\n\nbody", "body", false},
		{"ALL", letter, "recipe", true},
		{"ALL", "\nbody", "body", false},
		{"ALL,-x-*", "X-A: 1\n\n", "header", false},
		{"ALL,-*", letter, "origin", false},
	} {
		got := identify(t, c.recipe, c.message)
		if rung(got.Key) != c.rung || got.Complete != c.complete {
			t.Errorf("%s of %.30q: %+v, want %s, %v", c.recipe, c.message, got, c.rung, c.complete)
		}
	}
}

// What a server gives for HEADER.FIELDS makes the key of the message.
func TestHeaderFieldsBlock(t *testing.T) {
	for _, c := range []struct{ recipe, block string }{
		{Default, "Message-ID: <1@x>\r\nDate: Mon, 1 Jan 2020 00:00:00 +0000\r\n\r\n"},
		{Default, "Date: Mon, 1 Jan 2020 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\n"},
		{"received", "Received: by b; 2\r\nReceived: by a;\r\n\t1\r\n\r\n"},
		{"subject,x-spam", "Subject: hello\r\n world\r\nX-Spam: no\r\n\r\n"},
	} {
		whole, part := identify(t, c.recipe, letter), identify(t, c.recipe, c.block)
		if whole != part || !part.Complete {
			t.Errorf("%s: the message has %+v, the block %+v", c.recipe, whole, part)
		}
	}
}

func TestHeaderDoneAndNeedsBody(t *testing.T) {
	for _, c := range []struct {
		message     string
		done, needs bool
	}{
		{"A: 1\r\n", false, false},
		{"A: 1\r\n\r", false, false},
		{"A: 1\r\n\r\n", true, false},
		{"A: 1\n\n", true, false},
		{"\n", true, true},
		{"junk\n\n", true, true},
		{"A:\n\n", true, true},
		{"", false, false},
	} {
		s := NewScanner(recipe(t, Default))
		s.Write([]byte(c.message))
		if s.HeaderDone() != c.done || s.NeedsBody() != c.needs {
			t.Errorf("%q: done %v, needs the body %v", c.message, s.HeaderDone(), s.NeedsBody())
		}
	}
}

// Whoever stops feeding when the header is done has the same key.
func TestStoppingAtTheHeader(t *testing.T) {
	for _, message := range append(corpus(), letter) {
		s := NewScanner(recipe(t, Default))
		for i := range len(message) {
			if s.HeaderDone() && !s.NeedsBody() {
				break
			}
			s.Write([]byte{message[i]})
		}
		if got, want := s.Sum(), identify(t, Default, message); got != want {
			t.Errorf("%.40q: %+v, want %+v", message, got, want)
		}
	}
}

func TestReceived(t *testing.T) {
	scan := func(message string) string {
		s := NewScanner(recipe(t, Default))
		s.Write([]byte(message))
		return s.Received()
	}
	if got := scan("Date: d\n\nReceived: x"); got != "" {
		t.Errorf("no Received: %q", got)
	}
	one := scan("Received: a\nReceived: b\n\n")
	if len(one) != 16 {
		t.Errorf("%q", one)
	}
	if got := scan("X: 1\r\nreceived:\r\n a\r\nReceived: b\r\n\r\n"); got != one {
		t.Errorf("%q, want %q", got, one)
	}
	for _, other := range []string{"Received: b\nReceived: a\n", "Received: a\n", "Received: a b\n"} {
		if scan(other) == one {
			t.Errorf("%q is the same", other)
		}
	}
	long := strings.Repeat("Received: from somewhere to elsewhere\n", 3000)
	_, want := naive([]byte(long), recipe(t, Default))
	if got := scan(long); got != want {
		t.Errorf("many: %q, want %q", got, want)
	}
}

func TestResetForgets(t *testing.T) {
	for _, r := range recipes {
		s := NewScanner(recipe(t, r))
		for range 2 {
			for _, message := range corpus() {
				s.Reset()
				s.Write([]byte(message))
				fresh := NewScanner(recipe(t, r))
				fresh.Write([]byte(message))
				if got, want := describe(s), describe(fresh); got != want {
					t.Errorf("%s, %.40q: %s, want %s", r, message, got, want)
				}
			}
		}
	}
}

func TestSumEndsTheMessage(t *testing.T) {
	s := NewScanner(recipe(t, Default))
	s.Write([]byte("X: 1\n"))
	before := describe(s)
	s.Write([]byte("Date: d\n"))
	if after := describe(s); after != before {
		t.Errorf("%s, then %s", before, after)
	}
}

// describe shows all that a scanner tells.
func describe(s *Scanner) string {
	return fmt.Sprintf("%+v %q %q %v %v", s.Sum(), s.Received(), s.Header(), s.HeaderDone(), s.NeedsBody())
}

var recipes = []string{Default, "received,x-a", "subject", "x-nowhere", "ALL", "ALL,-x-*,-date", "message-id-local,subject"}

// corpus returns messages that go through all branches of the scanner.
func corpus() []string {
	kb := strings.Repeat("x", 1024)
	return []string{
		"", "\n", "\r\n", "\r", "\r\r\n\n", "x", ":", ": x\n", "a:b", "a : b\n c\n\n", " a: b\n", "\ta\n b\nDate: d", letter,
		strings.ReplaceAll(letter, "\r", ""), strings.ReplaceAll(letter, "\r\n", "\r\r\n"),
		"From joe@x Mon Jan 1 00:00:00 2020\n" + letter,
		"From: a\nFrom: b\nTo: c\nX-A: 1\nX-A:\nX-A: 2\n\nbody", "Date:\nDate: \n\t\nDate: x\nDate: y\n\n",
		"X-A: \xff\xfe\x00 XX X\n\nbo\x00dy\xff\xff", "\n\x00\xff\r\nXXX\rX", "junk\nmore junk\n\nbody\n", "X: 1\nY: 2\n\nbody", "X:\n\nbody",
		"\rA: b\n c\nDate: d\n", "A\x00: b\nDate: d\n", "a b: c\n d\nDate: e\n", "\xe9: x\n y\n\nz",
		"A: \r\r\rb\r\rc\r\n\r\n", "Subject: a\rb\n c\r\n\td\n\n",
		strings.Repeat("n", header.MaxName) + ": x\n\n", strings.Repeat("n", header.MaxName+1) + ": x\n\n", strings.Repeat("n", header.MaxName) + " : x\n",
		"Subject: " + kb + kb + "\nMessage-ID: <1>\n\n" + kb,
		"Received: a\n b\nreceived: c\nX-A: 1\nx-a: 2\nX-B: 3\n\n",
		"Message-ID: <>\n\nbody", "Message-ID: <@x>\nSubject: s\n\n", "Message-ID: \xe9\nDate: d\n\n", "Message-ID: <@y>\n\nbody",
		"Message-ID: <1.2.0123456789abcdef@added.imap-pipe.invalid>\nX: 1\n\nbody",
		"Subject: =?utf-8?q?caf=C3=A9?= =?iso-8859-1?q?_=E9?=\nFrom: =?x-unknown?q?a?= <a@b>\n\n",
	}
}

func TestAgainstNaive(t *testing.T) {
	for _, r := range recipes {
		for _, message := range corpus() {
			s := NewScanner(recipe(t, r))
			s.Write([]byte(message))
			want, received := naive([]byte(message), recipe(t, r))
			if got := s.Sum(); got != want || s.Received() != received {
				t.Errorf("%s, %.60q: %+v %q, want %+v %q", r, message, got, s.Received(), want, received)
			}
		}
	}
}

// Messages beyond the caps and buffers, in chunks of several sizes.
func TestChunksOfBigMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i, message := range bigMessages() {
		for _, r := range recipes {
			s := NewScanner(recipe(t, r))
			s.Write(message)
			want := describe(s)
			for _, size := range []int{13, 4096, -1} {
				s.Reset()
				for rest := message; len(rest) > 0; {
					n := size
					if n < 0 {
						n = 1 + random.IntN(100000)
					}
					n = min(n, len(rest))
					s.Write(rest[:n])
					rest = rest[n:]
				}
				if got := describe(s); got != want {
					t.Fatalf("message %d, %s, chunks of %d: %.300s, want %.300s", i, r, size, got, want)
				}
			}
		}
	}
}

func bigMessages() [][]byte {
	mega := strings.Repeat("lorem ipsum ", 12000)
	return [][]byte{
		[]byte("Subject: " + mega + "\nX: 1\n\n" + mega),
		[]byte("X: " + mega + "\nY: " + mega + "\n\n"),
		[]byte(mega), []byte("\n" + mega), []byte(mega + "\n\n" + mega),
		[]byte(strings.Repeat("X-A: one more value\n", 30000) + "\nbody"),
		[]byte(strings.Repeat("X-B: one more value\n", 20000) + "Message-ID: <1>\n\nbody"),
		[]byte("Subject: a" + strings.Repeat("\r", 200000) + "b\n\n"),
		[]byte("To: " + strings.Repeat("\r\n ", 100000) + "b\r\n\r\n"),
		bytes.Repeat([]byte("\x00\xff\r"), 70000),
	}
}

// A cut value is cut at the same place whatever the line ends.
func TestCutIgnoresCR(t *testing.T) {
	lf := "Subject: " + strings.Repeat("a line of a long subject\n ", 6000) + "\n\n"
	crlf := strings.ReplaceAll(lf, "\n", "\r\n")
	if a, b := identify(t, "subject", lf), identify(t, "subject", crlf); a != b {
		t.Errorf("%+v with LF, %+v with CRLF", a, b)
	}
}

// However large the header, little of it is kept: of 8 MiB about 1 at the most.
func TestMemoryIsBounded(t *testing.T) {
	chunk := map[string][]byte{
		"one endless value":   bytes.Repeat([]byte("x"), 1<<16),
		"CRs":                 bytes.Repeat([]byte("\r"), 1<<16),
		"an endless fold":     bytes.Repeat([]byte("\n "), 1<<15),
		"fields":              bytes.Repeat([]byte("X-A: 1\n"), 1<<13),
		"long names":          bytes.Repeat([]byte("X-"+strings.Repeat("long", 200)+": 1\n"), 82),
		"Received":            bytes.Repeat([]byte("Received: 1\n"), 1<<12),
		"junk":                bytes.Repeat([]byte("junk\n"), 1<<13),
		"subjects":            bytes.Repeat([]byte("Subject:\n"), 1<<13),
		"one endless subject": bytes.Repeat([]byte("s"), 1<<16),
	}
	start := map[string]string{"one endless value": "X-A:", "CRs": "X-A: a", "an endless fold": "X-A:", "one endless subject": "Subject:"}
	for what, p := range chunk {
		for _, r := range []string{"x-a,received,x-" + strings.Repeat("long", 200), "ALL", Default} {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := NewScanner(recipe(t, r))
			s.Write([]byte(start[what]))
			for range 128 { // 8 MiB
				s.Write(p)
			}
			s.Sum()
			s.Header()
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(s)
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 2<<20 {
				t.Errorf("%s, %s: %d octets kept", what, r, kept)
			}
		}
	}
}

func FuzzScanner(f *testing.F) {
	for i, message := range corpus() {
		f.Add([]byte(message), byte(i), uint64(i))
	}
	f.Fuzz(func(t *testing.T, message []byte, which byte, seed uint64) {
		r := recipe(t, recipes[int(which)%len(recipes)])
		s := NewScanner(r)
		s.Write(message)
		want := describe(s)
		if len(message) < maxValue {
			if id, received := naive(message, r); id != s.Sum() || received != s.Received() {
				t.Errorf("%+v %q, want %+v %q", s.Sum(), s.Received(), id, received)
			}
		}
		random := rand.New(rand.NewPCG(seed, 0))
		s.Reset()
		for rest := message; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1+random.IntN(64)))
			s.Write(rest[:n])
			rest = rest[n:]
		}
		if got := describe(s); got != want {
			t.Errorf("in chunks %s, whole %s", got, want)
		}
	})
}
