package imaptest

import (
	"slices"
	"sort"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// List answers LIST and LSUB, with the extensions of RFC 5258, 5819 and 6154.
func (s *session) List(w *imapserver.ListWriter, ref string, patterns []string, options *imap.ListOptions) error {
	if len(patterns) == 0 { // LIST "" "" asks for the delimiter
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: s.delimiter()})
	}
	s.account.mu.Lock()
	var lines []*imap.ListData
	for _, name := range s.listed(options) {
		if s.matches(name, ref, patterns) {
			lines = append(lines, s.listLine(name, options))
		}
	}
	s.account.mu.Unlock()
	for _, line := range lines {
		if err := w.WriteList(line); err != nil {
			return err
		}
	}
	return nil
}

// listed returns the names that the selection options leave, sorted.
func (s *session) listed(options *imap.ListOptions) []string {
	if !options.SelectSubscribed {
		return slices.DeleteFunc(s.account.names(), func(name string) bool {
			return options.SelectSpecialUse && len(specialUses(s.account.mailboxes[name])) == 0
		})
	}
	var names []string
	for name := range s.account.subscribed {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (s *session) matches(name, ref string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if name == "INBOX" && ref == "" && strings.EqualFold(pattern, "INBOX") {
			return true
		}
		return imapserver.MatchList(name, s.delimiter(), ref, pattern)
	})
}

func (s *session) listLine(name string, options *imap.ListOptions) *imap.ListData {
	line := &imap.ListData{Delim: s.delimiter(), Mailbox: name}
	box := s.account.mailboxes[name]
	if box == nil {
		line.Attrs = append(line.Attrs, imap.MailboxAttrNonExistent)
	} else {
		for _, attribute := range box.attributes {
			line.Attrs = append(line.Attrs, imap.MailboxAttr(attribute))
		}
	}
	if s.has("CHILDREN") && box != nil {
		line.Attrs = append(line.Attrs, s.children(name))
	}
	if s.account.subscribed[name] && (options.ReturnSubscribed || options.SelectSubscribed) {
		line.Attrs = append(line.Attrs, imap.MailboxAttrSubscribed)
	}
	if options.ReturnStatus != nil && box != nil && !box.noselect() {
		line.Status = box.status()
	}
	return line
}

func (s *session) children(name string) imap.MailboxAttr {
	delimiter := s.server.options.Delimiter
	for other := range s.account.mailboxes {
		if delimiter != "" && strings.HasPrefix(other, name+delimiter) {
			return imap.MailboxAttrHasChildren
		}
	}
	return imap.MailboxAttrHasNoChildren
}

func specialUses(box *mailbox) []string {
	return slices.DeleteFunc(slices.Clone(box.attributes), isNoselect)
}
