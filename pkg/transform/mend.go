package transform

import (
	"bytes"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// mends say what is to be mended of what servers refuse.
type mends struct {
	mboxFrom    string // "drop", "rename", or ""
	nul         string // "strip", "skip", or ""
	eightBit    string // "encode", "mask", or ""
	bareLF      bool
	finalCRLF   bool
	headerFold  bool
	headerColon bool
	messageID   bool
	maxLine     int  // octets without the line end; 0: any
	skipLongest bool // leave out what has a longer line
}

// fromLineField is what the line is renamed to that an mbox has before each
// message (RFC 4155). Gnus calls it so.
const fromLineField = "X-From-Line"

// header mends a header, and names what it did.
func (m *mends) header(b *block, o *Origin) (changes, touched []string) {
	for _, mend := range []struct {
		wanted bool
		name   string
		do     func() []string
	}{
		{m.mboxFrom == "drop", "mbox-from", func() []string { return b.fromLine("") }},
		{m.mboxFrom == "rename", "mbox-from", func() []string { return b.fromLine(fromLineField) }},
		{m.headerFold, "header-fold", b.foldStray},
		{m.headerColon, "header-colon", b.closeUp},
		{m.eightBit == "encode", "header-8bit", func() []string { return b.eightBit(encodeField) }},
		{m.eightBit == "mask", "header-8bit", func() []string { return b.eightBit(maskField) }},
		{m.messageID, "message-id", func() []string { return b.addMessageID(o) }},
		{m.maxLine > 0 && !m.skipLongest, "long-lines", func() []string { return b.foldLong(m.maxLine) }},
	} {
		if !mend.wanted {
			continue
		}
		if names := mend.do(); len(names) > 0 {
			changes = append(changes, "fix:"+mend.name)
			touched = append(touched, names...)
		}
	}
	return changes, touched
}

// isFromLine tells the line that an mbox has before each message, quoted or not.
func isFromLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// fromLine takes an mbox's line from before the header, or makes it a field.
func (b *block) fromLine(name string) []string {
	if len(b.fields) == 0 || !isFromLine(b.fields[0].raw) {
		return nil
	}
	if name == "" {
		b.fields = b.fields[1:]
		return []string{fromLineField}
	}
	_, text, _ := bytes.Cut(b.fields[0].raw, []byte("From "))
	b.fields[0] = field{name, append([]byte(name+": "), text...)}
	return []string{name}
}

// foldStray makes lines that are no fields continuations of the field before
// them: reports of spam filters come so.
func (b *block) foldStray() (names []string) {
	kept := b.fields[:0:0]
	var open *field // the last field
	var raw []byte  // what it has become
	end := func() {
		if raw != nil {
			open.raw = raw
			names = append(names, open.name)
		}
		raw = nil
	}
	for _, f := range b.fields {
		if f.name == "" && open != nil {
			if raw == nil {
				raw = bytes.Clone(open.raw)
			}
			raw = append(append(raw, '\t'), f.raw...)
			continue
		}
		end()
		kept = append(kept, f)
		if f.name != "" {
			open = &kept[len(kept)-1]
		}
	}
	end()
	b.fields = kept
	return names
}

// closeUp takes out the blanks between a name and its colon.
func (b *block) closeUp() (names []string) {
	for i := range b.fields {
		if f := &b.fields[i]; f.hasGap() {
			f.raw = slices.Concat([]byte(f.name), f.raw[bytes.IndexByte(f.raw, ':'):])
			names = append(names, f.name)
		}
	}
	return names
}

// hasGap reports whether blanks stand before the colon.
func (f *field) hasGap() bool { return f.name != "" && f.raw[len(f.name)] != ':' }

// addMessageID gives a message a Message-ID that has a header without one.
func (b *block) addMessageID(o *Origin) []string {
	at, any := -1, false
	for i := range b.fields {
		f := &b.fields[i]
		says := f.name != "" && len(bytes.Trim(f.value(), " \t\v\f")) > 0
		any = any || says
		if f.is("Message-ID") {
			if says {
				return nil
			}
			at = i
		}
	}
	if !any {
		return nil // the key of such a message is made of all its octets
	}
	f := b.make("Message-ID", []byte(header.MakeMessageID(o.User, o.Host, o.Folder, o.UIDValidity, o.UID)))
	if at < 0 {
		b.insert(b.top(), f)
	} else {
		b.fields[at] = f
	}
	return []string{f.name}
}

// foldLong puts line ends before blanks in lines of more than limit octets.
func (b *block) foldLong(limit int) (names []string) {
	for i := range b.fields {
		f := &b.fields[i]
		if f.name == "" || !hasLonger(f.raw, limit) {
			continue
		}
		var raw []byte
		for line := range bytes.Lines(f.raw) {
			raw = append(raw, foldLine(line, limit, b.eol)...)
		}
		if len(raw) > len(f.raw) {
			f.raw = raw
			names = append(names, f.name)
		}
	}
	return names
}

// hasLonger reports whether a line has more octets than limit, its end not
// counted.
func hasLonger(p []byte, limit int) bool {
	for line := range bytes.Lines(p) {
		if len(withoutEnd(line)) > limit {
			return true
		}
	}
	return false
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// foldLine folds one line as often as blanks allow. No line of it is blank.
func foldLine(line []byte, limit int, eol string) (out []byte) {
	for len(withoutEnd(line)) > limit {
		at := bytes.LastIndexAny(line[:limit+1], " \t")
		for at > 0 && (line[at-1] == ' ' || line[at-1] == '\t') {
			at--
		}
		if at <= 0 || len(bytes.Trim(line[:at], " \t")) == 0 || len(bytes.Trim(line[at:], " \t\r\n")) == 0 {
			// Nowhere within the limit: at the next blank, then.
			at = nextFold(line)
		}
		if at < 0 {
			break
		}
		out = append(append(out, line[:at]...), eol...)
		line = line[at:]
	}
	return append(out, line...)
}

// nextFold is the first place where a line can be folded, or -1.
func nextFold(line []byte) int {
	start := len(line) - len(bytes.TrimLeft(line, " \t"))
	n := bytes.IndexAny(line[start:], " \t")
	if n < 0 || len(bytes.Trim(line[start+n:], " \t\r\n")) == 0 {
		return -1
	}
	return start + n
}

// signs reports whether a message has a DKIM signature that covers one of the
// fields, or, with body, any.
func (b *block) signs(touched []string, body bool) bool {
	for i := range b.fields {
		f := &b.fields[i]
		if !f.is("DKIM-Signature") && !f.is("DomainKey-Signature") {
			continue
		}
		if body || slices.ContainsFunc(touched, f.is) || slices.ContainsFunc(touched, signedFields(f.value()).has) {
			return true
		}
	}
	return false
}

// nameSet is names in lower case.
type nameSet []string

func (s nameSet) has(name string) bool { return slices.Contains(s, strings.ToLower(name)) }

// signedFields are those that a signature's h tag lists (RFC 6376 3.5).
func signedFields(value []byte) (names nameSet) {
	for tag := range strings.SplitSeq(strings.ToLower(string(value)), ";") {
		name, list, _ := strings.Cut(tag, "=")
		if strings.Trim(name, " \t") != "h" {
			continue
		}
		for name := range strings.SplitSeq(list, ":") {
			names = append(names, strings.Trim(name, " \t"))
		}
	}
	return names
}
