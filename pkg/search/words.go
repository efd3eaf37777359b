package search

import "strings"

// field is HEADER, or one of the keys for the fields that most messages have.
type field struct {
	key   string // FROM; "" for HEADER
	name  string // as it was written: From
	words string // "" asks for the field alone
	fold  []byte // words, as texts are compared
}

func newField(key, name, words string) *field {
	return &field{key, name, words, fold(collapse(words))}
}

// collapse makes white space of any length one blank.
func collapse(words string) string {
	var b strings.Builder
	gap := false
	for _, c := range []byte(words) {
		isBlank := strings.IndexByte(" \t\r\n\v\f", c) >= 0
		if !isBlank {
			b.WriteByte(c)
		} else if !gap {
			b.WriteByte(' ')
		}
		gap = isBlank
	}
	return b.String()
}

// fieldKeys are the keys that name a field.
var fieldKeys = map[string]string{"BCC": "Bcc", "CC": "Cc", "FROM": "From", "SUBJECT": "Subject", "TO": "To"}

func (k *field) print(p *printer) {
	if k.key != "" {
		p.argument(k.key, k.words)
		return
	}
	p.argument("HEADER", k.name)
	p.text(" ")
	p.string(k.words)
}

func (k *field) needs(n *Needs) {
	n.Header = true
	n.Fields = append(n.Fields, strings.ToLower(k.name))
}

func (k *field) bounds(s server) bounds { return s.words(k, k.words) }
func (k *field) match(f *facts) verdict { return f.found(k) }

// wordKey is TEXT or BODY.
type wordKey struct {
	body  bool
	words string // not empty
	fold  []byte
}

// newText returns ALL for no words: they are in any text.
func newText(body bool, words string) key {
	if words == "" {
		return all{}
	}
	return &wordKey{body, words, fold(words)}
}

func (k *wordKey) print(p *printer) {
	if k.body {
		p.argument("BODY", k.words)
	} else {
		p.argument("TEXT", k.words)
	}
}

func (k *wordKey) needs(n *Needs)         { n.Body = true }
func (k *wordKey) bounds(s server) bounds { return s.words(k, k.words) }
func (k *wordKey) match(f *facts) verdict { return f.found(k) }
