package imaptest

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// utf7Base64 is the alphabet of RFC 3501 section 5.1.3: "," in place of "/",
// and no padding.
var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding)

// encodeUTF7 writes a UTF-8 mailbox name as it goes over the wire.
func encodeUTF7(name string) string {
	var out strings.Builder
	var shifted []rune
	flush := func() {
		if len(shifted) == 0 {
			return
		}
		var octets []byte
		for _, unit := range utf16.Encode(shifted) {
			octets = append(octets, byte(unit>>8), byte(unit))
		}
		out.WriteString("&" + utf7Base64.EncodeToString(octets) + "-")
		shifted = shifted[:0]
	}
	for _, r := range name {
		if r < 0x20 || r > 0x7e {
			shifted = append(shifted, r)
			continue
		}
		flush()
		if r == '&' {
			out.WriteString("&-")
		} else {
			out.WriteRune(r)
		}
	}
	flush()
	return out.String()
}

// decodeUTF7 is forgiving, for an oracle must show whatever a server lists: a
// shift that cannot be decoded stays as it is.
func decodeUTF7(wire string) string {
	var out strings.Builder
	for wire != "" {
		start := strings.IndexByte(wire, '&')
		if start < 0 {
			out.WriteString(wire)
			break
		}
		out.WriteString(wire[:start])
		wire = wire[start:]
		end := strings.IndexByte(wire, '-')
		if end < 0 {
			out.WriteString(wire)
			break
		}
		out.WriteString(decodeShift(wire[:end+1]))
		wire = wire[end+1:]
	}
	return out.String()
}

func decodeShift(shift string) string {
	if shift == "&-" {
		return "&"
	}
	octets, err := utf7Base64.DecodeString(shift[1 : len(shift)-1])
	if err != nil || len(octets)%2 != 0 {
		return shift
	}
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	return string(utf16.Decode(units))
}
