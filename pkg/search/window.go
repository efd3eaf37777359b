package search

import "bytes"

// window looks for words in a text that passes by. It keeps a block of the text
// and as much of what was before as a word may begin in.
type window struct {
	folded []byte
	rest   []byte // of a character that was cut
	keep   int    // octets of the longest word but one
}

// reset begins another text.
func (w *window) reset() { w.folded, w.rest = w.folded[:0], w.rest[:0] }

// add takes more of the text.
func (w *window) add(text []byte) {
	if n := len(w.folded) - w.keep; n > 0 {
		w.folded = append(w.folded[:0], w.folded[n:]...)
	}
	for len(w.rest) > 0 && len(text) > 0 { // at most three octets
		w.rest = append(w.rest, text[0])
		text = text[1:]
		w.folded, w.rest = appendFold(w.folded, w.rest, false)
	}
	var rest []byte
	w.folded, rest = appendFold(w.folded, text, false)
	w.rest = append(w.rest, rest...)
}

func (w *window) has(word []byte) bool { return bytes.Contains(w.folded, word) }
