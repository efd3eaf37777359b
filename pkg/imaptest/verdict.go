package imaptest

import "bytes"

// Verdict is what a real server does with the APPEND of a Case.
type Verdict struct {
	Refused string // how its refusal begins, such as "NO Message contains bare newlines"; "" if it stores the message
	Stored  []byte // the octets that come back, where they are others; else nil
}

// Kept reports whether the message is stored and comes back octet for octet.
func (v Verdict) Kept() bool { return v.Refused == "" && v.Stored == nil }

// Outcome returns the octets that a server with this verdict serves; false if
// it refuses the message.
func (c Case) Outcome(v Verdict) ([]byte, bool) {
	switch {
	case v.Refused != "":
		return nil, false
	case v.Stored != nil:
		return v.Stored, true
	}
	return c.Octets, true
}

// dovecotRefuses: Dovecot 2.3.19.1, Maildir and sdbox. The rest of its answer
// tells seconds. All else it stores, as DovecotStores says.
var dovecotRefuses = map[string]string{
	"empty": "NO Can't save a zero byte message",
}

// cyrusRefuses: Cyrus IMAP 3.6.1, whatever munge8bit is. It takes a "From "
// line, a continuation as first line, an empty line as first line and a header
// without an empty line behind it; octets it keeps, with munge8bit: 0, as they
// are: lone CRs too.
var cyrusRefuses = map[string]string{
	"bare-lf":            "NO Message contains bare newlines",
	"bare-lf-body":       "NO Message contains bare newlines",
	"bare-lf-header":     "NO Message contains bare newlines",
	"bare-lf-empty-line": "NO Message contains bare newlines",
	"lf-last":            "NO Message contains bare newlines",
	"one-lf":             "NO Message contains bare newlines",
	"empty":              "NO Zero-length message literal",
	"one-octet":          "NO Message contains invalid header",
	"no-header":          "NO Message contains invalid header",
	"cut-header":         "NO Message contains invalid header",
	"quoted-from-line":   "NO Message contains invalid header",
	"no-colon-line":      "NO Message contains invalid header",
	"blank-before-colon": "NO Message contains invalid header",
	"empty-name":         "NO Message contains invalid header",
	"blank-in-name":      "NO Message contains invalid header",
	"header-nul":         "NO Message contains NUL characters",
	"nul-body":           "NO Message contains NUL characters",
}

// judge fills in what was seen of real servers.
func (c *Case) judge() {
	c.Dovecot = verdict(c.Octets, dovecotRefuses[c.Name], DovecotStores(c.Octets))
	c.Cyrus = verdict(c.Octets, cyrusRefuses[c.Name], c.Octets)
	c.CyrusMunge = verdict(c.Octets, cyrusRefuses[c.Name], CyrusMunges(c.Octets))
}

func verdict(octets []byte, refused string, stored []byte) Verdict {
	switch {
	case refused != "":
		return Verdict{Refused: refused}
	case bytes.Equal(octets, stored):
		return Verdict{}
	}
	return Verdict{Stored: stored}
}

// DovecotStores returns what Dovecot serves of a message. NUL becomes 0x80. Lines
// are stored with LF and served with CRLF, so a bare LF gets a CR, one of two CRs
// before an LF goes, and a CR at the very end goes.
func DovecotStores(octets []byte) []byte {
	out := bytes.ReplaceAll(octets, []byte{0}, []byte{0x80})
	out = bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))
	out = bytes.TrimSuffix(out, []byte("\r"))
	var served []byte
	for i, b := range out {
		if b == '\n' && (i == 0 || out[i-1] != '\r') {
			served = append(served, '\r')
		}
		served = append(served, b)
	}
	return served
}

// CyrusMunges returns what Cyrus serves of a message. With munge8bit, every octet
// of the header from 0x80 becomes X.
func CyrusMunges(octets []byte) []byte {
	header, _ := splitHeader(octets)
	out := bytes.Clone(octets)
	for i := range header {
		if out[i] >= 0x80 {
			out[i] = 'X'
		}
	}
	return out
}
