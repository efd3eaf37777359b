package codec

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
)

// BodyKind says how the octets of a body stand in a record.
type BodyKind byte

const (
	NoBody     BodyKind = iota
	TextBody            // body: a JSON string
	Base64Body          // body_base64
)

// Body is the octets of a message or part as they stand in its record: the inside
// of a JSON string.
type Body struct {
	token []byte
	kind  BodyKind
}

// Set makes b the body of octets, in the room that it has.
func (b *Body) Set(octets []byte) { b.token, b.kind = appendBody(b.token[:0], octets) }

// Present reports whether there is a body, be it an empty one.
func (b Body) Present() bool { return b.kind != NoBody }

// Clone returns a copy that stays when the next record is read.
func (b Body) Clone() Body { return Body{slices.Clone(b.token), b.kind} }

// AppendOctets appends the octets to dst. An error is ErrBody.
func (b Body) AppendOctets(dst []byte) ([]byte, error) { return decodeBody(dst, b.token, b.kind) }

// appendBody appends octets as a JSON string where they are valid UTF-8 and
// that is no longer than base64, else as base64; without the quotes.
func appendBody(dst, octets []byte) ([]byte, BodyKind) {
	limit := base64.StdEncoding.EncodedLen(len(octets))
	if len(octets) <= limit && utf8.Valid(octets) {
		start := len(dst)
		if dst = canonical.AppendEscaped(dst, octets); len(dst)-start <= limit {
			return dst, TextBody
		}
		dst = dst[:start]
	}
	return base64.StdEncoding.AppendEncode(dst, octets), Base64Body
}

// ErrBody is the error of a body that cannot be decoded.
var ErrBody = errors.New("body is not valid JSON text or base64")

// decodeBody appends the octets of a body token to dst.
func decodeBody(dst, token []byte, kind BodyKind) ([]byte, error) {
	var err error
	switch kind {
	case TextBody:
		dst, err = canonical.Unescape(dst, token)
	case Base64Body:
		if bytes.IndexByte(token, '\\') >= 0 {
			token, err = plainBase64(token)
		}
		// The decoder skips line ends, which a token cannot hold raw.
		if err == nil {
			dst, err = base64.StdEncoding.Strict().AppendDecode(dst, token)
		}
	}
	if err != nil {
		return dst, fmt.Errorf("%w: %v", ErrBody, err)
	}
	return dst, nil
}

// plainBase64 resolves the escapes that other writers put before a slash.
func plainBase64(token []byte) ([]byte, error) {
	out, err := canonical.Unescape(nil, token)
	if err == nil && bytes.ContainsAny(out, "\r\n") {
		err = errors.New("a line end")
	}
	return out, err
}
