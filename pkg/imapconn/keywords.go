package imapconn

import (
	"strings"
	"sync"
)

// maxWords bounds how many words are remembered of a server.
const maxWords = 1000

// acceptedWords are the words, keywords and quoted mailbox names as they are
// written, that a server was seen to take in APPEND commands. A server that does
// not understand a command may take the text behind a non-synchronising literal
// for commands. So nothing stands before one but system flags, dates of the safe
// range, simple names, and what this server has taken before, in a command whose
// literal waited for its consent. All connections of an account share them.
type acceptedWords struct {
	mu      sync.Mutex
	taken   map[string]bool
	refused map[string]bool // by refusedWord
	largest int64           // octets of the largest message that was taken, 0: none was

	literals literalTrust
}

// roomyLiteral is a size that every server takes that takes mail, in octets.
const roomyLiteral = 64 << 10

// takesSize reports whether a message of a size may go before the server's consent:
// it has taken one that was half as large.
func (w *acceptedWords) takesSize(octets int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.largest > 0 && octets <= max(roomyLiteral, 2*w.largest)
}

// takeSize notes that the server has taken a message.
func (w *acceptedWords) takeSize(octets int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.largest = max(w.largest, octets)
}

// take notes words of a command that waited and was answered with OK.
func (w *acceptedWords) take(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, word := range words {
		if w.taken == nil {
			w.taken = map[string]bool{}
		}
		if len(w.taken) < maxWords {
			w.taken[word] = true
		}
	}
}

// refuse notes keywords without which a mailbox took a message that it had
// refused twice.
func (w *acceptedWords) refuse(mailbox string, keywords ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, keyword := range keywords {
		if w.refused == nil {
			w.refused = map[string]bool{}
		}
		if len(w.refused) < maxWords {
			w.refused[refusedWord(mailbox, keyword)] = true
		}
	}
}

// refuses reports whether a mailbox was seen to refuse a keyword.
func (w *acceptedWords) refuses(mailbox, keyword string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused[refusedWord(mailbox, keyword)]
}

func refusedWord(mailbox, keyword string) string { return mailbox + "\x00" + keyword }

// isPlainName reports whether a mailbox name may stand before a
// non-synchronising literal.
func (w *acceptedWords) isPlainName(wire string) bool {
	if isQuotable(wire) && isSimpleName(wire) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return isQuotable(wire) && w.taken[quotedName(wire)]
}

// isSimpleName reports whether a name, quoted, is one that every server
// understands: letters, digits and what stands in names everywhere.
func isSimpleName(wire string) bool {
	for _, c := range []byte(wire) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune(" &+,-./_", rune(c)) {
			return false
		}
	}
	return true
}

// quotedName is how a quotable name is written.
func quotedName(wire string) string { return string((&command{}).string(wire).octet) }

// isPlain reports whether a message may go with others, its literal before the
// server's consent.
func (w *acceptedWords) isPlain(p *prepared) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.err != nil || !p.safeDate {
		return false
	}
	for _, f := range p.flags {
		if !isSystemFlag(f) && !w.taken[f] {
			return false
		}
	}
	return true
}

func isSystemFlag(f string) bool { return f[0] == '\\' }
