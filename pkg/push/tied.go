package push

import (
	"io"
	"os"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A message of a tie may have to wait for the others: which of them are there is
// known when all have been seen. It waits in a file.

// tiesUnderWay are the ties of which messages wait, or have waited.
type tiesUnderWay struct {
	waiting []*tie
	spool   tieSpool
}

// tied answers for those of the messages that are part of a tie, and returns those
// that are to be appended. late are those that have waited for one of these.
func (p *pusher) tied(t *target, ms []*message) (rest, late []*message, err error) {
	for _, m := range ms {
		if m.Tie == nil {
			rest = append(rest, m)
			continue
		}
		now, before, err := p.tiedOne(t, m)
		if err != nil {
			return nil, nil, err
		}
		if late = append(late, before...); now {
			rest = append(rest, m)
		}
	}
	return rest, late, nil
}

// tiedOne is tied for one message. now means that it is to be appended.
func (p *pusher) tiedOne(t *target, m *message) (now bool, late []*message, err error) {
	x := m.tie
	if x == nil {
		return false, nil, p.unclearTie([]*message{m}, "the plan does not say what is there")
	}
	if m.copied {
		if err := p.desk.readAtSource([]*message{m}); err != nil || m.loose == nil {
			return err == nil, nil, err // whoever copies it finds out
		}
	}
	forms, err := formsOf(m)
	if err != nil {
		return false, nil, err
	}
	x.sort()
	x.target = t
	x.see(forms)
	last := &tiedMessage{m, forms}
	switch {
	case x.takeExact(forms):
		err = p.excused(t, m)
	case !x.mayBe(forms):
		now = true
	case x.seen < x.of && m.copied: // its octets are not here
		err = p.unclearTie([]*message{m}, noneFits)
	default:
		x.waiting = append(x.waiting, last)
	}
	if err != nil || len(x.waiting) == 0 {
		return now, nil, err
	}
	if x.seen < x.of {
		if x.waiting[len(x.waiting)-1] == last {
			err = p.wait(x)
		}
		return now, nil, err
	}
	there, unclear, missing := x.decide()
	for _, o := range there {
		if err := p.excused(t, o.message); err != nil {
			return false, nil, err
		}
	}
	if err := p.unclearTie(messagesOf(unclear), noneFits); err != nil {
		return false, nil, err
	}
	for _, o := range missing {
		if o == last {
			now = true
		} else {
			late = append(late, o.message)
		}
	}
	return now, late, nil
}

// noneFits is why nobody can tell which messages of a tie are there.
const noneFits = "a message of the same key and look is there, and its octets do not tell whether it is this one: compare them by hand, or make a plan of an export with bodies"

func (p *pusher) unclearTie(ms []*message, why string) error {
	if len(ms) == 0 {
		return nil
	}
	return p.refuseAll(ms, receipt.Failed, "in-doubt", why)
}

func messagesOf(some []*tiedMessage) (ms []*message) {
	for _, m := range some {
		ms = append(ms, m.message)
	}
	return ms
}

// wait keeps the last message of a tie that waits.
func (p *pusher) wait(x *tie) error {
	if len(x.waiting) == 1 {
		p.tiesUnderWay.waiting = append(p.tiesUnderWay.waiting, x)
	}
	last := x.waiting[len(x.waiting)-1]
	kept, err := p.spool.keep(last.source())
	if err != nil {
		return err
	}
	last.message.answered = true // its copy will have the receipt
	last.message = kept
	return nil
}

// late appends messages that have waited.
func (p *pusher) late(t *target, w *work, ms []*message) error {
	for some := range slices.Chunk(ms, imapconn.MaxBatchMessages) {
		if t.refused != nil {
			if err := p.refuseAll(some, receipt.Rejected, "no-folder", t.refused.Error()); err != nil {
				return err
			}
			continue
		}
		own := &work{messages: some}
		out, err := p.transform(t, own)
		w.messages = append(w.messages, own.messages...) // so that they are closed and answered with the others
		if err == nil {
			err = p.arrive(t, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endTies answers for the messages that wait for others which do not come any more.
func (p *pusher) endTies() error {
	ties := p.tiesUnderWay.waiting
	p.tiesUnderWay.waiting = nil
	for _, x := range ties {
		unclear, missing := x.abandon()
		err := p.unclearTie(messagesOf(unclear), noneFits+"; others that look the same could not be read, or were left out")
		if err == nil {
			w := &work{}
			err = p.folderFailed(x.target, w, p.late(x.target, w, messagesOf(missing)))
			for _, m := range w.messages {
				m.close()
			}
		}
		if err != nil {
			return err
		}
	}
	return p.receipts.flush()
}

// skipTies answers for the messages that wait when the run had to stop.
func (p *pusher) skipTies(cause error) error {
	for _, x := range p.tiesUnderWay.waiting {
		if err := p.skipMessages(messagesOf(x.waiting), cause); err != nil {
			return err
		}
	}
	p.tiesUnderWay.waiting = nil
	return nil
}

// tieSpool is a file without a name that holds the octets of messages.
type tieSpool struct {
	file *os.File
	end  int64
}

// spooled is where the octets of a message stand in a file.
type spooled struct {
	file *os.File
	at   int64
}

// keep returns a copy of a message that stays when its batch is done.
func (s *tieSpool) keep(m *message) (*message, error) {
	if s.file == nil {
		file, err := os.CreateTemp("", "imap-push-")
		if err != nil {
			return nil, exit.Errorf(exit.IO, "a temporary file for messages that wait: %w", err).WithHint("set TMPDIR to a folder with room")
		}
		os.Remove(file.Name())
		s.file = file
	}
	kept := *m
	kept.octets, kept.file, kept.spooled = nil, nil, &spooled{s.file, s.end}
	n, err := io.Copy(io.NewOffsetWriter(s.file, s.end), io.NewSectionReader(m, 0, m.Size))
	s.end += n
	if err != nil {
		return nil, exit.Errorf(exit.IO, "the temporary file of messages that wait: %w", err).WithHint("set TMPDIR to a folder with room")
	}
	return &kept, nil
}

func (s *tieSpool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
