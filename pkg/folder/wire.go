package folder

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Every valid UTF-8 text is the name of exactly one canonical wire form. So a
// wire form that is not canonical cannot have a plain text for its name without
// taking it from another folder: what is odd in it is put in brackets, in
// place, and the text stays readable around it.
//
//	⟦ü⟧     characters sent as raw UTF-8
//	⟦&a b⟧  one base64 run that should not have been one
//	⟦&a%2Fb⟧ in it, what may be a delimiter: a hexadecimal octet
//	⟦&⟧     an "&" that begins nothing
//	⟦%E9⟧   octets in hexadecimal: not UTF-8, or a raw control character
//	⟦⟦⟧     the opening bracket itself, in a canonical name
//
// The brackets hold nothing that may be a delimiter, so that a name splits at its
// delimiter where its wire form does.
const (
	opening = "⟦"
	closing = "⟧"
)

// FromWire returns the UTF-8 name of a mailbox that a server spelt as wire. It
// is total, and injective: two wire forms never have one name. Canonical
// modified UTF-7 (RFC 3501 5.1.3) decodes to its text; what a server should not
// have sent (raw UTF-8, Latin-1, "a&b", printable characters in base64) stands
// in brackets, as in "Entw⟦ü⟧rfe": see Plain. The case of INBOX is kept.
func FromWire(wire string) string {
	if isPlainASCII(wire) {
		return wire
	}
	var name strings.Builder
	shifted := false // the octets just before were a plain base64 run
	for rest := wire; rest != ""; {
		var size int
		switch {
		case rest[0] == '&':
			size, shifted = writeAmpersand(&name, rest, shifted)
		case isPrintable(rest[0]):
			name.WriteByte(rest[0])
			size, shifted = 1, false
		default:
			size, shifted = writeRaw(&name, rest), false
		}
		rest = rest[size:]
	}
	return name.String()
}

// writeAmpersand writes what "&" begins at the start of s, and returns the
// octets taken and whether they were a base64 run in its right place.
func writeAmpersand(name *strings.Builder, s string, shifted bool) (size int, shift bool) {
	if strings.HasPrefix(s, "&-") {
		name.WriteByte('&')
		return 2, false
	}
	text, size, err := decodeShift(s)
	switch {
	case err != nil:
		name.WriteString(opening + "&" + closing)
		return 1, false
	case !shifted && !hasPrintable(text):
		name.WriteString(FromPlain(text))
		return size, true
	case !isQuiet(text):
		name.WriteString(opening + "&" + closing)
		return 1, false
	}
	name.WriteString(opening + "&")
	for i := range len(text) {
		if strings.IndexByte(delimiters, text[i]) >= 0 {
			fmt.Fprintf(name, "%%%02X", text[i])
		} else {
			name.WriteByte(text[i])
		}
	}
	name.WriteString(closing)
	return size, false
}

// delimiters are the characters that servers have between levels, and the one
// that escapes them.
const delimiters = `/.\^:|~#$!%`

// unescapeDelimiters is the inverse of what writeAmpersand does to text.
func unescapeDelimiters(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if octet, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				plain.WriteByte(octet[0])
				i += 2
				continue
			}
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

// isQuiet tells the text that may stand in brackets: it has none itself.
func isQuiet(text string) bool { return !strings.ContainsAny(text, opening+closing) }

// writeRaw writes the run of raw characters, or of raw octets, that s begins
// with, and returns its length.
func writeRaw(name *strings.Builder, s string) int {
	if size := rawText(s); size > 0 {
		name.WriteString(opening + s[:size] + closing)
		return size
	}
	size := 0
	for size < len(s) && !isPrintable(s[size]) && rawText(s[size:]) == 0 {
		size++
	}
	name.WriteString(opening + "%" + strings.ToUpper(hex.EncodeToString([]byte(s[:size]))) + closing)
	return size
}

// rawText counts the octets of valid UTF-8 outside ASCII at the start of s,
// brackets apart.
func rawText(s string) int {
	size := 0
	for size < len(s) && s[size] >= utf8.RuneSelf {
		r, n := utf8.DecodeRuneInString(s[size:])
		if r == utf8.RuneError && n == 1 || s[size:size+n] == opening || s[size:size+n] == closing {
			break
		}
		size += n
	}
	return size
}

// ToWire is the inverse of FromWire: the spelling of a name that FromWire
// gave, and modified UTF-7 for any other. A name that no wire form has is an
// error: one that is not valid UTF-8, or whose brackets FromWire would not have
// written.
func ToWire(name string) (string, error) {
	if !strings.Contains(name, opening) {
		return EncodeUTF7(name)
	}
	var wire []byte
	text := "" // what goes into one call of appendUTF7
	for _, p := range parts(name) {
		if p.kind == partText {
			text += p.text
			continue
		}
		wire = p.appendWire(appendUTF7(wire, text))
		text = ""
	}
	wire = appendUTF7(wire, text)
	if FromWire(string(wire)) != name {
		return "", fmt.Errorf("folder name %q: no wire form has this name", name)
	}
	return string(wire), nil
}

// FromPlain returns the name of the folder that text spells in modified UTF-7:
// text itself, but for the opening bracket. It is for text that a person wrote;
// Plain undoes it.
func FromPlain(text string) string {
	return strings.ReplaceAll(text, opening, opening+opening+closing)
}

// Plain returns name as a person would write it: without the brackets that
// FromWire puts around what a server spelt oddly ("Entw⟦ü⟧rfe" is "Entwürfe";
// octets that are no text stay in hexadecimal, "caf%E9"). It is the text to
// look for and to create on another server. It is not injective.
func Plain(name string) string {
	if !strings.Contains(name, opening) {
		return name
	}
	var plain strings.Builder
	for _, p := range parts(name) {
		plain.WriteString(p.plain())
	}
	return plain.String()
}

// WireToCreate returns how a server spells a folder that is created by name: Plain
// in modified UTF-7. A destination is asked for a folder by this spelling, a source
// by ToWire: what is odd in a name is how the source spells it.
func WireToCreate(name string) (string, error) { return EncodeUTF7(Plain(name)) }

// Alias returns Plain for a folder that can be found by it: "" where a level of it
// reads as several.
func Alias(name, delimiter string) string {
	plain := Plain(name)
	if delimiter != "" && strings.Count(plain, delimiter) != strings.Count(name, delimiter) {
		return ""
	}
	return plain
}

type partKind uint8

const (
	partText  partKind = iota // text in its right spelling
	partRaw                   // characters in raw UTF-8
	partShift                 // a base64 run; empty: a lone "&"
	partOctet                 // octets, in hexadecimal
)

// part is a stretch of a name between brackets, or outside of them.
type part struct {
	kind partKind
	text string
}

func (p part) appendWire(wire []byte) []byte {
	switch p.kind {
	case partShift:
		if p.text == "" {
			return append(wire, '&')
		}
		return appendShift(wire, p.text)
	case partOctet:
		octets, err := hex.DecodeString(p.text)
		if err != nil {
			return wire // no wire form then: ToWire compares
		}
		return append(wire, octets...)
	}
	return append(wire, p.text...)
}

func (p part) plain() string {
	switch {
	case p.kind == partShift && p.text == "":
		return "&"
	case p.kind == partOctet:
		return "%" + p.text
	}
	return p.text
}

// parts takes a name apart. A bracket that is never closed is text.
func parts(name string) (list []part) {
	for name != "" {
		before, rest, found := strings.Cut(name, opening)
		if before != "" {
			list = append(list, part{partText, before})
		}
		if !found {
			return list
		}
		inside, after, closed := strings.Cut(rest, closing)
		if !closed {
			return append(list, part{partText, opening + rest})
		}
		list = append(list, bracketed(inside))
		name = after
	}
	return list
}

func bracketed(inside string) part {
	switch {
	case inside == opening:
		return part{partText, opening}
	case strings.HasPrefix(inside, "&"):
		return part{partShift, unescapeDelimiters(inside[1:])}
	case strings.HasPrefix(inside, "%"):
		return part{partOctet, inside[1:]}
	}
	return part{partRaw, inside}
}
