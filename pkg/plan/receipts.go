package plan

import (
	"encoding/json"
	"io"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/memory"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// With Options.WriteReceipts a plan comes with receipts of what is present already, so
// that later runs know it by its UID there.

// landing is where a message of the source was found.
type landing struct {
	target *diff.Target
	uid    uint64
	proven bool // by its bytes, or by a receipt of imap-push
}

// landings returns where the messages of the source were found, by ordinal. One
// that was paired by its look is not among them where another message of the
// destination looks like that one and has other bytes.
func (p *planner) landings(c *diff.Comparison) (map[uint32]landing, error) {
	found := map[uint32]landing{}
	if p.opt.WriteReceipts == nil {
		return found, nil
	}
	for _, t := range c.Dest.Folders() {
		if t.Matcher == nil {
			continue
		}
		add := func(e *match.Entry) {
			found[e.Claimant] = landing{t, e.UID(), e.Claimed == match.Certain}
			if len(found)%match.ChunkSize == 0 {
				memory.Keep(match.ChunkSize * diff.SourceMessageBytes)
			}
		}
		var twins []*match.Entry // paired by their look, and not alone with their key
		var pair [2]*match.Entry
		t.Matcher.Index.Each(func(e *match.Entry) {
			switch e.Claimed { // one that was paired by the key alone proves nothing to later runs
			case match.Certain:
				add(e)
			case match.Likely, match.Loose:
				if len(t.Matcher.Index.Group(pair[:0], &e.Evidence, len(pair))) == 1 {
					add(e)
				} else {
					twins = append(twins, e)
				}
			}
		})
		if err := t.Matcher.Unambiguous(twins, add); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// recorder writes receipts of what is present.
type recorder struct {
	out   io.Writer
	found map[uint32]landing
	sums  receipt.Sums
}

func (r *recorder) write(record any) error {
	if r.out == nil {
		return nil
	}
	line, err := json.Marshal(record)
	if err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	_, err = r.out.Write(append(line, '\n'))
	return fault.Wrap(fault.IO, err)
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func (r *recorder) begin(b *stream.Begin) error {
	r.sums = receipt.Sums{}
	return r.write(receipt.Begin{
		Type: receipt.TypeBegin, Format: receipt.Format, Version: receipt.Version, Tool: b.Tool,
		Source: b.Account(), Destination: b.TargetAccount(), Key: b.Key, Time: now(),
	})
}

func (r *recorder) message(m *stream.Message, ordinal uint32) error {
	at, found := r.found[ordinal]
	if !found {
		return nil
	}
	r.sums.Present++
	reason := ""
	if !at.proven {
		reason = receipt.ReasonMatched
	}
	return r.write(receipt.Receipt{
		Reason: reason, Type: receipt.TypeReceipt, Result: receipt.Present, Folder: m.Folder,
		UIDValidity: jsonnum.Uint64(m.UIDValidity), UID: jsonnum.Uint64(m.UID), Key: m.Key,
		Target: at.target.Name, TargetUIDValidity: jsonnum.Uint64(at.target.UIDValidity),
		TargetUID: jsonnum.Uint64(at.uid),
		Time:      now(),
	})
}

func (r *recorder) end() error {
	r.sums.Listed = r.sums.Total()
	return r.write(receipt.End{Type: receipt.TypeEnd, Sums: r.sums, Time: now()})
}
