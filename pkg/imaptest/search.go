package imaptest

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Search answers SEARCH and ESEARCH (RFC 4731).
func (s *session) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria,
	options *imap.SearchOptions) (*imap.SearchData, error) {
	var numbers []uint32
	everything := imap.SeqSet{{Start: 1, Stop: 0}}
	err := s.each(everything, func(sequence uint32, m *message) error {
		if s.satisfies(sequence, m, criteria) {
			if kind == imapserver.NumKindUID {
				sequence = m.uid
			}
			numbers = append(numbers, sequence)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if on := s.server.options.OnSearch; on != nil {
		if numbers, err = on(s.account.user, s.box.name, numbers); err != nil {
			return nil, err
		}
	}
	data := &imap.SearchData{Count: uint32(len(numbers))}
	if len(numbers) > 0 {
		data.Min, data.Max = slices.Min(numbers), slices.Max(numbers)
	}
	data.All = numberSet(kind, numbers)
	return data, nil
}

func numberSet(kind imapserver.NumKind, numbers []uint32) imap.NumSet {
	if kind == imapserver.NumKindSeq {
		return imap.SeqSetNum(numbers...)
	}
	var uids imap.UIDSet
	for _, uid := range numbers {
		uids.AddNum(imap.UID(uid))
	}
	return uids
}

func (s *session) satisfies(sequence uint32, m *message, c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if !s.selector(set)(sequence, m.uid) {
			return false
		}
	}
	for _, set := range c.UID {
		if !s.selector(set)(sequence, m.uid) {
			return false
		}
	}
	for _, not := range c.Not {
		if s.satisfies(sequence, m, &not) {
			return false
		}
	}
	for _, or := range c.Or {
		if !s.satisfies(sequence, m, &or[0]) && !s.satisfies(sequence, m, &or[1]) {
			return false
		}
	}
	return s.flagged(m, c) && dated(m, c) && sized(m, c) && worded(m, c)
}

func (s *session) flagged(m *message, c *imap.SearchCriteria) bool {
	s.account.mu.Lock()
	flags := m.flags
	s.account.mu.Unlock()
	for _, flag := range c.Flag {
		if !containsFold(flags, string(flag)) {
			return false
		}
	}
	for _, flag := range c.NotFlag {
		if containsFold(flags, string(flag)) {
			return false
		}
	}
	return true
}

// dated compares days, disregarding time and zone (RFC 3501 section 6.4.4).
func dated(m *message, c *imap.SearchCriteria) bool {
	if !between(m.date, c.Since, c.Before) {
		return false
	}
	if c.SentSince.IsZero() && c.SentBefore.IsZero() {
		return true
	}
	header, _ := splitHeader(m.octets)
	value := strings.TrimPrefix(strings.TrimSpace(string(fields(header, []string{"Date"}, true))), "Date:")
	sent, err := mail.ParseDate(strings.TrimSpace(value))
	return err == nil && between(sent, c.SentSince, c.SentBefore)
}

func between(date, since, before time.Time) bool {
	day := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}

func sized(m *message, c *imap.SearchCriteria) bool {
	size := int64(len(m.octets))
	return (c.Larger == 0 || size > c.Larger) && (c.Smaller == 0 || size < c.Smaller)
}

func worded(m *message, c *imap.SearchCriteria) bool {
	header, body := splitHeader(m.octets)
	for _, field := range c.Header {
		found := fields(header, []string{field.Key}, true)
		if len(found) <= len("\r\n") || !holds(found, field.Value) {
			return false
		}
	}
	for _, words := range c.Body {
		if !holds(body, words) {
			return false
		}
	}
	for _, words := range c.Text {
		if !holds(m.octets, words) {
			return false
		}
	}
	return true
}

func holds(octets []byte, words string) bool {
	return bytes.Contains(bytes.ToLower(octets), bytes.ToLower([]byte(words)))
}
