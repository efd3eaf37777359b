package search

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold returns s in the form in which texts are compared: characters in their
// compatibility decomposition, each in lower case. Octets that are no UTF-8 stay
// as they are.
func fold(s string) []byte {
	folded, _ := appendFold(nil, []byte(s), true)
	return folded
}

// appendFold appends text in its folded form to dst. rest is a character that
// was cut at the end of text: more of it is to come unless last is set.
func appendFold(dst, text []byte, last bool) (_, rest []byte) {
	for len(text) > 0 {
		if n := leadingASCII(text); n > 0 {
			dst = append(dst, text[:n]...)
			lowerASCII(dst[len(dst)-n:])
			text = text[n:]
			continue
		}
		if !last && !utf8.FullRune(text) {
			break
		}
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError {
			dst = append(dst, text[:size]...)
		} else if parts := norm.NFKD.Properties(text[:size]).Decomposition(); parts == nil {
			dst = utf8.AppendRune(dst, lower(r))
		} else {
			for len(parts) > 0 {
				r, n := utf8.DecodeRune(parts)
				dst = utf8.AppendRune(dst, lower(r))
				parts = parts[n:]
			}
		}
		text = text[size:]
	}
	return dst, text
}

// lower makes one of all forms that a letter has, such as both small sigmas.
func lower(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

func leadingASCII(text []byte) int {
	for i, c := range text {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(text)
}

// lowerASCII changes p in place.
func lowerASCII(p []byte) {
	for i, c := range p {
		if c-'A' < 26 {
			p[i] = c | 0x20
		}
	}
}
