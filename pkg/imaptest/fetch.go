package imaptest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Fetch serves octets as they were stored. ENVELOPE and BODYSTRUCTURE are
// not answered.
func (s *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, options *imap.FetchOptions) error {
	if options.Envelope || options.BodyStructure != nil || len(options.BinarySection) > 0 ||
		len(options.BinarySectionSize) > 0 {
		return &imap.Error{Type: imap.StatusResponseTypeBad, Text: "This server parses no mail"}
	}
	marks := !s.readOnly && slices.ContainsFunc(options.BodySection,
		func(section *imap.FetchItemBodySection) bool { return !section.Peek })
	return s.each(set, func(sequence uint32, m *message) error {
		return s.fetchOne(w.CreateMessage(sequence), m, options, marks)
	})
}

func (s *session) fetchOne(w *imapserver.FetchResponseWriter, m *message, options *imap.FetchOptions,
	marks bool) error {
	s.account.mu.Lock()
	if marks {
		m.flags = changed(m.flags, imap.StoreFlagsAdd, []string{`\Seen`})
	}
	flags := m.flags
	s.account.mu.Unlock()
	if options.UID {
		w.WriteUID(imap.UID(m.uid))
	}
	if options.Flags || marks {
		w.WriteFlags(asFlags(flags))
	}
	if options.InternalDate {
		w.WriteInternalDate(m.date)
	}
	if options.RFC822Size {
		size := int64(len(m.octets))
		if of := s.server.options.SizeOf; of != nil {
			size = of(len(m.octets))
		}
		w.WriteRFC822Size(size)
	}
	for _, section := range options.BodySection {
		octets := bodySection(m.octets, section)
		body := w.WriteBodySection(section, int64(len(octets)))
		body.Write(octets)
		body.Close()
	}
	return w.Close()
}

func (s *session) writeFlags(w *imapserver.FetchWriter, sequence uint32, m *message) error {
	s.account.mu.Lock()
	flags := m.flags
	s.account.mu.Unlock()
	response := w.CreateMessage(sequence)
	response.WriteUID(imap.UID(m.uid))
	response.WriteFlags(asFlags(flags))
	return response.Close()
}

// bodySection cuts what was asked for out of a message, octet by octet. MIME
// parts alone are left to the library, which parses them.
func bodySection(octets []byte, section *imap.FetchItemBodySection) []byte {
	if len(section.Part) > 0 {
		return imapserver.ExtractBodySection(bytes.NewReader(octets), section)
	}
	header, body := splitHeader(octets)
	switch section.Specifier {
	case imap.PartSpecifierHeader:
		octets = header
		if len(section.HeaderFields) > 0 {
			octets = fields(header, section.HeaderFields, true)
		} else if len(section.HeaderFieldsNot) > 0 {
			octets = fields(header, section.HeaderFieldsNot, false)
		}
	case imap.PartSpecifierText:
		octets = body
	}
	return part(octets, section.Partial)
}

// splitHeader cuts after the first empty line; without one all is header.
func splitHeader(octets []byte) (header, body []byte) {
	for at := 0; at < len(octets); {
		end := len(octets)
		if lf := bytes.IndexByte(octets[at:], '\n'); lf >= 0 {
			end = at + lf + 1
		}
		if line := octets[at:end]; len(bytes.TrimRight(line, "\r\n")) == 0 {
			return octets[:end], octets[end:]
		}
		at = end
	}
	return octets, nil
}

// fields keeps the header lines whose names are in the list (or are not), with
// their continuations, and ends them with an empty line (RFC 3501 section 6.4.5).
func fields(header []byte, names []string, wanted bool) []byte {
	var out []byte
	keep := false
	for line := range bytes.Lines(header) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, ok := bytes.Cut(line, []byte(":"))
			keep = ok && containsFold(names, strings.TrimRight(string(name), " \t")) == wanted
		}
		if keep {
			out = append(out, line...)
		}
	}
	return append(out, "\r\n"...)
}

// part cuts <offset.size>; beyond the end there is nothing.
func part(octets []byte, partial *imap.SectionPartial) []byte {
	if partial == nil {
		return octets
	}
	start := min(max(partial.Offset, 0), int64(len(octets)))
	return octets[start:min(start+max(partial.Size, 0), int64(len(octets)))]
}
