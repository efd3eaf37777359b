package search

import "strings"

// maxProgram is how long a Program may be, in octets: RFC 7162 4 wants servers
// to take command lines of 8192.
const maxProgram = 8000

// Program is what a server is asked: what stands behind "UID SEARCH ", CHARSET
// included. A Program without pieces asks for all messages, and need not be sent.
// Its texts hold printable ASCII only; its literals are valid UTF-8 without CR,
// LF and NUL.
type Program []Piece

// String shows the program as one text, literals quoted.
func (p Program) String() string {
	var b strings.Builder
	for _, piece := range p {
		if piece.Literal {
			b.WriteString(shown(piece.Text))
		} else {
			b.WriteString(piece.Text)
		}
	}
	return b.String()
}

// Server divides c into what to ask a server, and what to check of the messages
// that it finds. It finds all that c selects, and what meets the residue among
// them is what c selects.
func (c Criteria) Server() (Program, Criteria) { return c.divide(server{utf8: true}) }

// ServerASCII is Server for a server that answered BADCHARSET: words beyond
// ASCII are left to the residue.
func (c Criteria) ServerASCII() (Program, Criteria) { return c.divide(server{}) }

func (c Criteria) divide(s server) (Program, Criteria) {
	p := printer{wire: true}
	var residue []key
	length := 0
	charset := ""
	for _, k := range c.keys {
		b := k.bounds(s)
		asked := b.high
		if isAll(asked) {
			residue = append(residue, k)
			continue
		}
		n, wide := measure(asked)
		if length+n > maxProgram {
			residue = append(residue, k)
			continue
		}
		if !b.exact {
			residue = append(residue, k)
		}
		if wide {
			charset = "CHARSET UTF-8 "
		}
		if length > 0 {
			p.text(" ")
		}
		asked.print(&p)
		length += n + 1
	}
	p.cut()
	program := Program(p.pieces)
	if charset != "" {
		program = append(Program{{Text: charset}}, program...)
	}
	return program, Criteria{residue}
}

// measure returns how many octets a key is as a command, and whether there are
// some beyond ASCII.
func measure(k key) (n int, wide bool) {
	p := printer{wire: true}
	k.print(&p)
	p.cut()
	for _, piece := range p.pieces {
		n += len(piece.Text)
		if piece.Literal {
			n += len("{65536}\r\n")
			wide = wide || !isASCII(piece.Text)
		}
	}
	return n, wide
}

// bounds enclose a key between two that a server can be asked: it finds no more
// than the key with low, and no less with high.
type bounds struct {
	low, high key
	exact     bool // both are as good as the key
}

func exactly(k key) bounds { return bounds{k, k, true} }

func atMost(k key) bounds { return bounds{low: nothing, high: k} }

// server is what is known of one.
type server struct {
	utf8 bool
}

// words are the bounds of a key that looks for some.
func (s server) words(k key, words string) bounds {
	if !s.utf8 && !isASCII(words) {
		return atMost(all{})
	}
	return exactly(k)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
