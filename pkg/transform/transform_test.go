package transform

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// rules parses options that are right.
func rules(t testing.TB, o Options) *Rules {
	t.Helper()
	r, err := ParseRules(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var origin = Origin{User: "joe", Host: "old.example", Folder: "Entwürfe & Ideen", Target: "Drafts", UIDValidity: 7, UID: 42, InternalDate: "2020-01-02T03:04:05+02:00"}

func message(text string) *Message {
	return &Message{Octets: strings.NewReader(text), Size: int64(len(text)), Origin: origin}
}

// apply changes a text, and returns it with what was done.
func apply(t testing.TB, r *Rules, text string) (out string, o *Outcome) {
	t.Helper()
	o, err := r.Apply(context.Background(), message(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	t.Cleanup(o.Close)
	octets, err := io.ReadAll(io.NewSectionReader(o.Octets, 0, o.Size+1))
	if err != nil || int64(len(octets)) != o.Size {
		t.Fatalf("%d octets of %d, %v", len(octets), o.Size, err)
	}
	if o.Altered != (string(octets) != text) {
		t.Errorf("%q: Altered is %v", text, o.Altered)
	}
	if o.Altered && len(o.Changes) == 0 {
		t.Errorf("%q was changed, and nothing names it", text)
	}
	return string(octets), o
}

func TestRules(t *testing.T) {
	long := strings.Repeat("word ", 30) + "end"
	for name, c := range map[string]struct {
		rules    Options
		in, want string
		changes  string
	}{
		"no rules":                  {Options{}, "From x\r\nA:\x00\n\xff", "From x\r\nA:\x00\n\xff", ""},
		"add":                       {Options{Add: []string{"X-A: b"}}, "C: d\r\n\r\nX-A: no", "X-A: b\r\nC: d\r\n\r\nX-A: no", "header-add:X-A"},
		"add two":                   {Options{Add: []string{"A: 1", "B: 2"}}, "C: d\r\n\r\n", "A: 1\r\nB: 2\r\nC: d\r\n\r\n", "header-add:B header-add:A"},
		"add under LF":              {Options{Add: []string{"X-A: b"}}, "C: d\n\nbody\r\n", "X-A: b\nC: d\n\nbody\r\n", "header-add:X-A"},
		"add below From":            {Options{Add: []string{"X-A: b"}}, "From joe Thu Jan  1 00:00:00 2015\r\nC: d\r\n\r\n", "From joe Thu Jan  1 00:00:00 2015\r\nX-A: b\r\nC: d\r\n\r\n", "header-add:X-A"},
		"add behind a continuation": {Options{Add: []string{"X-A: b"}}, " odd\r\nC: d\r\n\r\n", " odd\r\nX-A: b\r\nC: d\r\n\r\n", "header-add:X-A"},
		"add to no header":          {Options{Add: []string{"X-A: b"}}, "\r\nbody", "X-A: b\r\n\r\nbody", "header-add:X-A"},
		"add to no body":            {Options{Add: []string{"X-A: b"}}, "C: d", "X-A: b\r\nC: d", "header-add:X-A"},
		"add to stray lines":        {Options{Add: []string{"X-A: b"}}, "hello", "hello\r\nX-A: b\r\n", "header-add:X-A"},
		"add to nothing":            {Options{Add: []string{"X-A: b"}}, "", "", ""},
		"placeholders":              {Options{Add: []string{"X-A: {uid} {{x}} {target} {user}@{host}"}}, "C: d\r\n\r\n", "X-A: 42 {x} Drafts joe@old.example\r\nC: d\r\n\r\n", "header-add:X-A"},
		"foreign letters":           {Options{Add: []string{"X-Folder: {folder}"}}, "C: d\r\n\r\n", "X-Folder: =?utf-8?q?Entw=C3=BCrfe?= & Ideen\r\nC: d\r\n\r\n", "header-add:X-Folder"},
		"a long word":               {Options{Add: []string{"X: a " + strings.Repeat("y", 100)}}, "C: d\r\n\r\n", "X: a\r\n =?utf-8?q?" + strings.Repeat("y", 63) + "?=\r\n =?utf-8?q?" + strings.Repeat("y", 37) + "?=\r\nC: d\r\n\r\n", "header-add:X"},
		"date":                      {Options{Add: []string{"Received: from x; {date}"}}, "Date: 3 Mar 12 1:02\r\n\r\n", "Received: from x; Sat, 03 Mar 2012 01:02:00 +0000\r\nDate: 3 Mar 12 1:02\r\n\r\n", "header-add:Received"},
		"no date":                   {Options{Add: []string{"Received: from x; {date}"}}, "C: d\r\n\r\n", "Received: from x; Thu, 02 Jan 2020 03:04:05 +0200\r\nC: d\r\n\r\n", "header-add:Received"},
		"internaldate":              {Options{Add: []string{"X: {internaldate}"}}, "Date: 3 Mar 12 1:02\r\n\r\n", "X: Thu, 02 Jan 2020 03:04:05 +0200\r\nDate: 3 Mar 12 1:02\r\n\r\n", "header-add:X"},
		"folded":                    {Options{Add: []string{"X-Long: " + long}}, "C: d\r\n\r\n", "X-Long: " + strings.Repeat("word ", 12) + "word\r\n " + strings.Repeat("word ", 14) + "word\r\n word word end\r\nC: d\r\n\r\n", "header-add:X-Long"},
		"set":                       {Options{Set: []string{"c: e"}}, "A: 1\r\nC: d\r\n d\r\nB: 2\r\nC : f\r\n\r\nC: d", "A: 1\r\nc: e\r\nB: 2\r\n\r\nC: d", "header-set:c"},
		"set anew":                  {Options{Set: []string{"c: e"}}, "A: 1\r\n\r\nC: d", "c: e\r\nA: 1\r\n\r\nC: d", "header-set:c"},
		"set what is":               {Options{Set: []string{"C: d"}}, "C: d\r\n\r\n", "C: d\r\n\r\n", ""},
		"rename":                    {Options{Rename: []string{"c=X-C"}}, "C : d\r\n\td\r\nB: C: d\r\nc:\r\n\r\nC: d", "X-C : d\r\n\td\r\nB: C: d\r\nX-C:\r\n\r\nC: d", "header-rename:c"},
		"rename at the end":         {Options{Rename: []string{"c=X"}}, "A: 1\nC: d", "A: 1\nX: d", "header-rename:c"},
		"delete":                    {Options{Delete: []string{"c"}}, "C: d\r\n d\r\nB: 2\r\nC: d\r\n\r\nC: d", "B: 2\r\n\r\nC: d", "header-delete:c"},
		"delete what is not":        {Options{Delete: []string{"Z"}}, "C: d\r\n\r\nZ: d", "C: d\r\n\r\nZ: d", ""},
		"order":                     {Options{Delete: []string{"A"}, Rename: []string{"B=A"}, Set: []string{"A: 3"}, Add: []string{"A: 4"}}, "A: 1\r\nB: 2\r\n\r\n", "A: 4\r\nA: 3\r\n\r\n", "header-delete:A header-rename:B header-set:A header-add:A"},
		"disarm":                    {Options{DisarmReceipts: true}, "A: 1\r\ndisposition-notification-to: j\r\n\r\nDisposition-Notification-To: j", "A: 1\r\nX-Disarmed-Disposition-Notification-To: j\r\n\r\nDisposition-Notification-To: j", "header-rename:Disposition-Notification-To"},

		"mbox drop":           {Options{Fixes: []string{"mbox-from=drop"}}, "From joe Thu Jan\r\nC: d\r\n\r\nFrom x", "C: d\r\n\r\nFrom x", "fix:mbox-from"},
		"mbox rename":         {Options{Fixes: []string{"mbox-from=rename"}}, ">From joe Thu Jan\nC: d\n\nFrom x", "X-From-Line: joe Thu Jan\nC: d\n\nFrom x", "fix:mbox-from"},
		"mbox alone":          {Options{Fixes: []string{"mbox-from=rename"}}, "From: joe\r\n\r\n", "From: joe\r\n\r\n", ""},
		"bare LF":             {Options{Fixes: []string{"bare-lf"}}, "C: d\n e\r\n\nbody\r\r\n\n\rx", "C: d\r\n e\r\n\r\nbody\r\r\n\r\n\rx", "fix:bare-lf"},
		"no bare LF":          {Options{Fixes: []string{"bare-lf"}}, "C: d\r\n\r\nbody\r", "C: d\r\n\r\nbody\r", ""},
		"NUL":                 {Options{Fixes: []string{"nul=strip"}}, "C\x00: d\r\n\x00\r\nbo\x00dy\x00", "C: d\r\n\r\nbody", "fix:nul"},
		"final CRLF":          {Options{Fixes: []string{"final-crlf"}}, "C: d\r\n\r\nbody", "C: d\r\n\r\nbody\r\n", "fix:final-crlf"},
		"final LF":            {Options{Fixes: []string{"final-crlf"}}, "C: d\r\n\r\nbody\n", "C: d\r\n\r\nbody\r\n", "fix:final-crlf"},
		"final CR":            {Options{Fixes: []string{"final-crlf"}}, "C: d\r", "C: d\r\n", "fix:final-crlf"},
		"final LF alone":      {Options{Fixes: []string{"final-crlf"}}, "\n", "\r\n", "fix:final-crlf"},
		"final is there":      {Options{Fixes: []string{"final-crlf"}}, "C: d\r\n\r\n", "C: d\r\n\r\n", ""},
		"header fold":         {Options{Fixes: []string{"header-fold"}}, "X-Spam-Report: \r\n* 0.1 FOO\r\n  bar: baz\r\nhas two: x\r\nC: d\r\n\r\nno colon", "X-Spam-Report: \r\n\t* 0.1 FOO\r\n  bar: baz\r\n\thas two: x\r\nC: d\r\n\r\nno colon", "fix:header-fold"},
		"header fold, first":  {Options{Fixes: []string{"header-fold"}}, "From x\r\nstray\r\nC: d\r\n\r\n", "From x\r\nstray\r\nC: d\r\n\r\n", ""},
		"header colon":        {Options{Fixes: []string{"header-colon"}}, "C : d : e\r\n : f\r\nD: x\r\nE \t :\r\n\r\nF : g", "C: d : e\r\n : f\r\nD: x\r\nE:\r\n\r\nF : g", "fix:header-colon"},
		"8 bit masked":        {Options{Fixes: []string{"header-8bit=mask"}}, "Subject: J\xc3\xb6rg\r\nC: d\r\n\r\n\xc3", "Subject: JXXrg\r\nC: d\r\n\r\n\xc3", "fix:header-8bit"},
		"8 bit subject":       {Options{Fixes: []string{"header-8bit=encode"}}, "Subject: an Jörg\r\n und Ähre, ja\r\n\r\n", "Subject: an =?utf-8?q?J=C3=B6rg?= und =?utf-8?q?=C3=84hre=2C?= ja\r\n\r\n", "fix:header-8bit"},
		"8 bit neighbours":    {Options{Fixes: []string{"header-8bit=encode"}}, "Subject: ä ö =?utf-8?q?=C3=BC?= ß\r\n\r\n", "Subject: =?utf-8?b?w6Qgw7Y=?= =?utf-8?q?_?= =?utf-8?q?=C3=BC?=\r\n =?utf-8?b?IMOf?=\r\n\r\n", "fix:header-8bit"},
		"8 bit of no charset": {Options{Fixes: []string{"header-8bit=encode"}}, "Subject: J\xf6rg\r\n\r\n", "Subject: =?unknown-8bit?q?J=F6rg?=\r\n\r\n", "fix:header-8bit"},
		"8 bit names":         {Options{Fixes: []string{"header-8bit=encode"}}, "To: \"Jörg, M\" <j@x>, Jürg K <k@x> (früh), ö@x, \"ü\"@x, a <ä@x>\r\n\r\n", "To: =?utf-8?q?J=C3=B6rg=2C_M?= <j@x>, =?utf-8?q?J=C3=BCrg?= K <k@x>\r\n (=?utf-8?q?fr=C3=BCh?=), XX@x, \"XX\"@x, a <XX@x>\r\n\r\n", "fix:header-8bit"},
		"8 bit file name":     {Options{Fixes: []string{"header-8bit=encode"}}, "Content-Disposition: attachment; filename=\"a;ü 1.pdf\"; size=3\r\n\r\n", "Content-Disposition: attachment; filename*=utf-8''a%3B%C3%BC%201.pdf; size=3\r\n\r\n", "fix:header-8bit"},
		"8 bit id":            {Options{Fixes: []string{"header-8bit=encode"}}, "Message-ID: <ü@x>\r\nstr\xe4y\r\n\r\n", "Message-ID: <XX@x>\r\nstrXy\r\n\r\n", "fix:header-8bit"},
		"a Message-ID":        {Options{Fixes: []string{"message-id"}}, "C: d\r\n\r\n", "Message-ID: <42.7.9e26b53a7ba10f50@added.imap-pipe.invalid>\r\nC: d\r\n\r\n", "fix:message-id"},
		"an empty Message-ID": {Options{Fixes: []string{"message-id"}}, "C: d\r\nMessage-Id:  \r\n\r\n", "C: d\r\nMessage-ID: <42.7.9e26b53a7ba10f50@added.imap-pipe.invalid>\r\n\r\n", "fix:message-id"},
		"it has one":          {Options{Fixes: []string{"message-id"}}, "C: d\r\nMESSAGE-ID : x\r\n\r\n", "C: d\r\nMESSAGE-ID : x\r\n\r\n", ""},
		"no header, no id":    {Options{Fixes: []string{"message-id"}}, "\r\nbody", "\r\nbody", ""},
		"all of it":           {Options{Fixes: []string{"bare-lf", "final-crlf", "nul=strip", "mbox-from=drop"}, Add: []string{"X: y"}}, "From a\nC: \x00d\n\nb\x00\nc", "X: y\r\nC: d\r\n\r\nb\r\nc\r\n", "fix:nul fix:bare-lf fix:mbox-from header-add:X fix:final-crlf"},
	} {
		t.Run(name, func(t *testing.T) {
			got, o := apply(t, rules(t, c.rules), c.in)
			if got != c.want {
				t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
			}
			if changes := strings.Join(o.Changes, " "); changes != c.changes {
				t.Errorf("changes %q, want %q", changes, c.changes)
			}
			if again, _ := apply(t, rules(t, Options{Fixes: c.rules.Fixes}), got); len(c.rules.Fixes) > 0 && again != got {
				t.Errorf("a second run changes it again: %q", again)
			}
		})
	}
}

func TestBadRules(t *testing.T) {
	for _, o := range []Options{
		{Add: []string{"X-A"}}, {Add: []string{": x"}}, {Add: []string{"X A: x"}}, {Add: []string{"Ä: x"}}, {Add: []string{"A: x\r\nB: y"}}, {Add: []string{"A: x\ny"}},
		{Add: []string{"A: \x00"}}, {Add: []string{"A: \xff"}}, {Add: []string{"A: {nonesuch}"}}, {Add: []string{"A: {uid"}}, {Add: []string{"A: }"}},
		{Add: []string{"A: " + strings.Repeat("x", maxTemplate+1)}}, {Set: []string{"A"}}, {Set: []string{"A: 1", "a: 2"}}, {Rename: []string{"A"}}, {Rename: []string{"A="}},
		{Rename: []string{"A=B C"}}, {Rename: []string{"A=B\r\nC"}}, {Delete: []string{""}}, {Delete: []string{"A:"}}, {Delete: []string{strings.Repeat("x", 77)}},
		{Fixes: []string{"nonesuch"}}, {Fixes: []string{"nul"}}, {Fixes: []string{"nul=x"}}, {Fixes: []string{"bare-lf=x"}}, {Fixes: []string{"mbox-from"}}, {Fixes: []string{""}}, {Fixes: []string{"header-8bit="}},
		{MaxLine: "998"}, {MaxLine: "=wrap"}, {MaxLine: "99=wrap"}, {MaxLine: "998=fold"}, {MaxLine: "-1=skip"}, {Date: "x"}, {Pipe: " "},
	} {
		if _, err := ParseRules(o); exit.CodeOf(err) != exit.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestSkip(t *testing.T) {
	for _, c := range []struct {
		rules  Options
		in     string
		reason string
	}{
		{Options{Fixes: []string{"nul=skip"}}, "C: d\r\n\r\na\x00b", "nul"},
		{Options{Fixes: []string{"nul=skip"}}, "C: d\r\n\r\nab", ""},
		{Options{MaxLine: "100=skip"}, "C: d\r\n\r\n" + strings.Repeat("x", 100) + "\r\n", ""},
		{Options{MaxLine: "100=skip"}, "C: d\r\n\r\n" + strings.Repeat("x", 101), "long-line"},
		{Options{Add: []string{"A: b"}}, strings.Repeat("A: b\r\n", maxHeader/6+1), "header-too-large"},
		{Options{Fixes: []string{"bare-lf"}}, strings.Repeat("A: b\r\n", maxHeader/6+1), ""},
	} {
		o, err := rules(t, c.rules).Apply(context.Background(), message(c.in))
		refusal, refused := IsRefusal(err)
		if refused != (c.reason != "") || refused && (refusal.Reason != c.reason || refusal.Skip != (c.reason != "header-too-large")) {
			t.Errorf("%+v: %v %v", c.rules, o, err)
		}
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct{ source, header, want string }{
		{"source", "Date: 3 Mar 12 1:02\r\n", origin.InternalDate},
		{"header", "Date: Sat Mar  3 10:11:12 2012\r\n", "2012-03-03T10:11:12Z"},
		{"header", "Date: 3 Mar 12 1:02:03 EST (what)\r\n", "2012-03-03T01:02:03-05:00"},
		{"header", "Date: nonsense\r\n", origin.InternalDate},
		{"header", "Date: Thu, 31 Dec 1969 23:59:59 +0000\r\n", origin.InternalDate},
		{"header", "Date: Thu, 31 Dec 1969 23:59:59 -0100\r\n", "1969-12-31T23:59:59-01:00"},
		{"header", "Date: 1 Jan 2038 00:00:00 +0000\r\n", origin.InternalDate},
		{"header", "Date: Thu, 02 Jan 2020 03:04:05 +0200\r\n", ""},
		{"header", "Date: 3 Mar 20012\r\n", origin.InternalDate},
		{"header", "Subject: x\r\n", origin.InternalDate},
		{"received", "Received: from a; b;\r\n Sat, 3 Mar 2012 10:11:12 +0100\r\nReceived: x; 1 Mar 2012 00:00:00 +0000\r\nDate: 1 Jan 2000\r\n", "2012-03-03T10:11:12+01:00"},
		{"received", "Received: from a\r\n", origin.InternalDate},
		{"now", "Date: 3 Mar 12 1:02\r\n", ""},
	} {
		_, o := apply(t, rules(t, Options{Date: c.source}), c.header+"\r\nbody")
		changed := "internaldate:" + c.source
		switch {
		case c.want == "" && c.source != "now": // it is the same
			c.want, changed = origin.InternalDate, ""
		case c.source == "source":
			changed = ""
		case c.want == origin.InternalDate:
			changed = "internaldate:unusable"
		}
		if o.InternalDate != c.want || strings.Join(o.Changes, "") != changed {
			t.Errorf("%s of %q: %s %v, want %s", c.source, c.header, o.InternalDate, o.Changes, c.want)
		}
	}
}

func TestBreaks(t *testing.T) {
	signed := "DKIM-Signature: v=1; h=from:\r\n Subject; b=x\r\nSubject: x\r\nX-A: b\r\n\r\n"
	for _, c := range []struct {
		rules Options
		in    string
		want  bool
	}{
		{Options{Add: []string{"X-B: c"}}, signed, false},
		{Options{Delete: []string{"X-A"}}, signed, false},
		{Options{Set: []string{"Subject: y"}}, signed, true},
		{Options{Delete: []string{"DKIM-Signature"}}, signed, true},
		{Options{Fixes: []string{"bare-lf"}}, signed + "a\nb", false},
		{Options{Fixes: []string{"final-crlf"}}, signed + "a\nb", false},
		{Options{Fixes: []string{"nul=strip"}}, signed + "a\x00b", true},
		{Options{MaxLine: "100=wrap"}, signed + strings.Repeat("x ", 60), true},
		{Options{MaxLine: "100=wrap"}, "Subject: x\r\n\r\n" + strings.Repeat("x ", 60), false},
		{Options{Pipe: "cat; echo"}, signed, true},
	} {
		if _, o := apply(t, rules(t, c.rules), c.in); o.Breaks != c.want {
			t.Errorf("%+v: breaks %v", c.rules, o.Breaks)
		}
	}
}

func TestOdd(t *testing.T) {
	for text, want := range map[string]string{
		"C: d\r\n\r\nbody\r\n": "",
		"From x\nC: \xff\nstray\n\n\x00" + strings.Repeat("x", 999): "mbox-from nul bare-lf header-fold header-8bit long-lines final-crlf",
		"":               "",
		"C : d\r\n\r\n":  "header-colon",
		"\r\nC : d\r\n":  "no-header",
		"From x\r\n\r\n": "mbox-from no-header",
	} {
		names, _, err := Anomalies(message(text))
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%q: %v %v", text, names, err)
		}
	}
}

// TestAnyOctets: whatever comes, nothing panics, a fix leaves nothing to fix,
// what no rule is about stays, and results do not depend on how octets arrive.
func TestAnyOctets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"\r\n", "\n", "\r", "\x00", " ", "\t", ":", "From ", "Subject", "X-A", "Message-ID", "To", "Content-Type", "multipart/mixed; boundary=b", "text/plain", "--b", "--b--", "\xc3\xa4", "\xff", "\"", "(", "<", "=?",
		strings.Repeat("y", 120), strings.Repeat("z ", 70), "quoted-printable", "=3D", "Content-Transfer-Encoding", ";", "filename="}
	all := rules(t, Options{Fixes: []string{"bare-lf", "final-crlf", "nul=strip", "mbox-from=drop", "header-fold", "header-8bit=encode", "message-id"}, MaxLine: "100=wrap", DisarmReceipts: true,
		Set: []string{"X-A: {folder}"}, Rename: []string{"To=X-To"}, Delete: []string{"X-B"}, Date: "header"})
	for range 1500 {
		var b strings.Builder
		for range random.IntN(30) {
			b.WriteString(words[random.IntN(len(words))])
		}
		text := b.String()
		out, _ := apply(t, all, text)
		if odd, _, _ := Anomalies(message(out)); slices.ContainsFunc(odd, func(s string) bool {
			return !slices.Contains([]string{"long-lines", "mbox-from", "header-fold", "header-colon", "no-header"}, s)
		}) {
			t.Fatalf("%q\nbecame %q\nwhich is odd: %v", text, out, odd)
		}
		m := &Message{Octets: readerAt{iotest.OneByteReader, text}, Size: int64(len(text)), Origin: origin}
		o, err := all.Apply(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := io.ReadAll(io.NewSectionReader(o.Octets, 0, o.Size))
		if string(again) != out {
			t.Fatalf("%q\nin one piece %q\noctet by octet %q", text, out, again)
		}
	}
}

// readerAt gives a text in small pieces, as far as a ReaderAt may.
type readerAt struct {
	through func(io.Reader) io.Reader
	text    string
}

func (r readerAt) ReadAt(p []byte, at int64) (int, error) {
	return strings.NewReader(r.text).ReadAt(p, at)
}

// TestStages: the stages of a body come to the same whatever the pieces.
func TestStages(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var b bytes.Buffer
		for range random.IntN(60) {
			b.WriteString([]string{"\r\n", "\n", "\r", "\x00", "word ", strings.Repeat("x", random.IntN(300)), "--b\r\n", "ä"}[random.IntN(8)])
		}
		m := mends{bareLF: true, nul: "strip", maxLine: 100}
		h := parseBlock([]byte("Content-Type: multipart/mixed; boundary=b\r\n"), nil)
		whole, pieces := &bytes.Buffer{}, &bytes.Buffer{}
		if _, err := m.body(h, whole).run(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
			t.Fatal(err)
		}
		if _, err := m.body(h, pieces).run(iotest.OneByteReader(bytes.NewReader(b.Bytes())), 1); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(whole.Bytes(), pieces.Bytes()) {
			t.Fatalf("%q\n%q\n%q", b.Bytes(), whole.Bytes(), pieces.Bytes())
		}
	}
}
