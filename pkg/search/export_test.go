package search

// Wire returns c as it is written, for a server that is to decide all of it.
func (c Criteria) Wire() Program {
	p := printer{wire: true}
	p.conjunction(c.keys)
	p.cut()
	for _, piece := range p.pieces {
		if piece.Literal && !isASCII(piece.Text) {
			return append(Program{{Text: "CHARSET UTF-8 "}}, p.pieces...)
		}
	}
	return p.pieces
}
