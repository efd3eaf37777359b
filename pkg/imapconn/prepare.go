package imapconn

import (
	"fmt"
	"strconv"
	"strings"
)

// prepared is a message's part of an APPEND command.
type prepared struct {
	flags []string // that can be sent
	date  string   // in wire form, or ""
	plain bool     // every server understands flags and date

	dropped     []string
	droppedDate bool
	err         error // it cannot be sent at all
}

// variant is a choice among the flags and the date of a message.
type variant struct {
	flags []string
	date  string
}

// prepare decides what of a message's flags and date can be sent, and how; no
// message may be larger than limit, unless that is negative.
func prepare(m *AppendMessage, limit int64) prepared {
	p := prepared{plain: true}
	switch {
	case m.Size <= 0:
		p.err = ErrEmpty
	case limit >= 0 && m.Size > limit:
		p.err = fmt.Errorf("%w: %d octets, and it takes %d", ErrTooBig, m.Size, limit)
	}
	for _, f := range m.Flags {
		flag, plain, ok := sendable(f)
		if !ok {
			p.dropped = append(p.dropped, f)
			continue
		}
		if !containsFold(p.flags, flag) {
			p.flags = append(p.flags, flag)
		}
		p.plain = p.plain && plain
	}
	if m.InternalDate != "" {
		date, safe, ok := dateTime(m.InternalDate)
		p.date, p.droppedDate = date, !ok
		p.plain = p.plain && (safe || !ok)
	}
	return p
}

// sendable returns a flag as it is sent. plain flags are understood by every
// server; others are atoms at least (RFC 3501 9), or not sendable.
func sendable(f string) (flag string, plain, ok bool) {
	if strings.HasPrefix(f, `\`) {
		known, ok := canonicalFlags[strings.ToLower(f)]
		return known, true, ok && known != `\Recent`
	}
	if f == "" || len(f) > 255 {
		return "", false, false
	}
	plain = len(f) <= 64
	for i := range len(f) {
		c := f[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_$.+-", c) >= 0:
		case c <= ' ' || c >= 0x7F || strings.IndexByte(`(){%*"\]`, c) >= 0:
			return "", false, false
		default:
			plain = false
		}
	}
	return f, plain, true
}

// variants are what to try, one after the other, for a message that a server
// refuses: its flags or its date may be the reason. The first is all of it.
func (p *prepared) variants() []variant {
	list := []variant{{p.flags, p.date}}
	date := p.date
	if date != "" && !p.plain {
		date = ""
		list = append(list, variant{p.flags, date})
	}
	var system []string
	for _, f := range p.flags {
		if f[0] == '\\' {
			system = append(system, f)
		}
	}
	if len(system) > 0 && len(system) < len(p.flags) {
		list = append(list, variant{system, date})
	}
	if len(p.flags) > 0 {
		list = append(list, variant{nil, date})
	}
	return list
}

// result is the fate of a message that was stored in a variant.
func (p *prepared) result(v variant) AppendResult {
	r := AppendResult{DroppedFlags: p.dropped, DroppedDate: p.droppedDate || v.date != p.date}
	for _, f := range p.flags {
		if !containsFold(v.flags, f) {
			r.DroppedFlags = append(r.DroppedFlags, f)
		}
	}
	return r
}

// head appends what stands before the message itself: flags, date, literal.
func (v *variant) head(b []byte, size int64, wait bool) []byte {
	if len(v.flags) > 0 {
		b = append(b, " ("...)
		for i, f := range v.flags {
			if i > 0 {
				b = append(b, ' ')
			}
			b = append(b, f...)
		}
		b = append(b, ')')
	}
	if v.date != "" {
		b = append(b, ` "`...)
		b = append(b, v.date...)
		b = append(b, '"')
	}
	b = append(b, " {"...)
	b = strconv.AppendInt(b, size, 10)
	if !wait {
		b = append(b, '+')
	}
	return append(b, "}\r\n"...)
}
