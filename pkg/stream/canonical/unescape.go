package canonical

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

var escapable = [256]bool{'"': true, '\\': true, '/': true,
	'b': true, 'f': true, 'n': true, 'r': true, 't': true, 'u': true}

// Unescape appends the text of what Token returned to dst.
func Unescape(dst, token []byte) ([]byte, error) {
	for {
		n := bytes.IndexByte(token, '\\')
		if n < 0 {
			return append(dst, token...), nil
		}
		dst = append(dst, token[:n]...)
		if n+1 >= len(token) {
			return dst, errSyntax
		}
		c := token[n+1]
		token = token[n+2:]
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'u':
			r, rest, err := codePoint(token)
			if err != nil {
				return dst, err
			}
			dst, token = utf8.AppendRune(dst, r), rest
		default:
			return dst, errSyntax
		}
	}
}

// codePoint reads the four digits after \u, and the second half of a pair of
// surrogates. A lone half stands for no text at all and is refused.
func codePoint(b []byte) (rune, []byte, error) {
	r, ok := hex4(b)
	if !ok {
		return 0, nil, errSyntax
	}
	b = b[4:]
	if r < 0xd800 || r > 0xdfff {
		return r, b, nil
	}
	if r < 0xdc00 && len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
		if low, ok := hex4(b[2:]); ok && low >= 0xdc00 && low <= 0xdfff {
			return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, b[6:], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: half a surrogate pair", errSyntax)
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[:4]), 16, 32)
	return rune(v), err == nil && b[0] != '+' && b[0] != '-' && b[0] != '_'
}
