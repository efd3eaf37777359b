package headerkey

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

// appendNormal appends a raw value in its normal form to dst.
func appendNormal(dst, raw []byte) []byte {
	start := len(dst)
	gap, x := false, false // a blank is due; the last octet was X
	for _, c := range raw {
		class := valueClass[c]
		if class == blank {
			gap = true
			continue
		}
		if gap && len(dst) > start {
			dst = append(dst, ' ')
			x = false
		}
		gap = false
		if class == masked {
			if x {
				continue
			}
			c = 'X'
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		x = class == masked
		dst = append(dst, c)
	}
	return dst
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
