package folder

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFromWire(t *testing.T) {
	for _, c := range []struct{ wire, name, plain string }{
		{"INBOX", "INBOX", "INBOX"},
		{"inbox", "inbox", "inbox"},
		{"Entw&APw-rfe", "Entwürfe", "Entwürfe"},
		{"A&-B", "A&B", "A&B"},
		{"esc&ABs-[2J", "esc\x1b[2J", "esc\x1b[2J"},
		// Canonical, but with our bracket in it.
		{"&J+Y-x&J+c-", "⟦⟦⟧x⟧", "⟦x⟧"},
		// Raw UTF-8.
		{"Entwürfe", "Entw⟦ü⟧rfe", "Entwürfe"},
		{"Привет/мир", "⟦Привет⟧/⟦мир⟧", "Привет/мир"},
		{"&AOk-ü", "é⟦ü⟧", "éü"},
		{"ü&AOk-", "⟦ü⟧é", "üé"},
		{"ü⟦x⟧", "⟦ü⟧⟦%E29FA6⟧x⟦%E29FA7⟧", "ü%E29FA6x%E29FA7"},
		// Other octets.
		{"caf\xe9", "caf⟦%E9⟧", "caf%E9"},
		{"\xe9\xe8é", "⟦%E9E8⟧⟦é⟧", "%E9E8é"},
		{"a\x00\tb", "a⟦%0009⟧b", "a%0009b"},
		{"\x7f", "⟦%7F⟧", "%7F"},
		// Ampersands.
		{"a&b", "a⟦&⟧b", "a&b"},
		{"R&D", "R⟦&⟧D", "R&D"},
		{"&", "⟦&⟧", "&"},
		{"&&-", "⟦&⟧&", "&&"},
		{"&AOk", "⟦&⟧AOk", "&AOk"},
		// Base64 that should not have been: Yandex writes the blank in it.
		{"&BB8EQAQ4BDIENQRCACAEPAQ4BEA-", "⟦&Привет мир⟧", "Привет мир"},
		{"&AGE-", "⟦&a⟧", "a"},
		{"&AOk-&AOo-", "é⟦&ê⟧", "éê"},
		{"&AOk-&AOo-&AOs-", "é⟦&ê⟧ë", "éêë"},
		{"&AC8-", "⟦&%2F⟧", "/"}, // "/" in base64 is no delimiter
		{"&BBAEMQQyACYEMwQ0BDU-", "⟦&Абв&где⟧", "Абв&где"},
		{"&BBAEMQQy-&-&BDMENAQ1-", "Абв&где", "Абв&где"},
		{"&BBAEMQQyAC4AIAQzBDQENQ-", "⟦&Абв%2E где⟧", "Абв. где"},
		{"&BBAAJQA-", "⟦&⟧BBAAJQA-", "&BBAAJQA-"},
		{"&BBAAJQ-", "⟦&А%25⟧", "А%"},
		{"&BBAAKAAtACk-", "⟦&А(-)⟧", "А(-)"},
		{"&AOk-&J+Y-", "é⟦&⟧J+Y-", "é&J+Y-"},
		{"&2D0-", "⟦&⟧2D0-", "&2D0-"},
		{"&AOl-", "⟦&⟧AOl-", "&AOl-"},
	} {
		name := FromWire(c.wire)
		if name != c.name {
			t.Errorf("FromWire(%q) = %q, want %q", c.wire, name, c.name)
		}
		if plain := Plain(name); plain != c.plain {
			t.Errorf("Plain(%q) = %q, want %q", name, plain, c.plain)
		}
		if wire, err := ToWire(name); err != nil || wire != c.wire {
			t.Errorf("ToWire(%q) = %q, %v; want %q", name, wire, err, c.wire)
		}
	}
}

func TestToWireRefuses(t *testing.T) {
	for _, name := range []string{"\xff", "⟦ü⟧\xff", "⟦", "a⟦b", "⟦⟧", "⟦a⟧", "⟦%⟧", "⟦%4⟧", "⟦%41⟧", "⟦%e9⟧", "⟦%ZZ⟧", "⟦&⟧AOk-", "⟦&⟧-", "⟦&é⟧", "⟦ü⟧⟦ö⟧", "⟦%C3BC⟧", "⟦&a/b⟧", "⟦&a.⟧", "⟦&a%⟧", "⟦&a%2f⟧", "⟦&a%41⟧"} {
		if wire, err := ToWire(name); err == nil {
			t.Errorf("ToWire(%q) = %q, no error; FromWire gives %q", name, wire, FromWire(wire))
		}
	}
}

// Folders below one another on the wire are below one another by name.
func TestFromWireKeepsLevels(t *testing.T) {
	for _, delimiter := range []string{"/", ".", "\\", "|", "^"} {
		for wire := range nastyNames() {
			for _, other := range []string{"x", "&AOk-", "&AOo-x", "ü", "\xe9", "&", "&-", "&AGE-", "AOk-", "-", ""} {
				both := wire + delimiter + other
				if got, want := FromWire(both), FromWire(wire)+delimiter+FromWire(other); got != want {
					t.Fatalf("FromWire(%q) = %q, want %q", both, got, want)
				}
			}
		}
	}
}

// nastyNames yields wire forms, canonical and not, each once.
func nastyNames() map[string]bool {
	set := map[string]bool{}
	add := func(list ...string) {
		for _, s := range list {
			set[s] = true
		}
	}
	add("INBOX", "inbox", "InBox", ".", "..", "/abs", "a/../../b", "CON", "NUL", "a//b", "trailing/", " lead", "trail ", "a  b",
		"%", "*", "a*b", "foo%", `"`, `\`, `a"b\c`, "(x)", "{3}", "{3+}", "[Gmail]", "[Gmail]/All Mail", "NIL", "nil", "~", "#news.x", "=?utf-8?q?x?=",
		"-", "--", "&-", "&--", "&-&-", strings.Repeat("x", 300), strings.Repeat("&AOk-x", 60), "a:b", "a;b", "a,b", "$(id)", "`id`", "'", "a|b", "<x>")
	for r := range rune(0x100) { // each octet, bare and spelt
		if canonical, err := EncodeUTF7("x" + string(r) + "y"); err == nil {
			add(canonical)
		}
		add("x" + string([]byte{byte(r)}) + "y")
		add("x" + string(r) + "y")
	}
	for _, text := range []string{"é", "e\u0301", "日本語", "😀", "\u202egnp", "\u200b", "\ufeff", "\ufffd", "\uffff", "⟦", "⟧", "⟦⟧", "⟦x⟧", "⟦&⟧", "⟦%E9⟧", "⟦⟦⟧", "ﬁ", "İ", "ß", "K"} {
		canonical, _ := EncodeUTF7(text)
		add(canonical, text, canonical+canonical, text+canonical, canonical+text, "&"+text, canonical+"&", string(appendShift(nil, "a"+text)), string(appendShift(nil, text+" b")))
	}
	add("&", "&&", "&&&", "a&b", "&a", "&AOk", "&AOk-&AOo-", "&AOk-&-&AOo-", "&AGE-", "&ACY-", "&AC8-", "&AC4-", "&2D0-", "&3gA-", "&2D3eAA", "&A-", "&AO-", "&AOl-", "&AOkA-",
		"caf\xe9", "\xff\xfe", "\xed\xa0\x80", "\xc3", "\xf0\x9f\x98", "\xe2\x9f\xa6", "\xe2\x9f", "a\r\nb", "\x1b[2J", "\x80\x81ü\x82")
	return set
}

func TestNastyNamesRoundTrip(t *testing.T) {
	wires := nastyNames()
	if len(wires) < 200 {
		t.Fatalf("only %d names", len(wires))
	}
	by := map[string]string{}
	for wire := range wires {
		name := FromWire(wire)
		if !utf8.ValidString(name) {
			t.Errorf("FromWire(%q) = %q is not valid UTF-8", wire, name)
		}
		if back, err := ToWire(name); err != nil || back != wire {
			t.Errorf("ToWire(FromWire(%q)) = %q, %v", wire, back, err)
		}
		if other, taken := by[name]; taken {
			t.Errorf("%q and %q have one name, %q", wire, other, name)
		}
		by[name] = wire
		if text, err := DecodeUTF7(wire); err == nil && Plain(name) != text {
			t.Errorf("Plain(FromWire(%q)) = %q, want the decoded %q", wire, Plain(name), text)
		}
	}
}

// That ToWire undoes FromWire proves that no two wire forms have one name.
func FuzzFromWire(f *testing.F) {
	for wire := range nastyNames() {
		f.Add(wire, "a")
	}
	f.Add("&AOk-", "é")
	f.Fuzz(func(t *testing.T, a, b string) {
		name := FromWire(a)
		if !utf8.ValidString(name) {
			t.Errorf("FromWire(%q) = %q is not valid UTF-8", a, name)
		}
		if back, err := ToWire(name); err != nil || back != a {
			t.Errorf("ToWire(FromWire(%q)) = %q, %v", a, back, err)
		}
		if a != b && name == FromWire(b) {
			t.Errorf("FromWire(%q) = FromWire(%q) = %q", a, b, name)
		}
		if text, err := DecodeUTF7(a); err == nil && (Plain(name) != text || FromPlain(text) != name) {
			t.Errorf("%q: name %q, plain %q, text %q", a, name, Plain(name), text)
		}
		if wire, err := ToWire(a); err == nil && FromWire(wire) != a {
			t.Errorf("FromWire(ToWire(%q)) = %q", a, FromWire(wire))
		}
	})
}

func ExampleFromWire() {
	fmt.Println(FromWire("Entw&APw-rfe"), FromWire("Entwürfe"), FromWire("R&D"), FromWire("caf\xe9"))
	// Output: Entwürfe Entw⟦ü⟧rfe R⟦&⟧D caf⟦%E9⟧
}

func BenchmarkFromWire(b *testing.B) {
	for b.Loop() {
		FromWire("Archive/2019/Projects")
		FromWire("Archiv/&BB8EQAQ4BDIENQRC-/2019")
	}
}
