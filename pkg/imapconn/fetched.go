package imapconn

import (
	"slices"
)

// item is a set of data items that came in a FETCH response.
type item uint16

const (
	gotUID item = 1 << iota
	gotFlags
	gotDate
	gotSize
	gotHeader
	gotBody
	gotNIL    // the body was NIL
	gotGmail  // any of Gmail's items
	gotLabels // X-GM-LABELS
	gotRange  // the body came as a range of octets from the first on
)

// optional are the items without which a message is delivered, when they do not
// come if they are asked for alone.
const optional = gotFlags | gotDate | gotSize | gotLabels

// unknown returns what did not come of what was needed.
func (i item) unknown(need item) (u Unknown) {
	for _, e := range []struct {
		item    item
		unknown Unknown
	}{{gotFlags, UnknownFlags}, {gotDate, UnknownDate}, {gotSize, UnknownSize}, {gotLabels, UnknownLabels}} {
		if need&^i&e.item != 0 {
			u |= e.unknown
		}
	}
	return u
}

// fetched is what came of one message. Its buffers are used again.
type fetched struct {
	Message
	got    item
	header []byte
	body   []byte

	swallowed bool // the body looks as if it held answers of the server
	clash     item // came twice in one response, with other values
}

func (m *fetched) reset() {
	m.Message = Message{Flags: m.Flags[:0], Size: -1, Literal: -1}
	m.got, m.swallowed, m.clash = 0, false, 0
}

// dropClashes makes items that came twice with other values such as did not come.
func (m *fetched) dropClashes() {
	if m.clash&gotFlags != 0 {
		m.Flags = m.Flags[:0]
	}
	if m.clash&gotDate != 0 {
		m.InternalDate = ""
	}
	m.got &^= m.clash
}

// merge takes over what n has and m has not.
func (m *fetched) merge(n *fetched) {
	add := n.got &^ m.got
	if n.got&gotFlags != 0 { // the newer ones
		m.Flags = append(m.Flags[:0], n.Flags...)
	}
	if add&gotDate != 0 {
		m.InternalDate = n.InternalDate
	}
	if add&gotSize != 0 {
		m.Size = n.Size
	}
	if n.got&gotGmail != 0 {
		m.Gmail.merge(&n.Gmail)
	}
	if add&gotHeader != 0 {
		m.header = append(m.header[:0], n.header...)
		m.Header = m.header
	}
	if add&gotBody != 0 {
		m.Literal = n.Literal
		m.Body = nil
		if n.Body != nil {
			m.body = append(m.body[:0], n.Body...)
			m.Body = m.body
		}
	}
	m.got |= n.got
	if m.got&gotBody != 0 {
		m.got &^= gotNIL
	}
}

// asLongAs reports whether the body, or the part of it that was asked for, is as
// long as it must be.
func (m *fetched) asLongAs(w *wanted) bool {
	switch {
	case m.got&gotBody == 0:
		return false
	case w.partial:
		return m.Literal == w.maxBody || m.Size >= 0 && w.origin+m.Literal == m.Size
	}
	return m.Literal == m.Size
}

// fromRange takes octets from the first on for the body if they are all of it.
func (m *fetched) fromRange() {
	m.got &^= gotRange
	if m.Size >= 0 && m.Size == m.Literal {
		m.got |= gotBody
		return
	}
	m.Body, m.Literal = nil, -1
}

// clone returns a copy that stays.
func (m *fetched) clone() *fetched {
	n := &fetched{Message: m.Message, got: m.got}
	n.Flags = slices.Clone(m.Flags)
	n.header, n.Header = slices.Clone(m.Header), nil
	n.Header = n.header
	if m.Body != nil {
		n.body = append([]byte{}, m.Body...)
		n.Body = n.body
	}
	return n
}
