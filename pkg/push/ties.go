package push

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
)

// A message of a tie may have to wait for the others: which of them are there is
// known when all have been seen. It waits in a file.

// tieResolver answers for messages that are part of a tie.
type tieResolver struct {
	session *destination.Session
	answers *answers
	byTie   map[*tie.Tie]*undecided
	order   []*undecided
	spool   batch.Spool
}

// undecided is a tie with the messages that wait.
type undecided struct {
	tie      *tie.Tie
	target   *destination.Folder
	messages []*batch.Message
	forms    [][]tie.Form
}

// wait keeps a message until the others of its tie have been seen.
func (s *tieResolver) wait(t *destination.Folder, m *batch.Message, forms []tie.Form) error {
	kept, err := s.spool.Keep(m.Source())
	if err != nil {
		return err
	}
	m.Answered = true // its copy will have the receipt
	u := s.byTie[m.Tied]
	if u == nil {
		u = &undecided{tie: m.Tied, target: t}
		s.byTie[m.Tied], s.order = u, append(s.order, u)
	}
	u.messages, u.forms = append(u.messages, kept), append(u.forms, forms)
	return nil
}

// take returns the messages of a tie that wait. They wait no more.
func (s *tieResolver) take(x *tie.Tie) (ms []*batch.Message, forms [][]tie.Form) {
	if u := s.byTie[x]; u != nil {
		ms, forms = u.messages, u.forms
		u.messages, u.forms = nil, nil
	}
	return ms, forms
}

// takeAll returns all ties of which messages wait. They wait no more.
func (s *tieResolver) takeAll() []*undecided {
	all := s.order
	s.byTie, s.order = map[*tie.Tie]*undecided{}, nil
	return all
}

// answer answers for those of the messages that are part of a tie, and returns those
// that are to be appended. waited are those that have waited for one of these.
func (s *tieResolver) answer(t *destination.Folder, ms []*batch.Message) (rest, waited []*batch.Message, err error) {
	for _, m := range ms {
		if m.Tie == nil {
			rest = append(rest, m)
			continue
		}
		now, before, err := s.one(t, m)
		if err != nil {
			return nil, nil, err
		}
		if waited = append(waited, before...); now {
			rest = append(rest, m)
		}
	}
	return rest, waited, nil
}

// one is answer for one message. now means that it is to be appended.
func (s *tieResolver) one(t *destination.Folder, m *batch.Message) (now bool, waited []*batch.Message, err error) {
	x := m.Tied
	if x == nil {
		return false, nil, s.answers.inDoubt([]*batch.Message{m}, "the plan does not say what is there")
	}
	if m.Copied {
		if err := s.session.HashAtSource([]*batch.Message{m}); err != nil || m.Loose == nil {
			return err == nil, nil, err // whoever copies it finds out
		}
	}
	forms, err := m.Forms()
	if err != nil {
		return false, nil, err
	}
	answer := x.See(forms)
	switch {
	case answer == tie.Present:
		err = s.answers.tied(t, m)
	case answer == tie.Missing:
		now = true
	case x.Complete():
	case m.Copied: // its content is not here
		err = s.answers.inDoubt([]*batch.Message{m}, noneFits)
	default:
		err = s.wait(t, m, forms)
	}
	if err != nil || !x.Complete() {
		return now, nil, err
	}
	waiting, waitingForms := s.take(x)
	if answer == tie.Later {
		waiting, waitingForms = append(waiting, m), append(waitingForms, forms)
	}
	missing, err := s.decided(t, waiting, x.Decide(waitingForms), noneFits)
	waited = slices.DeleteFunc(missing, func(o *batch.Message) bool { return o == m })
	return now || len(waited) < len(missing), waited, err
}

// decided writes the receipts of messages that are present or unclear, and returns
// the others.
func (s *tieResolver) decided(t *destination.Folder, ms []*batch.Message, answers []tie.Answer,
	unclear string) (missing []*batch.Message, err error) {
	for i, m := range ms {
		switch answers[i] {
		case tie.Present:
			err = s.answers.tied(t, m)
		case tie.Unclear:
			err = s.answers.inDoubt([]*batch.Message{m}, unclear)
		default:
			missing = append(missing, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// noneFits is why nobody can tell which messages of a tie are there.
const noneFits = "a message of the same key and look is there, and its octets do not tell whether it is this one: " +
	"compare them by hand, or make a plan of an export with bodies"
