package imaptest

import "bytes"

// Marks tells what is unusual about a message's octets.
type Marks struct {
	Empty          bool // no octets at all
	BareLF         bool // an LF without CR before it
	BareCR         bool // a CR without LF behind it
	NUL            bool
	NoHeader       bool // the first line is not a header field
	NoBody         bool // no empty line ends the header
	EightBitHeader bool // an octet >= 0x80 before the first empty line
	EightBitBody   bool // an octet >= 0x80 behind it
	LongLine       bool // a line above 998 octets (RFC 5322 section 2.1.1)
	Large          bool // 1 MiB and more
}

// odd: some server refuses or rewrites such messages.
func (m Marks) odd() bool {
	return m.Empty || m.BareLF || m.BareCR || m.NUL || m.NoHeader || m.NoBody || m.EightBitHeader
}

func marksOf(octets []byte) Marks {
	header, body := splitHeader(octets)
	m := Marks{
		Empty:          len(octets) == 0,
		NUL:            bytes.IndexByte(octets, 0) >= 0,
		NoHeader:       !field(octets),
		NoBody:         len(bytes.TrimRight(lastLine(header), "\r\n")) > 0,
		EightBitHeader: eightBit(header),
		EightBitBody:   eightBit(body),
		Large:          len(octets) >= 1<<20,
	}
	for line := range bytes.Lines(octets) {
		text, whole := bytes.CutSuffix(line, []byte("\r\n"))
		m.BareLF = m.BareLF || !whole && bytes.HasSuffix(line, []byte("\n"))
		m.BareCR = m.BareCR || bytes.IndexByte(text, '\r') >= 0
		m.LongLine = m.LongLine || len(text) > 998
	}
	return m
}

// field reports whether the first line is a header field: a name of printable
// octets, blanks perhaps, a colon.
func field(octets []byte) bool {
	line, _, _ := bytes.Cut(octets, []byte("\n"))
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return ok && len(name) > 0 && bytes.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func lastLine(octets []byte) []byte {
	trimmed := bytes.TrimSuffix(octets, []byte("\n"))
	return octets[bytes.LastIndexByte(trimmed, '\n')+1:]
}

func eightBit(octets []byte) bool {
	for _, b := range octets {
		if b >= 0x80 {
			return true
		}
	}
	return false
}
