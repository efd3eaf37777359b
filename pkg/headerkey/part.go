package headerkey

import "bytes"

// part is what a word of a recipe takes of a slot.
type part struct {
	slot  int  // its index
	local bool // LocalID
}

// parts finds the slots of words.
func (s *Scanner) parts(words []string) (parts []part) {
	for _, word := range words {
		parts = append(parts, part{s.index(fieldOf(word)), word == LocalID})
	}
	return parts
}

// appendMaterial appends what is hashed of the slot.
func (p part) appendMaterial(dst []byte, f *slot) []byte {
	if !p.local {
		return f.appendMaterial(dst)
	}
	for value := range f.values() {
		dst = append(append(dst, LocalID...), ':')
		start := len(dst)
		dst = appendNormal(dst, value)
		dst = append(localPart(dst, start), '\n')
	}
	return dst
}

// identifies reports whether the word is about Message-ID, and what it takes of
// that names a message.
func (p part) identifies(f *slot) bool {
	if f.name != messageID {
		return false
	}
	for value := range f.values() {
		if p.local {
			if at := bytes.LastIndexByte(value, '@'); at >= 0 {
				value = value[:at]
			}
		}
		if namesMessage(value) {
			return true
		}
	}
	return false
}

// namesMessage reports whether the raw value of a Message-ID, or a part of it, holds a
// digit or a letter other than X, which stands for any masked octet. "<>" and "<@>" name
// nothing.
func namesMessage(id []byte) bool {
	for _, c := range id {
		c = toLower(c)
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' && c != 'x' {
			return true
		}
	}
	return false
}

// localPart cuts the normal form of a Message-ID, which begins at start, before
// its last "@", or without one before the ">" at its end.
func localPart(dst []byte, start int) []byte {
	id := dst[start:]
	if at := bytes.LastIndexByte(id, '@'); at >= 0 {
		id = id[:at]
	} else {
		id = bytes.TrimSuffix(id, []byte{'>'})
	}
	return dst[:start+len(id)]
}
