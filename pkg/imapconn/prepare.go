package imapconn

import (
	"fmt"
	"strconv"
	"strings"
)

// prepared is a message's part of an APPEND command.
type prepared struct {
	flags    []string // that can be sent
	date     string   // in wire form, or ""
	safeDate bool     // every server understands the date, or there is none

	dropped     []string
	refused     []string // those of dropped that the mailbox was seen to refuse
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
	p := prepared{safeDate: true}
	switch {
	case m.Size <= 0:
		p.err = ErrEmpty
	case limit >= 0 && m.Size > limit:
		p.err = fmt.Errorf("%w: %d octets, and it takes %d", ErrTooBig, m.Size, limit)
	}
	for _, f := range m.Flags {
		flag, ok := sendable(f)
		if !ok {
			p.dropped = append(p.dropped, f)
			continue
		}
		if !containsFold(p.flags, flag) {
			p.flags = append(p.flags, flag)
		}
	}
	if m.InternalDate != "" {
		date, safe, ok := dateTime(m.InternalDate)
		p.date, p.droppedDate = date, !ok
		p.safeDate = safe || !ok
	}
	return p
}

// sendable returns a flag as it is sent: a system flag or an atom (RFC 3501 9).
func sendable(f string) (flag string, ok bool) {
	if strings.HasPrefix(f, `\`) {
		known, ok := canonicalFlags[strings.ToLower(f)]
		return known, ok && known != `\Recent`
	}
	if f == "" || len(f) > 255 {
		return "", false
	}
	for i := range len(f) {
		if c := f[i]; c <= ' ' || c >= 0x7F || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return "", false
		}
	}
	return f, true
}

// without takes out keywords that the mailbox refuses.
func (p *prepared) without(refuses func(keyword string) bool) {
	kept := p.flags[:0:0]
	for _, f := range p.flags {
		if !isSystemFlag(f) && refuses(f) {
			p.dropped, p.refused = append(p.dropped, f), append(p.refused, f)
		} else {
			kept = append(kept, f)
		}
	}
	p.flags = kept
}

// variants are what to try, one after the other, for a message that a server
// refuses: its flags or its date may be the reason. The first is all of it.
func (p *prepared) variants() (list []variant) {
	var system []string
	for _, f := range p.flags {
		if isSystemFlag(f) {
			system = append(system, f)
		}
	}
	choices := [][]string{p.flags}
	if len(system) > 0 && len(system) < len(p.flags) {
		choices = append(choices, system)
	}
	if len(p.flags) > 0 {
		choices = append(choices, nil)
	}
	for _, flags := range choices {
		list = append(list, variant{flags, p.date})
		if !p.safeDate {
			list = append(list, variant{flags, ""})
		}
	}
	return list
}

// result is the fate of a message that was stored in a variant.
func (p *prepared) result(v variant) AppendResult {
	r := AppendResult{DroppedFlags: p.dropped, RefusedFlags: p.refused, DroppedDate: p.droppedDate || v.date != p.date}
	for _, f := range p.flags {
		if !containsFold(v.flags, f) {
			r.DroppedFlags, r.RefusedFlags = append(r.DroppedFlags, f), append(r.RefusedFlags, f)
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
