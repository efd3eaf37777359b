package search

import (
	"strconv"
	"strings"
)

// maxQuoted is the longest quoted string that is sent to a server, in octets.
const maxQuoted = 1000

// Piece is a part of a Program.
type Piece struct {
	Text    string
	Literal bool // Text is to be sent as a literal (RFC 9051 4.3)
}

// printer writes keys, for people or for a server.
type printer struct {
	wire   bool
	pieces []Piece
	buf    strings.Builder
}

func (p *printer) text(s string) { p.buf.WriteString(s) }

// string writes a quoted string, or a literal for what a server may not take
// quoted.
func (p *printer) string(s string) {
	if p.wire && !isQuotable(s) {
		p.cut()
		p.pieces = append(p.pieces, Piece{s, true})
		return
	}
	p.buf.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			p.buf.WriteByte('\\')
		}
		p.buf.WriteByte(s[i])
	}
	p.buf.WriteByte('"')
}

func isQuotable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxQuoted
}

func (p *printer) number(n int64) { p.text(strconv.FormatInt(n, 10)) }

// argument writes a key's name and a string.
func (p *printer) argument(name, s string) {
	p.text(name + " ")
	p.string(s)
}

// conjunction writes keys side by side.
func (p *printer) conjunction(keys []key) {
	if len(keys) == 0 {
		p.text("ALL")
	}
	for i, k := range keys {
		if i > 0 {
			p.text(" ")
		}
		k.print(p)
	}
}

// operand writes a key behind NOT or OR, which take one.
func (p *printer) operand(k key) {
	c, ok := k.(conjunction)
	if !ok {
		k.print(p)
		return
	}
	p.text("(")
	c.print(p)
	p.text(")")
}

// cut ends a piece of text.
func (p *printer) cut() {
	if p.buf.Len() > 0 {
		p.pieces = append(p.pieces, Piece{Text: p.buf.String()})
		p.buf.Reset()
	}
}

func (p *printer) String() string { return p.buf.String() }
