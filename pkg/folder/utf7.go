package folder

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// alphabet is the modified base64 of RFC 3501 5.1.3: "," in place of "/", and
// no padding.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,"

// sextet maps an octet to its value in alphabet, or -1.
var sextet = func() (t [256]int8) {
	for i := range t {
		t[i] = int8(strings.IndexByte(alphabet, byte(i)))
	}
	return t
}()

// EncodeUTF7 returns name in modified UTF-7 (RFC 3501 5.1.3), the only
// spelling that DecodeUTF7 takes for it. A name that is not valid UTF-8 is an
// error.
func EncodeUTF7(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("folder name %q is not valid UTF-8", name)
	}
	if isPlainASCII(name) {
		return name, nil
	}
	return string(appendUTF7(nil, name)), nil
}

// appendUTF7 appends the encoding of valid UTF-8 to dst.
func appendUTF7(dst []byte, name string) []byte {
	for len(name) > 0 {
		if run := shiftedRun(name); run > 0 {
			dst = appendShift(dst, name[:run])
			name = name[run:]
			continue
		}
		dst = append(dst, name[0])
		if name[0] == '&' {
			dst = append(dst, '-')
		}
		name = name[1:]
	}
	return dst
}

// shiftedRun counts the octets at the start of s that go into one base64 run.
func shiftedRun(s string) int {
	n := 0
	for n < len(s) && !isPrintable(s[n]) {
		n++
	}
	return n
}

// appendShift appends text as one base64 run, "&" and "-" included. Text may
// hold any character: a tolerant reader wants to write back what it met.
func appendShift(dst []byte, text string) []byte {
	dst = append(dst, '&')
	var bits uint32
	var have uint
	for _, r := range text {
		units := [2]uint16{uint16(r)}
		count := 1
		if r > 0xFFFF {
			high, low := utf16.EncodeRune(r)
			units, count = [2]uint16{uint16(high), uint16(low)}, 2
		}
		for _, unit := range units[:count] {
			bits = bits<<16 | uint32(unit)
			for have += 16; have >= 6; have -= 6 {
				dst = append(dst, alphabet[bits>>(have-6)&63])
			}
		}
	}
	if have > 0 {
		dst = append(dst, alphabet[bits<<(6-have)&63])
	}
	return append(dst, '-')
}

// DecodeUTF7 returns the name that wire spells in modified UTF-7 (RFC 3501
// 5.1.3). It is strict: whatever EncodeUTF7 would not have written is an error
// (8-bit and control octets, "&" without its end, printable characters in
// base64, two adjacent base64 runs, stray padding bits, lone surrogates), so
// no two wire forms have one name.
func DecodeUTF7(wire string) (string, error) {
	if isPlainASCII(wire) {
		return wire, nil
	}
	name := make([]byte, 0, len(wire))
	shifted := false // the octets just before were a base64 run
	for rest := wire; rest != ""; {
		size := 1
		switch {
		case !isPrintable(rest[0]):
			return "", decodeError(wire, rest, "an octet that is not printable ASCII")
		case rest[0] != '&':
			name = append(name, rest[0])
			shifted = false
		case strings.HasPrefix(rest, "&-"):
			name = append(name, '&')
			shifted, size = false, 2
		case shifted:
			return "", decodeError(wire, rest, "two base64 runs in a row")
		default:
			text, n, err := decodeShift(rest)
			if err == nil && hasPrintable(text) {
				err = errors.New("printable ASCII written in base64")
			}
			if err != nil {
				return "", decodeError(wire, rest, err.Error())
			}
			name = append(name, text...)
			shifted, size = true, n
		}
		rest = rest[size:]
	}
	return string(name), nil
}

func decodeError(wire, rest, what string) error {
	return fmt.Errorf("folder name %q is not modified UTF-7: %s at octet %d", wire, what, len(wire)-len(rest))
}

// decodeShift decodes the base64 run at the start of s, which begins with "&"
// but not with "&-". It returns the text and the octets taken. Printable
// characters are let through.
func decodeShift(s string) (text string, size int, err error) {
	end := 1
	for end < len(s) && sextet[s[end]] >= 0 {
		end++
	}
	if end == 1 || end == len(s) || s[end] != '-' {
		return "", 0, errors.New(`"&" that begins no base64 run`)
	}
	units, ok := decodeBase64(s[1:end])
	if !ok {
		return "", 0, errors.New("base64 with stray bits")
	}
	runes, ok := decodeUTF16(units)
	if !ok {
		return "", 0, errors.New("a lone surrogate")
	}
	return string(runes), end + 1, nil
}

// decodeBase64 returns the 16-bit units; ok is false when the last sextet
// holds more than the padding needs, or bits other than 0.
func decodeBase64(s string) (units []uint16, ok bool) {
	units = make([]uint16, 0, len(s)*6/16)
	var bits uint32
	var have uint
	for i := range len(s) {
		bits = bits<<6 | uint32(sextet[s[i]])
		if have += 6; have >= 16 {
			have -= 16
			units = append(units, uint16(bits>>have))
		}
	}
	return units, have < 6 && bits&(1<<have-1) == 0
}

// decodeUTF16 refuses the surrogates that utf16.Decode would replace.
func decodeUTF16(units []uint16) (runes []rune, ok bool) {
	runes = make([]rune, 0, len(units))
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) {
			if i++; i == len(units) {
				return nil, false
			}
			if r = utf16.DecodeRune(r, rune(units[i])); r == utf8.RuneError {
				return nil, false
			}
		}
		runes = append(runes, r)
	}
	return runes, true
}

// isPrintable tells the octets that stand for themselves, "&" apart.
func isPrintable(c byte) bool { return c >= 0x20 && c <= 0x7E }

// isPlainASCII tells the names whose two spellings are the same.
func isPlainASCII(s string) bool {
	for i := range len(s) {
		if !isPrintable(s[i]) || s[i] == '&' {
			return false
		}
	}
	return true
}

func hasPrintable(s string) bool {
	for i := range len(s) {
		if isPrintable(s[i]) {
			return true
		}
	}
	return false
}
