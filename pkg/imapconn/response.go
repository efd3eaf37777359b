package imapconn

import (
	"bytes"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// response is the head of one response; the reader stands behind it.
type response struct {
	kind   byte   // '*' untagged, '+' continuation, 't' tagged, or a line that is no response
	tag    string // of a tagged one
	num    uint32 // of "n FETCH" and the like
	typ    string // in upper case, "" if it is none that we know
	status status // of OK, NO, BAD, BYE, PREAUTH, and the text of a continuation
}

// readStatusText is the text of a status response (RFC 3501 7.1).
type status struct {
	code imap.ResponseCode // in upper case, "" if there is none
	args string
	text string
}

// readHead reads the head of the next response.
func readHead(r *tokenizer) (response, error) {
	for {
		if err := r.line(); err != nil {
			return response{}, err
		}
		if len(bytes.TrimSpace(r.text)) > 0 || r.lit >= 0 {
			return readHeadOfLine(r)
		}
	}
}

// readHeadOfLine reads the head of the response that the line begins.
func readHeadOfLine(r *tokenizer) (response, error) {
	r.blanks()
	switch first := r.word(); {
	case len(first) == 1 && first[0] == '*':
		resp := readUntagged(r)
		if r.over && (resp.typ != "" || resp.num != 0) {
			return resp, r.tooLong(maxLine) // what it says would be missed
		}
		return resp, nil
	case len(first) > 0 && first[0] == '+':
		if r.over {
			return response{}, r.tooLong(maxLine)
		}
		return readContinuation(r), nil
	default:
		resp := response{kind: 't', tag: string(first[:min(len(first), 64)])}
		r.blanks()
		resp.typ = responseType(r.word())
		resp.status = readStatusText(r)
		return resp, nil
	}
}

func readUntagged(r *tokenizer) response {
	resp := response{kind: '*'}
	r.blanks()
	if n, ok := r.number32(); ok {
		resp.num = n
		r.blanks()
	}
	resp.typ = responseType(r.word())
	switch resp.typ {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		resp.status = readStatusText(r)
	}
	return resp
}

func readContinuation(r *tokenizer) response {
	r.pos = bytes.IndexByte(r.text, '+') + 1
	r.lit = -1
	text := strings.TrimSpace(string(r.text[r.pos:]))
	r.pos = len(r.text)
	return response{kind: '+', status: status{text: text}}
}

// responseType returns the name in upper case without allocating.
func responseType(b []byte) string {
	var buf [16]byte
	if len(b) > len(buf) {
		return ""
	}
	up := buf[:copy(buf[:], b)]
	for i, c := range up {
		if 'a' <= c && c <= 'z' {
			up[i] = c - 'a' + 'A'
		}
	}
	switch string(up) {
	case "FETCH":
		return "FETCH"
	case "OK":
		return "OK"
	case "NO":
		return "NO"
	case "BAD":
		return "BAD"
	case "BYE":
		return "BYE"
	case "PREAUTH":
		return "PREAUTH"
	case "EXISTS":
		return "EXISTS"
	case "EXPUNGE":
		return "EXPUNGE"
	case "VANISHED":
		return "VANISHED"
	case "FLAGS":
		return "FLAGS"
	case "LIST":
		return "LIST"
	case "LSUB":
		return "LSUB"
	case "STATUS":
		return "STATUS"
	case "SEARCH":
		return "SEARCH"
	case "ESEARCH":
		return "ESEARCH"
	case "CAPABILITY":
		return "CAPABILITY"
	case "NAMESPACE":
		return "NAMESPACE"
	case "QUOTA":
		return "QUOTA"
	case "QUOTAROOT":
		return "QUOTAROOT"
	case "ID":
		return "ID"
	case "ACL":
		return "ACL"
	case "MYRIGHTS":
		return "MYRIGHTS"
	case "LISTRIGHTS":
		return "LISTRIGHTS"
	}
	return ""
}

// readStatusText reads the rest of the line as the text of a status response. A brace
// at its end is text, no literal.
//
// Seen: no text, [ALERT]text, [] text, a bracket that never closes, and "]" in
// a keyword of PERMANENTFLAGS.
func readStatusText(r *tokenizer) status {
	r.lit = -1
	r.blanks()
	rest := r.text[r.pos:]
	r.pos = len(r.text)
	if len(rest) == 0 || rest[0] != '[' {
		return status{text: r.shown(string(rest))}
	}
	end := codeEnd(rest)
	code, args, _ := bytes.Cut(bytes.TrimSpace(rest[1:end]), []byte(" "))
	text := rest[min(end+1, len(rest)):]
	return status{r.code(strings.ToUpper(string(code))), string(bytes.TrimSpace(args)),
		r.shown(string(bytes.TrimSpace(text)))}
}

// code is a response code. One that IMAP has stays, whatever a password looks like.
func (r *lineReader) code(code string) imap.ResponseCode {
	if responseCodes[imap.ResponseCode(code)] {
		return imap.ResponseCode(code)
	}
	return imap.ResponseCode(strings.ToUpper(r.secrets.hide(code)))
}

// responseCodes are those of RFC 3501, 4315, 5530, 7162 and of what we know.
var responseCodes = map[imap.ResponseCode]bool{
	"ALERT": true, "BADCHARSET": true, "CAPABILITY": true, "PARSE": true, "PERMANENTFLAGS": true, "READ-ONLY": true,
	"READ-WRITE": true,
	"TRYCREATE":  true, "UIDNEXT": true, "UIDVALIDITY": true, "UNSEEN": true, "APPENDUID": true, "COPYUID": true,
	"UIDNOTSTICKY":  true,
	"HIGHESTMODSEQ": true, "NOMODSEQ": true, "MODIFIED": true, "CLOSED": true, "UNAVAILABLE": true,
	"AUTHENTICATIONFAILED": true,
	"AUTHORIZATIONFAILED":  true, "EXPIRED": true, "PRIVACYREQUIRED": true, "CONTACTADMIN": true, "NOPERM": true,
	"INUSE":         true,
	"EXPUNGEISSUED": true, "CORRUPTION": true, "SERVERBUG": true, "CLIENTBUG": true, "CANNOT": true, "LIMIT": true,
	"OVERQUOTA":     true,
	"ALREADYEXISTS": true, "NONEXISTENT": true, "NOTSAVED": true, "HASCHILDREN": true, "UNKNOWN-CTE": true,
	"TOOBIG":            true,
	"COMPRESSIONACTIVE": true, "MAILBOXID": true, "THROTTLED": true, "TEMPFAIL": true,
}

// shown is a server's text as it may be shown.
func (r *lineReader) shown(text string) string {
	if r.quiet && r.secrets.mute() {
		return redactedText
	}
	return r.secrets.hide(text)
}

// codeEnd returns the place of the bracket that closes the code.
func codeEnd(b []byte) int {
	from := 0
	if open := bytes.IndexByte(b, '('); open >= 0 && bytes.IndexByte(b[:open], ']') < 0 {
		if shut := bytes.IndexByte(b, ')'); shut > open {
			from = shut
		}
	}
	if i := bytes.IndexByte(b[from:], ']'); i >= 0 {
		return from + i
	}
	return len(b)
}

// isStatus reports whether a tagged response has a status that IMAP has. What
// another word means is not known.
func (resp *response) isStatus() bool {
	return resp.typ == "OK" || resp.typ == "NO" || resp.typ == "BAD"
}

// err returns the refusal that a tagged NO or BAD is, or nil.
func (resp *response) err() error {
	if resp.typ == "OK" {
		return nil
	}
	typ := imap.StatusResponseType(resp.typ)
	if typ != imap.StatusResponseTypeNo {
		typ = imap.StatusResponseTypeBad
	}
	code, text := resp.status.code, resp.status.text
	if strings.HasPrefix(string(code), "ERROR=") { // Exchange: the name of an exception, no code
		code, text = "", strings.TrimSpace("["+string(code)+" "+resp.status.args+"] "+text)
	}
	return &imap.Error{Type: typ, Code: code, Text: serverText(text)}
}
