package transform

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// wrapper puts line ends into lines that are too long, where that changes no
// more than how a text looks: in text that is neither in base64 nor signed. It
// keeps at most one line of the length that is allowed.
type wrapper struct {
	out     io.Writer
	limit   int
	parts   *structure
	line    []byte // what is kept of the line
	inside  bool   // part of the line is out already
	wrapped bool
}

func newWrapper(out io.Writer, limit int, h *block) *wrapper {
	return &wrapper{out: out, limit: limit, parts: newStructure(h)}
}

func (w *wrapper) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n') + 1
		take := end
		if end == 0 {
			take = len(p)
		}
		if room := w.limit + len("\r\nx") - len(w.line); take > room {
			take, end = room, 0
		}
		w.line = append(w.line, p[:take]...)
		p = p[take:]
		if err := w.step(end > 0); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// step passes on what can be of a line; whole tells that its end is there.
func (w *wrapper) step(whole bool) error {
	if !whole && len(w.line) < w.limit+len("\r\nx") {
		return nil
	}
	if !w.inside {
		w.parts.line(w.line, whole)
	}
	for w.parts.wraps && len(withoutEnd(w.line)) > w.limit {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if !whole && w.parts.wraps {
		w.inside = true
		return nil
	}
	_, err := w.out.Write(w.line)
	w.line, w.inside = w.line[:0], !whole
	return err
}

// cut passes the first piece of a line that is too long.
func (w *wrapper) cut() error {
	text := withoutEnd(w.line)
	at, end := textCut(text, w.limit), "\r\n"
	if w.parts.quotedPrintable {
		at, end = quotedCut(text, w.limit), "=\r\n"
	}
	if _, err := w.out.Write(w.line[:at]); err != nil {
		return err
	}
	if _, err := io.WriteString(w.out, end); err != nil {
		return err
	}
	w.line = append(w.line[:0], w.line[at:]...)
	w.inside, w.wrapped = true, true
	return nil
}

// textCut is where a line of text can be cut: behind a blank, or else between
// two characters.
func textCut(text []byte, limit int) int {
	if at := bytes.LastIndexAny(text[:limit], " \t"); at > 0 {
		return at + 1
	}
	for at := limit; at > limit-utf8.UTFMax; at-- {
		if utf8.RuneStart(text[at]) {
			return at
		}
	}
	return limit
}

// quotedCut is where a line of quoted-printable can be cut (RFC 2045 6.7): the
// "=" that ends it must fit, and no code is cut in two.
func quotedCut(text []byte, limit int) int {
	at := limit - 1
	if n := bytes.IndexByte(text[at-2:at], '='); n >= 0 {
		at += n - 2
	}
	return at
}

func (w *wrapper) close() error {
	if len(w.line) == 0 {
		return nil
	}
	return w.step(true)
}

func (w *wrapper) changed() bool { return w.wrapped }
