package transform

import (
	"bytes"
	"mime"
	"strings"
)

const (
	maxPartHeader = 64 << 10 // how much of the header of a part is looked at, in octets
	maxDepth      = 64       // of parts in parts; what is deeper is left alone
)

// structure follows a body through its parts (RFC 2046), line by line, and
// tells where text may be wrapped.
type structure struct {
	wraps           bool // the next lines are text that may be
	quotedPrintable bool // and are in quoted-printable

	open     []multipart
	inHeader bool
	direct   bool   // that header is a part's own, not one of a message in it
	head     []byte // the header of the part that begins
	deep     bool
}

// multipart is one that is open.
type multipart struct {
	boundary string
	signed   bool // it, or what it is in, is signed or encrypted
	digest   bool
}

// newStructure begins with the header of a message.
func newStructure(h *block) *structure {
	s := &structure{}
	if h != nil {
		s.begin(h)
	}
	return s
}

// begin begins the content that a header is about.
func (s *structure) begin(h *block) {
	s.wraps, s.quotedPrintable, s.inHeader = false, false, false
	kind, params := s.kind(h)
	encoding := ""
	if f := h.first("Content-Transfer-Encoding"); f != nil {
		encoding = strings.ToLower(strings.Trim(string(f.value()), " \t"))
	}
	s.direct = false
	top, deep := s.top(), len(s.open) >= maxDepth
	plain := encoding == "" || encoding == "7bit" || encoding == "8bit" || encoding == "binary"
	switch {
	case s.deep || deep:
		s.deep = true
	case strings.HasPrefix(kind, "multipart/"):
		sealed := kind == "multipart/signed" || kind == "multipart/encrypted"
		s.open = append(s.open, multipart{params["boundary"], top.signed || sealed, kind == "multipart/digest"})
	case kind == "message/rfc822" || kind == "message/global":
		s.inHeader = plain
		s.head = s.head[:0]
	case strings.HasPrefix(kind, "text/"):
		s.quotedPrintable = encoding == "quoted-printable"
		s.wraps = !top.signed && (plain || s.quotedPrintable)
	}
}

func (s *structure) top() multipart {
	if len(s.open) == 0 {
		return multipart{}
	}
	return s.open[len(s.open)-1]
}

// kind is the type of some content, in lower case, and its parameters. What
// cannot be read is nothing that may be changed.
func (s *structure) kind(h *block) (string, map[string]string) {
	f := h.first("Content-Type")
	if f == nil {
		if s.direct && s.top().digest {
			return "message/rfc822", nil
		}
		return "text/plain", nil
	}
	kind, params, err := mime.ParseMediaType(string(f.value()))
	if err != nil && kind == "" {
		return "application/octet-stream", nil
	}
	return kind, params
}

// line takes the beginning of a line: at least what a boundary can be long.
func (s *structure) line(p []byte, whole bool) {
	text := withoutEnd(p)
	switch {
	case bytes.HasPrefix(text, []byte("--")) && s.boundary(string(bytes.TrimRight(text[2:], " \t"))):
	case s.inHeader && len(bytes.Trim(text, "\r")) == 0 && whole:
		s.begin(parseBlock(s.head, nil))
		s.head = nil
	case s.inHeader:
		if len(s.head)+len(p) <= maxPartHeader {
			s.head = append(s.head, p...)
			if !whole {
				s.head = append(s.head, '\n')
			}
		}
	case bytes.HasPrefix(text, []byte("-----BEGIN PGP ")):
		s.wraps = false // signed, or armoured, to the end of the part
	}
}

// boundary reports whether a line is one of a multipart that is open (RFC 2046
// 5.1.1), and begins the next part or ends the last.
func (s *structure) boundary(text string) bool {
	for i := len(s.open) - 1; i >= 0; i-- {
		boundary := s.open[i].boundary
		if boundary == "" || !strings.HasPrefix(text, boundary) {
			continue
		}
		switch text[len(boundary):] {
		case "":
			s.open = s.open[:i+1]
			s.inHeader, s.direct, s.head = true, true, nil
		case "--":
			s.open = s.open[:i]
			s.inHeader = false
		default:
			continue
		}
		s.wraps, s.deep = false, false
		return true
	}
	return false
}
