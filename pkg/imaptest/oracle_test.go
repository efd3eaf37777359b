package imaptest

import (
	"strings"
	"testing"
	"time"
)

func TestUTF7(t *testing.T) {
	for name, wire := range map[string]string{
		"INBOX":              "INBOX",
		"Entwürfe":           "Entw&APw-rfe",
		"A & B":              "A &- B",
		"~peter/mail/台北/日本語": "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"🙂":                  "&2D3eQg-",
		"a\tb":               "a&AAk-b",
		"&&":                 "&-&-",
		"":                   "",
	} {
		if got := encodeUTF7(name); got != wire {
			t.Errorf("encode %q: %q, want %q", name, got, wire)
		}
		if got := decodeUTF7(wire); got != name {
			t.Errorf("decode %q: %q, want %q", wire, got, name)
		}
	}
	for _, broken := range []string{"a&b", "&!-", "&AA-", "x&"} {
		if got := decodeUTF7(broken); got != broken {
			t.Errorf("decode %q: %q", broken, got)
		}
	}
}

func TestDiff(t *testing.T) {
	date := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	entry := func(path, octets string, uid uint64, flags ...string) Entry {
		return Entry{Path: path, SHA256: Sum([]byte(octets)), Size: int64(len(octets)), Flags: flags, InternalDate: date, UID: uid}
	}
	a, b := entry("INBOX", "a", 1, `\Seen`), entry("INBOX", "b", 2)
	moved, flagged, later := entry("Sent", "a", 1, `\Seen`), entry("INBOX", "a", 1), a
	later.InternalDate = date.Add(time.Second)
	zone := a
	zone.InternalDate = date.In(time.FixedZone("", 3600))
	for name, test := range map[string]struct {
		want, got []Entry
		opts      DiffOptions
		signs     string
	}{
		"equal":             {[]Entry{a, b}, []Entry{b, a}, DiffOptions{}, ""},
		"nothing":           {nil, nil, DiffOptions{Order: true}, ""},
		"zones":             {[]Entry{a}, []Entry{zone}, DiffOptions{}, ""},
		"missing":           {[]Entry{a, b}, []Entry{a}, DiffOptions{}, "-"},
		"extra":             {[]Entry{a}, []Entry{a, b}, DiffOptions{}, "+"},
		"one of two equal":  {[]Entry{a, a}, []Entry{a}, DiffOptions{}, "-"},
		"doubled":           {[]Entry{a}, []Entry{a, a, a}, DiffOptions{}, "+"},
		"flags":             {[]Entry{a}, []Entry{flagged}, DiffOptions{}, "+-"},
		"flags ignored":     {[]Entry{a}, []Entry{flagged}, DiffOptions{IgnoreFlags: true}, ""},
		"date":              {[]Entry{a}, []Entry{later}, DiffOptions{}, "-+"},
		"date ignored":      {[]Entry{a}, []Entry{later}, DiffOptions{IgnoreDates: true}, ""},
		"folder":            {[]Entry{a}, []Entry{moved}, DiffOptions{}, "-+"},
		"folder ignored":    {[]Entry{a}, []Entry{moved}, DiffOptions{IgnoreFolders: true}, ""},
		"folder translated": {[]Entry{a}, []Entry{moved}, DiffOptions{Path: func(string) string { return "x" }}, ""},
		"order":             {[]Entry{a, b}, []Entry{entry("INBOX", "b", 1), entry("INBOX", "a", 2, `\Seen`)}, DiffOptions{Order: true}, "~"},
	} {
		diff := Diff(test.want, test.got, test.opts)
		signs := ""
		for line := range strings.Lines(diff) {
			signs += line[:1]
		}
		if signs != test.signs {
			t.Errorf("%s: %q, want signs %q", name, diff, test.signs)
		}
	}
	if diff := Diff([]Entry{a}, []Entry{a, b, b}, DiffOptions{}); !strings.HasSuffix(diff, "() (2 times)") {
		t.Error(diff)
	}
}

func TestCorpus(t *testing.T) {
	names := map[string]bool{}
	marked := Marks{}
	for _, c := range Ugly() {
		if names[c.Name] {
			t.Errorf("%s: twice", c.Name)
		}
		names[c.Name] = true
		marked.BareLF = marked.BareLF || c.BareLF
		marked.BareCR = marked.BareCR || c.BareCR
		marked.NUL = marked.NUL || c.NUL
		marked.NoHeader = marked.NoHeader || c.NoHeader
		marked.NoBody = marked.NoBody || c.NoBody
		marked.Empty = marked.Empty || c.Empty
		marked.EightBitHeader = marked.EightBitHeader || c.EightBitHeader
		marked.EightBitBody = marked.EightBitBody || c.EightBitBody
		marked.LongLine = marked.LongLine || c.LongLine
		marked.Large = marked.Large || c.Large
		if c.Name == "plain" && c.Marks != (Marks{}) {
			t.Errorf("plain is marked %+v", c.Marks)
		}
		if harmless(c.Octets) && (c.Cyrus.Refused != "" || c.Dovecot.Refused != "") && !strings.Contains(c.Name, "name") && !strings.Contains(c.Name, "colon") {
			t.Errorf("%s: taken for harmless", c.Name)
		}
	}
	if (marked != Marks{true, true, true, true, true, true, true, true, true, true}) {
		t.Errorf("marks that no case has: %+v", marked)
	}
	if len(names) < 70 {
		t.Errorf("only %d cases", len(names))
	}
}

func TestGenerateIsStable(t *testing.T) {
	few, many := Generate(3, 20), Generate(3, 40)
	ids := map[string]bool{}
	for i, m := range many {
		if i < len(few) && Sum(m.Octets) != Sum(few[i].Octets) {
			t.Fatalf("message %d depends on the count", i)
		}
		if marksOf(m.Octets).odd() {
			t.Errorf("message %d is odd: %+v", i, marksOf(m.Octets))
		}
		header, _ := splitHeader(m.Octets)
		ids[string(fields(header, []string{"Message-ID"}, true))] = true
	}
	if len(ids) != len(many) {
		t.Errorf("%d Message-IDs for %d messages", len(ids), len(many))
	}
	if Sum(Generate(3, 1)[0].Octets) == Sum(Generate(4, 1)[0].Octets) {
		t.Error("the seed changes nothing")
	}
	var octets int
	for _, m := range GenerateMixed(1, 100) {
		octets += len(m.Octets)
	}
	if octets < 1<<20 {
		t.Errorf("100 mixed messages are only %d octets", octets)
	}
}

func TestSampleHasEverything(t *testing.T) {
	spec := Sample()
	empty, large := 0, 0
	for _, folder := range spec.Folders {
		if len(folder.Messages) == 0 {
			empty++
		}
		for _, m := range folder.Messages {
			if len(m.Octets) >= 3<<20-100 {
				large++
			}
		}
	}
	if empty != 1 || large != 1 || spec.Count() < 280 {
		t.Errorf("%d empty folders, %d large messages, %d in all", empty, large, spec.Count())
	}
}
