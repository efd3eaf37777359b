package folder

import (
	"strings"
	"testing"
)

func TestUTF7(t *testing.T) {
	for name, wire := range map[string]string{
		"":                    "",
		"INBOX":               "INBOX",
		"A&B":                 "A&-B",
		"&":                   "&-",
		"&&":                  "&-&-",
		"é":                   "&AOk-",
		"é&":                  "&AOk-&-",
		"&é":                  "&-&AOk-",
		"é-":                  "&AOk--",
		"éa":                  "&AOk-a",
		"台北":                  "&U,BTFw-",
		"~peter/mail/台北/日本語":  "~peter/mail/&U,BTFw-/&ZeVnLIqe-", // the example of RFC 3501 5.1.3
		"Entwürfe":            "Entw&APw-rfe",
		"Messages envoyés":    "Messages envoy&AOk-s",
		"☺!":                  "&Jjo-!",
		"😀":                   "&2D3eAA-",
		"a\tb":                "a&AAk-b",
		"esc\x1b[2J":          "esc&ABs-[2J",
		"nl\nx":               "nl&AAo-x",
		"\x00":                "&AAA-",
		"\x7f":                "&AH8-",
		"\u202e":              "&IC4-",
		"\ufffd":              "&,,0-",
		"\uffff":              "&,,8-",
		"\U0010ffff":          "&2,,f,w-",
		`quote " back \ * % `: `quote " back \ * % `,
	} {
		if got, err := EncodeUTF7(name); err != nil || got != wire {
			t.Errorf("EncodeUTF7(%q) = %q, %v; want %q", name, got, err, wire)
		}
		if got, err := DecodeUTF7(wire); err != nil || got != name {
			t.Errorf("DecodeUTF7(%q) = %q, %v; want %q", wire, got, err, name)
		}
	}
}

func TestDecodeUTF7Refuses(t *testing.T) {
	for what, wires := range map[string][]string{
		"8-bit":               {"Entwürfe", "caf\xe9", "é&AOk-"},
		"control":             {"a\tb", "\x00", "\x7f", "a\nb"},
		"bare ampersand":      {"&", "a&b", "R&D", "a &", "&&", "& -", "&=-", "&/-"},
		"no end":              {"&AOk", "&AOk b", "&AOk/x"},
		"null shift":          {"&AOk-&AOo-", "x&AOk-&AOo-y"},
		"printable in base64": {"&AGE-", "&ACY-", "&AOkAYQ-", "&ACAAIA-", "&AH4-"},
		"stray bits":          {"&AOl-", "&AOkA-", "&AO-", "&A-", "&AOkAA-", "&AOn-"},
		"lone surrogate":      {"&2AA-", "&3AA-", "&2D0-", "&3gDYPQ-", "&2D3YPQ-"},
		"padding":             {"&AOk=-", "&AOk==-"},
	} {
		for _, wire := range wires {
			if name, err := DecodeUTF7(wire); err == nil {
				t.Errorf("%s: DecodeUTF7(%q) = %q, no error", what, wire, name)
			}
		}
	}
}

func TestEncodeUTF7RefusesInvalidUTF8(t *testing.T) {
	for _, name := range []string{"\xe9", "a\xffb", "\xed\xa0\x80", "é\xc3"} {
		if wire, err := EncodeUTF7(name); err == nil {
			t.Errorf("EncodeUTF7(%q) = %q, no error", name, wire)
		}
	}
}

func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"", "&", "é", "&AOk-", "&AOk-&AOo-", "a&b", "\x00", "😀x台", "\xff", "&2D0-", "⟦&⟧"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if wire, err := EncodeUTF7(s); err == nil {
			if name, err := DecodeUTF7(wire); err != nil || name != s {
				t.Errorf("Decode(Encode(%q)) = %q, %v", s, name, err)
			}
			if !isASCIIOnly(wire) {
				t.Errorf("Encode(%q) = %q is not printable ASCII", s, wire)
			}
		}
		if name, err := DecodeUTF7(s); err == nil {
			if wire, err := EncodeUTF7(name); err != nil || wire != s {
				t.Errorf("Encode(Decode(%q)) = %q, %v", s, wire, err)
			}
		}
	})
}

func isASCIIOnly(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7E })
}

func BenchmarkUTF7(b *testing.B) {
	for b.Loop() {
		name, err := DecodeUTF7("Archiv/&BB8EQAQ4BDIENQRC-/2019")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := EncodeUTF7(name); err != nil {
			b.Fatal(err)
		}
	}
}
