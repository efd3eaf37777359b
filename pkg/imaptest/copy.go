package imaptest

import (
	"github.com/emersion/go-imap/v2"
)

func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	data := &imap.CopyData{}
	var copies []*message
	err := s.each(set, func(_ uint32, m *message) error {
		copies = append(copies, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	copies, refusal := s.mayCopy(dest, copies)
	if refusal != nil && !s.server.options.PartialCopy {
		return nil, refusal
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	box, err := s.find(dest)
	if err != nil {
		return nil, no(imap.ResponseCodeTryCreate, "No such mailbox")
	}
	s.account.copiesMade += len(copies)
	for _, m := range copies {
		data.SourceUIDs.AddNum(imap.UID(m.uid))
		data.DestUIDs.AddNum(imap.UID(box.add(Message{m.octets, s.remembered(m.flags), m.date})))
	}
	data.UIDValidity = box.uidValidity
	if refusal != nil {
		return nil, refusal
	}
	if len(copies) == 0 || !s.has("UIDPLUS") {
		return nil, nil
	}
	return data, nil
}

// mayCopy returns the messages before the first that is refused, and its refusal.
func (s *session) mayCopy(dest string, copies []*message) ([]*message, error) {
	if ask := s.server.options.OnCopy; ask != nil {
		for i, m := range copies {
			if err := ask(s.account.user, s.account.spelt(dest), Message{m.octets, m.flags, m.date}); err != nil {
				return copies[:i], err
			}
		}
	}
	return copies, nil
}
