package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// unclear answers for the messages of which a settled folder holds the key, and
// returns the others.
func (p *pusher) unclear(t *destination.Folder, ms []*batch.Message) (rest []*batch.Message, err error) {
	for i, m := range ms {
		if t.Unclear[m.Key] || t.Unclear[m.Source().Key] {
			err = p.refuseAll(ms[i:i+1], receipt.Failed, "in-doubt", "the server has given the folder its UIDVALIDITY just now, and a message of the same key is there: run the same pipeline again")
		} else {
			rest = append(rest, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}
