package transform

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxEncoded is the longest encoded word (RFC 2047 2), in octets.
const maxEncoded = 75

// encodeWords encodes text in as many words as it takes, a blank between two. What is
// no UTF-8 is in a charset that nobody told: "unknown-8bit" (RFC 1428 3).
func encodeWords(text []byte) []byte {
	charset := "utf-8"
	if !utf8.Valid(text) {
		charset = "unknown-8bit"
	}
	room := maxEncoded - len("=??q??=") - len(charset)
	var out []byte
	if 2*countSpecial(text) <= len(text) { // people can read most of it
		out = encodeQ(text, charset, room)
	} else {
		for len(text) > 0 {
			n := wholeRunes(text, room/4*3)
			out = appendWord(out, charset, 'b', base64.StdEncoding.EncodeToString(text[:n]))
			text = text[n:]
		}
	}
	return out
}

func appendWord(out []byte, charset string, encoding byte, text string) []byte {
	if len(out) > 0 {
		out = append(out, ' ')
	}
	return fmt.Appendf(out, "=?%s?%c?%s?=", charset, encoding, text)
}

// encodeQ is the "Q" encoding, as it may stand in a phrase (RFC 2047 5).
func encodeQ(text []byte, charset string, room int) (out []byte) {
	var word []byte
	for len(text) > 0 {
		n := wholeRunes(text, utf8.UTFMax)
		if _, size := utf8.DecodeRune(text); size < n {
			n = size
		}
		var code []byte
		for _, c := range text[:n] {
			switch {
			case c == ' ':
				code = append(code, '_')
			case isPlainQ(c):
				code = append(code, c)
			default:
				code = fmt.Appendf(code, "=%02X", c)
			}
		}
		if len(word)+len(code) > room {
			out = appendWord(out, charset, 'q', string(word))
			word = word[:0]
		}
		word = append(word, code...)
		text = text[n:]
	}
	return appendWord(out, charset, 'q', string(word))
}

// isPlainQ tells what stands for itself in the "Q" encoding.
func isPlainQ(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
		bytes.IndexByte([]byte("!*+-/"), c) >= 0
}

func countSpecial(text []byte) (n int) {
	for _, c := range text {
		if c != ' ' && !isPlainQ(c) {
			n++
		}
	}
	return n
}

// wholeRunes is how much of the first n octets of text ends between two
// characters: at least one octet.
func wholeRunes(text []byte, n int) int {
	if n >= len(text) {
		return len(text)
	}
	for back := n; back > max(0, n-utf8.UTFMax); back-- {
		if utf8.RuneStart(text[back]) {
			return back
		}
	}
	return max(n, 1)
}

// encodeText encodes the words of an unstructured text (RFC 5322 2.2.1) that
// need it, and the blanks between two of them: those are no text where encoded
// words stand side by side.
func encodeText(text []byte, needs func(word []byte) bool) []byte {
	var out []byte
	for len(text) > 0 {
		blank := len(text) - len(bytes.TrimLeft(text, " \t"))
		end := wordEnd(text, blank)
		if end == blank || !needs(text[blank:end]) {
			out = append(out, text[:end]...)
			text = text[end:]
			continue
		}
		// What is said by neighbours is said in one.
		for {
			gap := end + len(text[end:]) - len(bytes.TrimLeft(text[end:], " \t"))
			next := wordEnd(text, gap)
			if next == gap || !needs(text[gap:next]) {
				break
			}
			end = next
		}
		start := blank
		if bytes.HasSuffix(out, []byte("?=")) && blank > 0 {
			start = blank - 1 // a blank behind an encoded word of the text's own
		}
		out = append(append(out, text[:blank]...), encodeWords(text[start:end])...)
		if rest := text[end:]; len(rest) > 0 && bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("=?")) {
			out = append(out, ' ')
			out = append(out, encodeWords(rest[:1])...)
		}
		text = text[end:]
	}
	return out
}

// wordEnd is where the word ends that begins at from.
func wordEnd(text []byte, from int) int {
	if n := bytes.IndexAny(text[from:], " \t"); n >= 0 {
		return from + n
	}
	return len(text)
}

func has8Bit(p []byte) bool {
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// mask makes each octet from 0x80 an X.
func mask(p []byte) []byte {
	out := bytes.Clone(p)
	for i, c := range out {
		if c >= 0x80 {
			out[i] = 'X'
		}
	}
	return out
}

// lineLength is how long the lines of a field are kept: what RFC 2047 2 asks for
// where there are encoded words.
const lineLength = 76

// fold makes a field of a name and a value, with line ends before blanks where
// lines get longer than limit. A line of nothing but blanks is never made.
func fold(name string, value []byte, limit int, eol string) []byte {
	out := append([]byte(name), ':')
	value = bytes.Trim(value, " \t")
	if len(value) > 0 {
		value = slices.Concat([]byte{' '}, value)
	}
	column := len(out)
	for first := true; len(value) > 0; first = false {
		blank := len(value) - len(bytes.TrimLeft(value, " \t"))
		end := wordEnd(value, blank)
		// Nothing but an encoded word is moved away from the name.
		if column+end > limit && (!first || bytes.HasPrefix(value[blank:], []byte("=?"))) {
			out = append(out, eol...)
			column = 0
		}
		out = append(out, value[:end]...)
		column += end
		value = value[end:]
	}
	return append(out, eol...)
}
