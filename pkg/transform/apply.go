package transform

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
)

// Apply changes a message. The error is a *Refusal where the message must not
// be sent, the end of ctx, or else local, of the kind fault.IO. A message
// without octets stays without.
func (r *Rules) Apply(ctx context.Context, m *Message) (*Outcome, error) {
	o := &Outcome{Octets: m.Octets, Size: m.Size, InternalDate: m.InternalDate}
	err := r.mayGo(m)
	if err == nil {
		err = r.change(m, o)
	}
	if err == nil && r.pipe != nil && o.Size > 0 {
		err = r.pass(ctx, m, o)
	}
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// mayGo checks what a rule leaves out.
func (r *Rules) mayGo(m *Message) error {
	if r.mends.nul != "skip" && !r.mends.skipLongest {
		return nil
	}
	s, err := look(m)
	switch {
	case err != nil:
		return err
	case s.nul && r.mends.nul == "skip":
		return &Refusal{Reason: "nul", Text: "it holds NUL octets, and the rule nul=skip leaves such out", Skip: true}
	case r.mends.skipLongest && s.longest > int64(r.mends.maxLine):
		return &Refusal{Reason: "long-line", Text: "a line has " + strconv.FormatInt(s.longest, 10) +
			" octets, and the rule max-line leaves such out", Skip: true}
	}
	return nil
}

// change does what is done here.
func (r *Rules) change(m *Message, o *Outcome) error {
	head, end, err := readBlock(m)
	if err != nil {
		return err
	}
	if head == nil && m.Size > 0 && r.needsHeader() {
		return &Refusal{Reason: "header-too-large",
			Text: "its header has more than 1 MiB and no end: it cannot be edited"}
	}
	source := parseBlock(head, end)
	date, did := r.date(source, m.InternalDate)
	if o.InternalDate = date; did != "" {
		defer func() { o.Changes = append(o.Changes, "internaldate:"+did) }()
	}
	if m.Size == 0 {
		return nil
	}
	var out joined
	mended, touched := r.header(source, m, o)
	if altered := mended.octets(); !bytes.Equal(altered, slices.Concat(head, end)) {
		out, o.Altered = append(out, octets(altered)), true
	} else {
		out = append(out, piece{m.Octets, 0, source.size})
	}
	body, breaks, err := r.body(mended, m, source.size, o)
	if err != nil {
		return err
	}
	out = append(out, body)
	if r.mends.finalCRLF {
		replace, end, err := finalEnd(out)
		if err != nil {
			return err
		}
		if end != "" {
			out = append(out.shortened(replace), octets([]byte(end)))
			o.Changes, o.Altered = append(o.Changes, "fix:final-crlf"), true
		}
	}
	o.Breaks = source.signs(touched, breaks || slices.Contains(o.Changes, "fix:nul"))
	if o.Altered {
		o.Octets, o.Size = out, out.size()
	}
	return nil
}

func (r *Rules) needsHeader() bool {
	m := &r.mends
	return m.mboxFrom != "" || m.eightBit != "" || m.headerFold || m.headerColon || m.messageID ||
		m.maxLine > 0 && !m.skipLongest || len(r.edits.names()) > 0
}

// header mends and edits the header.
func (r *Rules) header(source *block, m *Message, o *Outcome) (b *block, touched []string) {
	whole := source.octets()
	plain, changes := r.mends.inMemory(whole)
	b = source.clone()
	if len(changes) > 0 {
		// Without NUL there may be an empty line where there was none: what
		// follows it goes with it.
		head, _, found := cutHead(plain)
		if !found {
			head = plain
		}
		b = parseBlock(head, plain[len(head):])
	}
	o.Changes = append(o.Changes, changes...)
	mended, touched := r.mends.header(b, &m.Origin)
	edited, more := r.edits.apply(b, stand{&m.Origin, source})
	o.Changes = append(append(o.Changes, mended...), edited...)
	return b, append(touched, more...)
}

// clone copies the list of fields; their octets are never written to.
func (b *block) clone() *block {
	c := *b
	c.fields = slices.Clone(b.fields)
	return &c
}

// body mends what follows the header. breaks tells that a signature of it
// would break.
func (r *Rules) body(h *block, m *Message, from int64, o *Outcome) (p piece, breaks bool, err error) {
	p = piece{m.Octets, from, m.Size - from}
	if p.size == 0 {
		return p, false, nil
	}
	out := &room{}
	var changes []string
	// What is large is only written down once it is known that it has to be.
	for _, to := range []io.Writer{io.Discard, out} {
		if to == io.Discard && p.size <= roomMemory {
			continue
		}
		c := r.mends.body(h, to)
		if c == nil {
			return p, false, nil
		}
		if changes, err = c.run(io.NewSectionReader(p.octets, p.from, p.size), p.size); err != nil {
			out.close()
			return p, false, err
		}
		if len(changes) == 0 {
			return p, false, nil
		}
	}
	o.rooms = append(o.rooms, out)
	for _, name := range changes {
		// Signatures are made over CRLF (RFC 6376 5.3).
		breaks = breaks || name != "fix:bare-lf"
		if !slices.Contains(o.Changes, name) {
			o.Changes = append(o.Changes, name)
		}
	}
	o.Altered = true
	return piece{out.reader(), 0, out.size}, breaks, nil
}
