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
