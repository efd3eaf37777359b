package header

import "bytes"

// MaxName is the longest field name that counts, in octets: a header line has
// no more (RFC 5322 2.1.1).
const MaxName = 998

// Sink takes the fields of a header as a Parser meets them.
type Sink interface {
	// Begin starts a field. The name is as it was spelt, without the blanks
	// before the colon, not checked, and valid during the call only.
	Begin(name []byte)
	// Value gives more of the field's value: line ends are left out, but for
	// CRs, and continuations follow on.
	Value(p []byte)
	// End ends the field: a Begin came before, and nothing else of it will.
	End()
}

type parserState uint8

const (
	atLine  parserState = iota // at the beginning of a line
	atCR                       // CRs only so far in this line
	inName                     // before the colon
	inValue                    // after it
	inSkip                     // in a line that counts for nothing
)

// Parser splits a header into fields, whatever the chunks that it comes in. It
// keeps at most one field name.
type Parser struct {
	sink  Sink
	state parserState
	open  bool   // a field has begun, and lines may continue it
	done  bool   // the empty line was met
	name  []byte // of the field whose colon is still to come
}

// NewParser returns a Parser at the beginning of a header.
func NewParser(sink Sink) *Parser { return &Parser{sink: sink} }

// Reset brings h to the beginning of another header.
func (h *Parser) Reset() {
	h.state, h.open, h.done = atLine, false, false
	h.name = h.name[:0]
}

// Done tells that the empty line after the header was met.
func (h *Parser) Done() bool { return h.done }

// Parse takes more octets up to the end of the header, and ignores the rest.
func (h *Parser) Parse(p []byte) {
	for len(p) > 0 && !h.done {
		switch h.state {
		case atLine:
			p = h.lineStart(p)
		case atCR:
			p = h.afterCR(p)
		case inName:
			p = h.inName(p)
		default:
			p = h.inLine(p)
		}
	}
}

// Finish ends the field that the end of input left open.
func (h *Parser) Finish() {
	h.endField()
	h.state = inSkip
}

func (h *Parser) endField() {
	if h.open {
		h.open = false
		h.sink.End()
	}
}

// lineStart looks at the first octet of a line, and leaves it unless it is all
// there is to a line end.
func (h *Parser) lineStart(p []byte) []byte {
	switch p[0] {
	case '\n':
		h.endHeader()
		return p[1:]
	case '\r':
		h.state = atCR
		return p[1:]
	case ' ', '\t':
		h.state = inSkip
		if h.open {
			h.state = inValue
		}
		return p
	}
	h.endField()
	h.name = h.name[:0]
	h.state = inName
	return p
}

// afterCR decides what a line is that began with CRs: empty, or one whose name
// has a control character in it.
func (h *Parser) afterCR(p []byte) []byte {
	switch p[0] {
	case '\n':
		h.endHeader()
	case '\r':
	default:
		h.endField()
		h.state = inSkip
	}
	return p[1:]
}

func (h *Parser) endHeader() {
	h.endField()
	h.done = true
}

func (h *Parser) inName(p []byte) []byte {
	line, rest, ended := cutLine(p)
	colon := bytes.IndexByte(line, ':')
	size := len(h.name) + colon
	if colon < 0 {
		size = len(h.name) + len(line)
	}
	switch {
	case ended && colon < 0:
		h.state = atLine
		return rest
	case size > MaxName:
		h.state = inSkip
		return p
	case colon < 0:
		h.name = append(h.name, line...)
		return rest
	}
	name := line[:colon]
	if len(h.name) > 0 {
		h.name = append(h.name, name...)
		name = h.name
	}
	h.sink.Begin(trimRight(name))
	h.open, h.state = true, inValue
	return p[colon+1:]
}

func trimRight(name []byte) []byte {
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	return name
}

// inLine takes the rest of a line whose kind is known.
func (h *Parser) inLine(p []byte) []byte {
	line, rest, ended := cutLine(p)
	if h.state == inValue && len(line) > 0 {
		h.sink.Value(line)
	}
	if ended {
		h.state = atLine
	}
	return rest
}

func cutLine(p []byte) (line, rest []byte, ended bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return p[:i], p[i+1:], true
	}
	return p, nil, false
}

// IsName tells the names that a field may have (RFC 5322 3.6.8).
func IsName[T string | []byte](name T) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7F || name[i] == ':' {
			return false
		}
	}
	return len(name) > 0
}
