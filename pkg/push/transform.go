package push

import (
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// transform changes the messages of a batch as the rules say, and returns those
// that are to be sent. The others get receipts.
func (p *pusher) transform(t *destination.Folder, w *batch.Item) ([]*batch.Message, error) {
	if !p.opt.Transform.Any() {
		return w.Messages, nil
	}
	var out []*batch.Message
	began := time.Now()
	for i, m := range w.Messages {
		if p.halt != nil {
			_, err := p.leave(w.Messages[i:])
			return out, err
		}
		if time.Since(began) > batch.KeepAlive {
			p.session.Keep()
			began = time.Now()
		}
		made, err := p.transformer.Apply(p.ctx, m)
		switch refusal, no := transform.IsRefusal(err); {
		case no && refusal.Skip:
			err = p.refuseAll(w.Messages[i:i+1], receipt.Skipped, refusal.Reason, refusal.Text)
		case no:
			err = p.refuseAll(w.Messages[i:i+1], receipt.Rejected, refusal.Reason, refusal.Text)
		case err == nil:
			w.Messages[i] = made // so that it is closed with the others
			out = append(out, made)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
