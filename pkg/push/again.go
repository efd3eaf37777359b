package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A subscription or a right that the server refuses is asked for once more when the
// plan has been read: an error may pass. Its receipt comes then.

// maxAttempts bounds how many are remembered. What is beyond has its receipt at once.
const maxAttempts = 10000

// attempt is what was refused.
type attempt struct {
	answer receipt.Receipt // of the first time
	again  func() (receipt.Receipt, error)
}

// refusedOnce keeps the receipt of what was refused until it has been tried again.
func (p *pusher) refusedOnce(x receipt.Receipt, again func() (receipt.Receipt, error)) error {
	if len(p.attempts) >= maxAttempts {
		return p.receipts.Folder(x)
	}
	p.attempts = append(p.attempts, attempt{x, again})
	return nil
}

// tryAgain carries out what was refused, and writes the receipts.
func (p *pusher) tryAgain() error {
	for len(p.attempts) > 0 {
		x, err := p.attempts[0].again()
		if err != nil {
			return err // the receipt of the first time is written by tellRefused
		}
		p.attempts = p.attempts[1:]
		if err := p.receipts.Folder(x); err != nil {
			return err
		}
	}
	return nil
}

// tellRefused writes the receipts of what is not tried again because the run ends.
func (p *pusher) tellRefused() (err error) {
	attempts := p.attempts
	p.attempts = nil
	for _, a := range attempts {
		if told := p.receipts.Folder(a.answer); err == nil {
			err = told
		}
	}
	return err
}
