package transform

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// How a field is encoded that has 8-bit octets in it depends on what it is.
var (
	addressFields = []string{"from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc",
		"resent-bcc", "resent-sender", "resent-reply-to",
		"disposition-notification-to", "return-receipt-to", "errors-to", "mail-followup-to"}
	parameterFields = []string{"content-type", "content-disposition"}
	// tokenFields have no place for words.
	tokenFields = []string{"message-id", "in-reply-to", "references", "date", "resent-date", "resent-message-id",
		"received", "return-path", "mime-version",
		"content-transfer-encoding", "content-id", "dkim-signature", "domainkey-signature", "arc-seal",
		"arc-message-signature", "arc-authentication-results", "authentication-results"}
)

// eightBit rewrites the fields that have octets from 0x80, and stray lines with
// such.
func (b *block) eightBit(rewrite func(f *field, eol string) []byte) (names []string) {
	for i := range b.fields {
		if f := &b.fields[i]; has8Bit(f.raw) {
			if f.raw = rewrite(f, b.eol); f.name != "" {
				names = append(names, f.name)
			} else {
				names = append(names, "?")
			}
		}
	}
	return names
}

// maskField makes octets from 0x80 X, as Cyrus does.
func maskField(f *field, _ string) []byte { return mask(f.raw) }

// encodeField makes encoded words (RFC 2047) or parameters (RFC 2231) of them,
// and X where neither may stand.
func encodeField(f *field, eol string) []byte {
	name := strings.ToLower(f.name)
	value := f.value()
	switch {
	case name == "" || slices.Contains(tokenFields, name):
		return mask(f.raw)
	case slices.Contains(addressFields, name):
		value = encodeAddresses(value)
	case slices.Contains(parameterFields, name):
		value = encodeParameters(value)
	default:
		value = encodeText(value, has8Bit)
	}
	return fold(f.name, value, lineLength, eol)
}

// encodeAddresses encodes display names and comments of an address list (RFC
// 5322 3.4); octets in addresses become X.
func encodeAddresses(value []byte) (out []byte) {
	for len(value) > 0 {
		n := addressToken(value)
		token := value[:n]
		value = value[n:]
		switch {
		case !has8Bit(token):
			out = append(out, token...)
		case token[0] == '"' && !bytes.HasPrefix(value, []byte("@")):
			out = append(out, encodeWords(unquote(token))...)
		case token[0] == '(':
			inside := bytes.TrimSuffix(token[1:], []byte(")"))
			out = append(append(append(out, '('), encodeWords(inside)...), ')')
		case token[0] == '<', token[0] == '"', bytes.IndexByte(token, '@') >= 0:
			out = append(out, mask(token)...)
		default:
			out = append(out, encodeText(token, has8Bit)...)
		}
	}
	return out
}

// addressToken is the length of the quoted string, comment, angle address,
// comma or run of other words that begins p.
func addressToken(p []byte) int {
	switch p[0] {
	case '"':
		return closing(p, '"', '"')
	case '(':
		return closing(p, '(', ')')
	case '<':
		if n := bytes.IndexByte(p, '>'); n >= 0 {
			return n + 1
		}
		return len(p)
	case ',', ':', ';':
		return 1
	}
	if n := bytes.IndexAny(p, `"(<,:;`); n > 0 {
		return n
	}
	return len(p)
}

// closing is where the closer of what begins p has passed; what never closes
// takes all.
func closing(p []byte, opens, closes byte) int {
	depth := 0
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case c == closes && (opens != closes || i > 0):
			if depth--; depth <= 0 {
				return i + 1
			}
		case c == opens:
			depth++
		}
	}
	return len(p)
}

// unquote is what a quoted string says.
func unquote(token []byte) (out []byte) {
	token = bytes.TrimSuffix(token[1:], []byte{'"'})
	for i := 0; i < len(token); i++ {
		if token[i] == '\\' && i+1 < len(token) {
			i++
		}
		out = append(out, token[i])
	}
	return out
}

// encodeParameters makes extended parameters (RFC 2231 4) of those that have
// 8-bit octets; elsewhere these become X.
func encodeParameters(value []byte) (out []byte) {
	for i, part := range splitParameters(value) {
		if i > 0 {
			out = append(out, ';')
		}
		name, text, ok := bytes.Cut(part, []byte("="))
		if !ok || !has8Bit(text) || has8Bit(name) || bytes.HasSuffix(name, []byte("*")) {
			out = append(out, mask(part)...)
			continue
		}
		text = bytes.Trim(text, " \t")
		if text[0] == '"' {
			text = unquote(text[:closing(text, '"', '"')])
		}
		charset := "utf-8"
		if !utf8.Valid(text) {
			charset = "unknown-8bit"
		}
		out = fmt.Appendf(out, "%s*=%s''", bytes.TrimRight(name, " \t"), charset)
		for _, c := range text {
			if isPlainQ(c) && c != '*' && c != '/' || c == '.' || c == '_' {
				out = append(out, c)
			} else {
				out = fmt.Appendf(out, "%%%02X", c)
			}
		}
	}
	return out
}

// splitParameters cuts a value at the semicolons that stand in no quotes.
func splitParameters(value []byte) (parts [][]byte) {
	start := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			i += closing(value[i:], '"', '"') - 1
		case ';':
			parts = append(parts, value[start:i])
			start = i + 1
		}
	}
	return append(parts, value[start:])
}
