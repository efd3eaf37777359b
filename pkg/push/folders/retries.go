// Package folders creates and subscribes the folders of a plan, and applies their
// access control lists.
package folders

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// maxRetries bounds how many are remembered. What is beyond has its receipt at once.
const maxRetries = 10000

// Retries are subscriptions and rights that the server refused. They are asked for
// once more when the plan has been read: an error may pass. Their receipts come then.
type Retries struct {
	receipts *receipts.Writer
	refused  []refused
}

type refused struct {
	answer receipt.Receipt // of the first time
	again  func() (receipt.Receipt, error)
}

// NewRetries makes Retries.
func NewRetries(writer *receipts.Writer) *Retries { return &Retries{receipts: writer} }

// do carries something out, and writes its receipt, or keeps that if the server refuses.
func (r *Retries) do(try func() (receipt.Receipt, error)) error {
	x, err := try()
	if err != nil {
		return err
	}
	if x.Result != receipt.Rejected || len(r.refused) >= maxRetries {
		return r.receipts.Folder(x)
	}
	r.refused = append(r.refused, refused{x, try})
	return nil
}

// Run carries out what was refused, and writes the receipts.
func (r *Retries) Run() error {
	for len(r.refused) > 0 {
		x, err := r.refused[0].again()
		if err != nil {
			return err // the receipt of the first time is written by Skip
		}
		r.refused = r.refused[1:]
		if err := r.receipts.Folder(x); err != nil {
			return err
		}
	}
	return nil
}

// Skip writes the receipts of what is not tried again because the run ends.
func (r *Retries) Skip() (err error) {
	list := r.refused
	r.refused = nil
	for _, x := range list {
		if failed := r.receipts.Folder(x.answer); err == nil {
			err = failed
		}
	}
	return err
}
