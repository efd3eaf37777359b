package diff

import (
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// FoldsCase asks for a folder that is there in other letters.
func (a *Account) FoldsCase() (folder.CaseSense, error) {
	names := map[string]bool{}
	var probe imapconn.Mailbox
	for _, t := range a.targets {
		if folder.IsInbox(t.Name) || t.Unreadable != "" {
			continue
		}
		folded := strings.ToLower(folder.Plain(t.Name))
		if names[folded] {
			return folder.CaseKept, nil
		}
		names[folded] = true
		if wire, ok := otherCase(t.Wire); ok && probe.Wire == "" {
			probe.Wire = wire
		}
	}
	if probe.Wire == "" {
		return folder.CaseUnknown, nil
	}
	results, err := a.session.Status(a.ctx, []imapconn.Mailbox{probe}, false)
	if err != nil {
		return folder.CaseUnknown, err
	}
	switch refused := results[0].Err; {
	case refused != nil && (results[0].Reason != imapconn.Refused || fault.KindOf(refused) == fault.Temporary):
		return folder.CaseUnknown, nil // it did not say that there is none
	case refused != nil || results[0].UIDValidity == 0:
		return folder.CaseKept, nil
	}
	return folder.CaseFolded, nil
}

// otherCase turns small letters into capitals and the other way round, as far
// as they stand for themselves in modified UTF-7. INBOX and what is below it
// have any case everywhere.
func otherCase(wire string) (string, bool) {
	keep := 0
	if n := len(folder.Inbox); len(wire) >= n && folder.IsInbox(wire[:n]) {
		keep = n
	}
	other := []byte(wire)
	shifted := false
	for i, c := range other {
		switch {
		case c == '&':
			shifted = true
		case c == '-':
			shifted = false
		case shifted || i < keep:
		case c >= 'a' && c <= 'z':
			other[i] = c - 'a' + 'A'
		case c >= 'A' && c <= 'Z':
			other[i] = c - 'A' + 'a'
		}
	}
	return string(other), string(other) != wire
}
