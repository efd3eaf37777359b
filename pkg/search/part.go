package search

import (
	"mime"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// partHeader is what the header of a message or part says of its body. It
// hands the fields that somebody looks for on to its scan.
type partHeader struct {
	scan  *scan
	name  []byte // of the open field
	want  bool
	raw   []byte // its value
	taken bool   // the parser made something of the line

	contentType string // lower case, without parameters
	parameters  map[string]string
	encoding    string // lower case
	typed       bool
}

// Begin is called by the parser.
func (h *partHeader) Begin(name []byte) {
	h.raw = h.raw[:0]
	h.name = append(h.name[:0], name...)
	h.want, h.taken = h.scan.wants(string(name)), true
}

// Value is called by the parser.
func (h *partHeader) Value(p []byte) {
	h.taken = true
	if h.want {
		h.raw = append(h.raw, p[:min(len(p), maxValue-len(h.raw))]...)
	}
}

// End is called by the parser.
func (h *partHeader) End() {
	if !h.want {
		return
	}
	switch name := string(h.name); {
	case strings.EqualFold(name, "content-type") && !h.typed:
		h.typed = true
		h.setType(string(header.Text(h.raw)))
	case strings.EqualFold(name, "content-transfer-encoding") && h.encoding == "":
		h.encoding, _, _ = strings.Cut(strings.ToLower(string(header.Text(h.raw))), ";")
	}
	h.scan.field(string(h.name), h.raw)
}

// wants tells the fields that a scan looks at.
func (s *scan) wants(name string) bool {
	if len(s.words) > 0 {
		return true
	}
	for _, k := range s.fields {
		if strings.EqualFold(name, k.name) {
			return true
		}
	}
	return len(s.dates) > 0 && strings.EqualFold(name, "date")
}

// setType takes a Content-Type that is not quite as RFC 2045 5.1 has it, too.
func (h *partHeader) setType(value string) {
	kind, parameters, err := mime.ParseMediaType(value)
	if err != nil {
		kind, parameters = laxType(value)
	}
	if strings.Contains(kind, "/") {
		h.contentType, h.parameters = kind, parameters
	}
}

// laxType takes what can be had of type and parameters.
func laxType(value string) (string, map[string]string) {
	kind, rest, _ := strings.Cut(value, ";")
	folded := lowered(rest)
	parameters := map[string]string{}
	for _, name := range []string{"boundary", "charset"} {
		at := strings.Index(folded, name+"=")
		if at < 0 {
			continue
		}
		v := rest[at+len(name)+len("="):]
		if strings.HasPrefix(v, `"`) {
			v, _, _ = strings.Cut(v[1:], `"`)
		} else if end := strings.IndexAny(v, "; "); end >= 0 {
			v = v[:end]
		}
		parameters[name] = v
	}
	return lowered(strings.TrimSpace(kind)), parameters
}

// lowered makes ASCII letters small, and keeps the length of s.
func lowered(s string) string {
	b := []byte(s)
	lowerASCII(b)
	return string(b)
}

// charset returns what the text has to be converted from, "" if it is UTF-8 or
// cannot be told from it.
func (h *partHeader) charset() string {
	switch name := lowered(h.parameters["charset"]); name {
	case "utf-8", "utf8", "us-ascii":
		return ""
	default:
		return name
	}
}

// isIdentity tells that the body is encoded in no way (RFC 2045 6.2).
func (h *partHeader) isIdentity() bool {
	switch h.encoding {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}

// decoder returns what undoes the transfer encoding.
func (h *partHeader) decoder() decoder {
	switch h.encoding {
	case "base64":
		return &base64Decoder{}
	case "quoted-printable":
		return &quotedDecoder{}
	}
	return identity{}
}
