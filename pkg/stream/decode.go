package stream

import (
	"bytes"
	"fmt"
	"strings"
)

// fields walks the members of one record. Known names come once; what the
// visitor does not take is kept as extra.
type fields struct {
	scanner
	extra  []byte
	body   []byte
	kind   bodyKind
	bodies bool // the record may have a body
	bodyAt int  // where the comma before the body stands, or -1
	late   bool // a field stands after the body
	seen   uint64
}

// once refuses a name that came before: readers that disagree on which of two
// counts would disagree on the message.
func (f *fields) once(bit int) {
	if f.seen&(1<<bit) != 0 {
		f.fail("a field stands twice")
	}
	f.seen |= 1 << bit
}

// visit calls known for each member; it returns the member's index, which is
// unique to the name, or -1 for a name that it did not read.
func (f *fields) visit(known func(name []byte) int) {
	if !f.expect('{') {
		return
	}
	for first := true; ; {
		comma := f.i
		if !f.next('}', &first) {
			break
		}
		name := f.name()
		f.expect(':')
		if f.bodyAt >= 0 {
			f.late = true
		}
		switch {
		case string(name) == "type":
			f.once(62)
			f.str()
		case f.bodies && (string(name) == "body" || string(name) == "body_base64"):
			f.once(63)
			f.bodyAt, f.kind = comma, textBody
			if len(name) > 4 {
				f.kind = base64Body
			}
			f.space()
			f.body = f.token()
		default:
			if bit := known(name); bit >= 0 {
				f.once(bit)
				continue
			}
			f.extra = appendString(append(f.extra, ','), string(name))
			f.extra = f.value(append(f.extra, ':'), 1)
		}
	}
	if f.space(); f.err == nil && f.i != len(f.b) {
		f.syntax()
	}
}

// name returns a member's name; an escape in it hides nothing.
func (f *fields) name() []byte {
	t := f.token()
	if bytes.IndexByte(t, '\\') < 0 {
		return t
	}
	out, err := unescape(nil, t)
	if err != nil {
		f.fail("%w", err)
	}
	return out
}

// typeOf returns the value of a record's type, which canonical JSON has first.
func typeOf(line []byte) (string, error) {
	if t, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if i := bytes.IndexByte(t, '"'); i > 0 && i <= 32 && bytes.IndexByte(t[:i], '\\') < 0 {
			return string(t[:i]), nil
		}
	}
	s := scanner{b: line}
	kind, found := "", false
	if s.expect('{') {
		for first := true; s.next('}', &first); {
			name := s.str()
			s.expect(':')
			if name == "type" && s.peek() == '"' {
				kind, found = s.str(), true
				break
			}
			s.value(nil, 0)
		}
	}
	switch {
	case s.err != nil:
		return "", s.err
	case !found:
		return "", fmt.Errorf("a record without a type")
	}
	return kind, nil
}

// unknown reads a record of a type that this version does not know. Its type
// stands once, or two readers could take it for two things.
func (f *fields) unknown(kind string) *Unknown {
	line := f.value(nil, 0)
	if f.space(); f.err == nil && f.i != len(f.b) {
		f.syntax()
	}
	types, s := 0, scanner{b: line}
	if f.err == nil && s.expect('{') {
		for first := true; s.next('}', &first); {
			if s.str() == "type" {
				types++
			}
			s.expect(':')
			s.value(nil, 1)
		}
	}
	if types != 1 {
		f.fail("a field stands twice")
	}
	return &Unknown{Type: kind, Line: line}
}

func (f *fields) begin(r *Begin) {
	var format string
	var version int64 = -1
	f.visit(func(name []byte) int {
		switch string(name) {
		case "format":
			format = f.str()
			return 0
		case "version":
			version = f.num()
			return 1
		case "tool":
			r.Tool = f.str()
			return 2
		case "content":
			r.Content = Content(f.str())
			return 3
		case "plan":
			r.Plan = f.boolean()
			return 4
		case "user":
			r.User = f.str()
			return 5
		case "host":
			r.Host = f.str()
			return 6
		case "prefix":
			r.Prefix = f.str()
			return 7
		case "delimiter":
			r.Delimiter = f.str()
			return 8
		case "target_user":
			r.TargetUser = f.str()
			return 9
		case "target_host":
			r.TargetHost = f.str()
			return 10
		case "key":
			r.Key = f.str()
			return 11
		case "filters":
			r.Filters = f.list()
			return 12
		case "labels":
			r.Labels = f.labels()
			return 13
		case "base":
			r.Base = f.str()
			return 14
		case "spec":
			f.str() // the writer gives its own
			return 15
		}
		return -1
	})
	r.Extra = f.extra
	switch {
	case f.err != nil && version <= Version:
	case format != Format:
		f.err = &formatError{format}
	case version != Version:
		f.err = &versionError{version}
	case r.Content != Headers && r.Content != Hashes && r.Content != Full:
		f.err = fmt.Errorf("content %s is none of headers, hashes, full", quote(string(r.Content)))
	}
}

type formatError struct{ format string }

func (e *formatError) Error() string {
	return fmt.Sprintf("the format is %s, not %s", quote(e.format), quote(Format))
}

type versionError struct{ version int64 }

func (e *versionError) Error() string {
	return fmt.Sprintf("the stream has version %d; this program reads version %d", e.version, Version)
}

func (f *fields) labels() []Label {
	var out []Label
	if !f.expect('{') {
		return nil
	}
	for first := true; f.next('}', &first); {
		name := f.str()
		f.expect(':')
		out = append(out, Label{name, f.str()})
	}
	return out
}

func (f *fields) folder(r *Folder) {
	r.Octets = -1
	f.visit(func(name []byte) int {
		switch string(name) {
		case "name":
			r.Name = f.str()
			return 0
		case "delimiter":
			r.Delimiter = f.str()
			return 1
		case "attributes":
			r.Attributes = f.list()
			return 2
		case "subscribed":
			r.Subscribed = f.boolean()
			return 3
		case "uidvalidity":
			r.UIDValidity = f.num32()
			return 4
		case "uidnext":
			r.UIDNext = f.num32()
			return 5
		case "highestmodseq":
			r.HighestModSeq = f.str()
			return 6
		case "messages":
			r.Messages = f.num32()
			return 7
		case "octets":
			r.Octets = f.num()
			return 8
		case "target":
			r.Target = f.str()
			return 9
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num32()
			return 10
		case "target_uidnext":
			r.TargetUIDNext = f.num32()
			return 11
		case "namespace":
			r.Namespace = f.str()
			return 12
		case "biggest":
			r.Biggest = f.num()
			return 13
		case "biggest_uid":
			r.BiggestUID = f.num32()
			return 14
		case "oldest":
			r.Oldest = f.str()
			return 15
		case "newest":
			r.Newest = f.str()
			return 16
		case "acl":
			r.ACL = f.grants()
			return 17
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && r.Name == "" {
		f.fail("a folder without a name")
	}
}

func (f *fields) grants() []Grant {
	out := []Grant{}
	for _, l := range f.labels() {
		out = append(out, Grant{l.Name, l.Value})
	}
	return out
}

func (f *fields) message(r *Message) {
	f.bodies = true
	f.visit(func(name []byte) int {
		switch string(name) {
		case "folder":
			r.Folder = f.intern(r.Folder)
			return 0
		case "uidvalidity":
			r.UIDValidity = f.num32()
			return 1
		case "uid":
			r.UID = f.num32()
			return 2
		case "target":
			r.Target = f.intern(r.Target)
			return 3
		case "key":
			r.Key = f.str()
			return 4
		case "flags":
			r.Flags = f.list()
			return 5
		case "internaldate":
			r.InternalDate = f.str()
			return 6
		case "size":
			r.Size = f.num()
			return 7
		case "received":
			r.Received = f.str()
			return 8
		case "twin":
			r.Twin = f.boolean()
			return 9
		case "header":
			r.Header = f.object()
			return 10
		case "parts":
			r.Parts = int(f.num32())
			return 11
		case "sha256":
			r.SHA256 = f.digest()
			return 12
		case "tie":
			r.Tie = f.tie()
			return 13
		}
		return -1
	})
	r.Extra, r.body, r.bodyKind = f.extra, f.body, f.kind
	switch {
	case f.err != nil:
	case f.seen&7 != 7 || r.UID == 0:
		f.fail("a message without folder, uidvalidity or uid")
	case r.bodyKind != noBody && (r.SHA256 == "" || r.Parts != 0):
		f.fail("a body without a sha256, or beside parts")
	case r.bodyKind != noBody && r.Size > PartSize, r.Parts != 0 && r.Parts != PartCount(r.Size):
		f.fail("size and parts do not fit")
	}
}

// digest reads a sha256 in hexadecimal.
func (f *fields) digest() string {
	v := f.str()
	if f.err == nil && (len(v) != 64 || strings.Trim(v, hexDigits) != "") {
		f.fail("a sha256 that is not 64 lower-case hexadecimal digits")
	}
	return v
}

// tie reads which messages share what another reader has to tell apart.
func (f *fields) tie() *Tie {
	t := &Tie{}
	if !f.expect('{') {
		return nil
	}
	for first := true; f.next('}', &first); {
		name := f.str()
		f.expect(':')
		switch name {
		case "of":
			t.Of = int(f.num32())
		case "drop":
			t.Drop = int(f.num32())
		case "digests":
			if t.Digests = f.list(); t.Digests == nil {
				t.Digests = []string{}
			}
		default:
			f.value(nil, 1)
		}
	}
	return t
}

// intern reads a string that is likely to be the one before it.
func (f *fields) intern(last string) string {
	save := f.i
	if t := f.token(); f.err == nil && string(t) == last && plainRun(t, false) == len(t) {
		return last
	}
	if f.err != nil {
		return ""
	}
	f.i = save
	return f.str()
}

func (f *fields) part(r *Body) {
	f.bodies = true
	f.visit(func(name []byte) int {
		switch string(name) {
		case "folder":
			r.Folder = f.intern(r.Folder)
			return 0
		case "uid":
			r.UID = f.num32()
			return 1
		case "part":
			r.Part = int(f.num32())
			return 2
		case "parts":
			r.Parts = int(f.num32())
			return 3
		case "sha256":
			r.SHA256 = f.digest()
			return 4
		}
		return -1
	})
	r.Extra, r.body, r.bodyKind = f.extra, f.body, f.kind
	if f.err == nil && (f.seen&15 != 15 || r.bodyKind == noBody || (r.SHA256 != "") != (r.Part == r.Parts)) {
		f.fail("a body part without folder, uid, part, parts or octets, or with its sha256 in the wrong place")
	}
}

// place is what failed, gone, skipped, create and subscribe records have
// between them.
type place struct {
	folder, target  string
	validity, uid   uint32
	reason, comment string
}

// place reads the fields that a record of this kind has; any other is passed
// on, also one that another kind has.
func (f *fields) place(kind string) (p place) {
	told := kind == "failed" || kind == "skipped"
	source := told || kind == "gone"
	f.visit(func(name []byte) int {
		switch n := string(name); {
		case n == "folder":
			p.folder = f.str()
			return 0
		case n == "target" && !source:
			p.target = f.str()
			return 1
		case n == "uidvalidity" && source:
			p.validity = f.num32()
			return 2
		case n == "uid" && source:
			p.uid = f.num32()
			return 3
		case n == "reason" && told:
			p.reason = f.str()
			return 4
		case n == "text" && told:
			p.comment = f.str()
			return 5
		}
		return -1
	})
	switch {
	case f.err != nil:
	case source && p.folder == "", source && kind != "failed" && p.uid == 0:
		f.fail("no folder or uid")
	case told && p.reason == "":
		f.fail("no reason")
	case !source && p.target == "":
		f.fail("no target")
	}
	return p
}

func (f *fields) rmdir(r *Rmdir) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "target":
			r.Target = f.str()
			return 0
		case "target_uidvalidity":
			r.TargetUIDValidity = f.num32()
			return 1
		case "target_uidnext":
			r.TargetUIDNext = f.num32()
			return 2
		case "messages":
			r.Messages = f.num32()
			return 3
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (r.Target == "" || f.seen&15 != 15) {
		f.fail("a folder to remove without target, target_uidvalidity, target_uidnext or messages")
	}
}

func (f *fields) end(r *End) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "listed":
			r.Listed = f.num()
			return 0
		case "present":
			r.Present, r.Plan = f.num(), true
			return 1
		case "missing":
			r.Missing = f.num()
			return 2
		case "ambiguous":
			r.Ambiguous = f.num()
			return 3
		case "emitted":
			r.Emitted = f.num()
			return 4
		case "gone":
			r.Gone = f.num()
			return 5
		case "failed":
			r.Failed = f.num()
			return 6
		case "folders_failed":
			r.Folders = f.num()
			return 7
		case "octets":
			r.Octets = f.num()
			return 8
		case "records":
			r.Records = f.num()
			return 9
		case "hash":
			r.Hash = f.str()
			return 10
		case "spare":
			r.Spare = f.num()
			return 11
		case "left_out":
			r.LeftOut = f.num()
			return 12
		case "skipped":
			r.Skipped = f.num()
			return 13
		}
		return -1
	})
	r.Extra = f.extra
}

func (f *fields) abort(r *Abort) {
	f.visit(func(name []byte) int {
		switch string(name) {
		case "command":
			r.Command = f.str()
			return 0
		case "exit":
			r.Exit = int(f.num32())
			return 1
		case "text":
			r.Text = f.str()
			return 2
		}
		return -1
	})
	r.Extra = f.extra
	if f.err == nil && (r.Exit < 1 || r.Exit > 255) {
		f.fail("abort with exit %d", r.Exit)
	}
}

// HeaderField returns a field of a message record's header, "" if it is not
// there.
func HeaderField(header []byte, name string) string {
	s := scanner{b: header}
	if !s.expect('{') {
		return ""
	}
	for first := true; s.next('}', &first); {
		found := s.str() == name
		s.expect(':')
		if s.peek() != '"' {
			s.value(nil, 1)
		} else if value := s.str(); found {
			return value
		}
	}
	return ""
}

// SetExtra gives a field that this version does not know a value, in place of
// the one it may have: extra is a record's Extra, value canonical JSON.
func SetExtra(extra []byte, name string, value []byte) []byte {
	var out []byte
	if len(extra) > 0 {
		s := scanner{b: append(append([]byte{'{'}, extra[1:]...), '}')}
		s.expect('{')
		for first := true; s.next('}', &first); {
			key := s.str()
			s.expect(':')
			start := s.i
			if s.value(nil, 1); key != name && s.err == nil {
				out = append(appendString(append(out, ','), key), ':')
				out = append(out, s.b[start:s.i]...)
			}
		}
	}
	return append(append(appendString(append(out, ','), name), ':'), value...)
}
