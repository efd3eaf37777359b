package header

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		" plain \t text\r ":                                     "plain text",
		"=?utf-8?q?Gr=C3=BC=C3=9Fe?=":                           "Grüße",
		"=?UTF-8?B?R3LDvMOfZQ==?=":                              "Grüße",
		"=?UTF-8?B?R3LDvMOfZQ?= without padding":                "Grüße without padding",
		"=?iso-8859-1?Q?J=F6rg_M?= <j@x>":                       "Jörg M <j@x>",
		"=?iso-8859-1*de?Q?J=F6rg?=":                            "Jörg",
		`"=?utf-8?q?Ren=C3=A9e?=" <r@x>`:                        `"Renée" <r@x>`,
		"=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=":              "Grüße", // a character cut in two
		"=?utf-8?q?a?=\r =?iso-8859-1?q?=FC?= =?utf-8?q?b?= c":  "aüb c",
		"=?utf-8?q?a?= and =?utf-8?q?b?=":                       "a and b",
		"=?utf-8?q?a?==?utf-8?q?b?=":                            "ab",
		"=?nonesuch?q?a?= =?utf-8?q?b?=":                        "=?nonesuch?q?a?= b",
		"=?utf-8?q?a b?= =?utf-8?x?c?= =?utf-8?b?*?=":           "a b =?utf-8?x?c?= =?utf-8?b?*?=",
		"=?utf-8?q?=ZZ=4?= =? =?utf-8 =?utf-8?q =?utf-8?q?open": "=ZZ=4 =? =?utf-8 =?utf-8?q =?utf-8?q?open",
		"=?utf-8?q?two=0D=0A_lines?=":                           "two lines",
		"=?utf-8?q??= x":                                        "x",
		"=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=":                    "日本語",
		"raw \xfc octet":                                        "raw \xfc octet",
		"":                                                      "",
	} {
		if got := string(Text([]byte(value))); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// A hostile value costs no more than its length allows.
func TestTextIsLinear(t *testing.T) {
	for _, unit := range []string{"=?", "=?u?q?", "=?utf-8?q?", "=?utf-8?q?=C3?= ", "=?a?b?c?= ", "?="} {
		Text([]byte(strings.Repeat(unit, 1<<20/len(unit))))
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("=?utf-8?q?a?= =?iso-8859-1?b?/A==?= x"))
	f.Fuzz(func(t *testing.T, value []byte) {
		text := string(Text(value))
		if strings.ContainsAny(text, "\r\n\t") || text != strings.Trim(text, " ") || strings.Contains(text, "  ") {
			t.Errorf("%q is %q", value, text)
		}
	})
}

// Control characters are no digits, though they differ from them in one bit only.
func TestHexDigit(t *testing.T) {
	for c := range 256 {
		want := strings.Index("0123456789abcdef", strings.ToLower(string(rune(c))))
		if got := HexDigit(byte(c)); got != want {
			t.Errorf("%q is %d, want %d", rune(c), got, want)
		}
	}
}
