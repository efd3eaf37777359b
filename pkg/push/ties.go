package push

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/push/tie"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A message of a tie may have to wait for the others: which of them are there is
// known when all have been seen. It waits in a file.

// ties are the ties of which messages wait for others.
type ties struct {
	byTie map[*tie.Tie]*undecided
	order []*undecided
	spool batch.Spool
}

// undecided is a tie with the messages that wait.
type undecided struct {
	tie      *tie.Tie
	target   *destination.Folder
	messages []*batch.Message
	forms    [][]tie.Form
}

// wait keeps a message until the others of its tie have been seen.
func (s *ties) wait(t *destination.Folder, m *batch.Message, forms []tie.Form) error {
	kept, err := s.spool.Keep(m.Source())
	if err != nil {
		return err
	}
	m.Answered = true // its copy will have the receipt
	u := s.byTie[m.Tied]
	if u == nil {
		u = &undecided{tie: m.Tied, target: t}
		if s.byTie == nil {
			s.byTie = map[*tie.Tie]*undecided{}
		}
		s.byTie[m.Tied], s.order = u, append(s.order, u)
	}
	u.messages, u.forms = append(u.messages, kept), append(u.forms, forms)
	return nil
}

// take returns the messages of a tie that wait. They wait no more.
func (s *ties) take(x *tie.Tie) (ms []*batch.Message, forms [][]tie.Form) {
	if u := s.byTie[x]; u != nil {
		ms, forms = u.messages, u.forms
		u.messages, u.forms = nil, nil
	}
	return ms, forms
}

// takeAll returns all ties of which messages wait. They wait no more.
func (s *ties) takeAll() []*undecided {
	all := s.order
	s.byTie, s.order = nil, nil
	return all
}

// tied answers for those of the messages that are part of a tie, and returns those
// that are to be appended. waited are those that have waited for one of these.
func (a *appender) tied(t *destination.Folder, ms []*batch.Message) (rest, waited []*batch.Message, err error) {
	for _, m := range ms {
		if m.Tie == nil {
			rest = append(rest, m)
			continue
		}
		now, before, err := a.tiedOne(t, m)
		if err != nil {
			return nil, nil, err
		}
		if waited = append(waited, before...); now {
			rest = append(rest, m)
		}
	}
	return rest, waited, nil
}

// tiedOne is tied for one message. now means that it is to be appended.
func (a *appender) tiedOne(t *destination.Folder, m *batch.Message) (now bool, waited []*batch.Message, err error) {
	x := m.Tied
	if x == nil {
		return false, nil, a.unclearTie(m, "the plan does not say what is there")
	}
	if m.Copied {
		if err := a.session.HashAtSource([]*batch.Message{m}); err != nil || m.Loose == nil {
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
		err = a.answers.tied(t, m)
	case answer == tie.Missing:
		now = true
	case x.Complete():
	case m.Copied: // its content is not here
		err = a.unclearTie(m, noneFits)
	default:
		err = a.ties.wait(t, m, forms)
	}
	if err != nil || !x.Complete() {
		return now, nil, err
	}
	waiting, waitingForms := a.ties.take(x)
	if answer == tie.Later {
		waiting, waitingForms = append(waiting, m), append(waitingForms, forms)
	}
	missing, err := a.answerTie(t, waiting, x.Decide(waitingForms), noneFits)
	waited = slices.DeleteFunc(missing, func(o *batch.Message) bool { return o == m })
	return now || len(waited) < len(missing), waited, err
}

// answerTie writes the receipts of messages that are present or unclear, and returns
// the others.
func (a *appender) answerTie(t *destination.Folder, ms []*batch.Message, answers []tie.Answer, unclear string) (missing []*batch.Message, err error) {
	for i, m := range ms {
		switch answers[i] {
		case tie.Present:
			err = a.answers.tied(t, m)
		case tie.Unclear:
			err = a.unclearTie(m, unclear)
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
const noneFits = "a message of the same key and look is there, and its octets do not tell whether it is this one: compare them by hand, or make a plan of an export with bodies"

func (a *appender) unclearTie(m *batch.Message, why string) error {
	return a.answers.inDoubt([]*batch.Message{m}, why)
}

// deliverWaited appends messages that have waited.
func (a *appender) deliverWaited(t *destination.Folder, w *batch.Item, ms []*batch.Message) error {
	for some := range slices.Chunk(ms, imapconn.MaxBatchMessages) {
		if t.Refused != nil {
			if err := a.answers.noFolder(t, some); err != nil {
				return err
			}
			continue
		}
		own := &batch.Item{Messages: some}
		out, err := a.transform(own)
		w.Messages = append(w.Messages, own.Messages...) // so that they are closed and answered with the others
		if err == nil {
			err = a.arrive(t, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endTies answers for the messages that wait for others which do not come any more.
func (a *appender) endTies() error {
	for _, u := range a.ties.takeAll() {
		missing, err := a.answerTie(u.target, u.messages, u.tie.Abandon(u.forms), noneFits+"; others that look the same could not be read, or were left out")
		if err == nil {
			w := &batch.Item{}
			err = a.folderFailed(u.target, w, a.deliverWaited(u.target, w, missing))
			for _, m := range w.Messages {
				m.Close()
			}
		}
		if err != nil {
			return err
		}
	}
	return a.answers.receipts.Flush()
}

// skipTies answers for the messages that wait when the run had to stop.
func (a *appender) skipTies(cause error) error {
	for _, u := range a.ties.takeAll() {
		if err := a.skip(u.messages, cause); err != nil {
			return err
		}
	}
	return nil
}

// skip answers for those messages of a batch that have no receipt when the run had to
// stop.
func (a *appender) skip(ms []*batch.Message, cause error) (err error) {
	for _, m := range ms {
		switch {
		case m.Answered:
			continue
		case m.InDoubt:
			err = a.answers.inDoubt([]*batch.Message{m},
				"the run ended before it was known whether the server has stored it: "+cause.Error())
		default:
			err = a.answers.refuseOne(m, receipt.Skipped, receipts.RunEnded, cause.Error())
		}
		if err != nil && a.answers.receipts.Broken() {
			return err
		}
	}
	return err
}
