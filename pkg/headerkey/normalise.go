package headerkey

import "slices"

// The octets that normalisation changes.
const (
	plain = iota
	blank
	masked // NUL, 8-bit, and the X that they become
	cr     // in a whole message; in a value it is a blank
)

var valueClass, bodyClass = classes()

func classes() (value, body [256]uint8) {
	for _, c := range " \t\r\v\f" {
		value[c] = blank
	}
	for c := 0x80; c <= 0xFF; c++ {
		value[c], body[c] = masked, masked
	}
	for _, c := range "\x00X" {
		value[c], body[c] = masked, masked
	}
	value['x'] = masked
	body['\r'] = cr
	return value, body
}

// valueNormal is what each octet of a value becomes, before runs are made one.
var valueNormal = func() (normal [256]byte) {
	for i := range normal {
		c := byte(i)
		switch {
		case valueClass[c] == blank:
			c = ' '
		case valueClass[c] == masked:
			c = 'X'
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		normal[i] = c
	}
	return normal
}()

// appendNormal appends a raw value in its normal form to dst.
func appendNormal(dst, raw []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(raw))
	normal := dst[start : start+len(raw)]
	n := 0
	last := byte(' ')
	for _, c := range raw {
		c = valueNormal[c]
		if c == last && (c == ' ' || c == 'X') {
			continue
		}
		normal[n], last = c, c
		n++
	}
	if n > 0 && last == ' ' {
		n--
	}
	return dst[:start+n]
}

// isBlank tells that a stretch of a value holds white space only.
func isBlank(raw []byte) bool {
	for _, c := range raw {
		if valueClass[c] != blank {
			return false
		}
	}
	return true
}
