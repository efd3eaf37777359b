package diff

import (
	"encoding/json"
	"io"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// With Options.Record a plan comes with receipts of what is present already, so
// that later runs know it by its UID there.

// landing is where a message of the source was found.
type landing struct {
	target *Target
	uid    uint64
}

// landings returns where the messages of the source were found, by ordinal.
func (c *comparison) landings() map[uint32]landing {
	found := map[uint32]landing{}
	if c.opt.Record == nil {
		return found
	}
	for _, t := range c.dest.Folders() {
		if t.match == nil {
			continue
		}
		t.match.index.each(func(e *entry) {
			// One that was taken for another by its key alone proves nothing to later runs.
			if e.claimed == certain || e.claimed == likely || e.claimed == loose {
				found[e.claimant] = landing{t, e.uid()}
				if len(found)%chunkSize == 0 {
					raiseMemoryGoal(chunkSize * doubleOctets)
				}
			}
		})
	}
	return found
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
		return exit.Wrap(exit.Bug, err)
	}
	_, err = r.out.Write(append(line, '\n'))
	return exit.Wrap(exit.IO, err)
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
	return r.write(receipt.Receipt{
		Type: receipt.TypeReceipt, Result: receipt.Present, Folder: m.Folder, UIDValidity: jsonnum.Uint64(m.UIDValidity), UID: jsonnum.Uint64(m.UID), Key: m.Key,
		Target: at.target.Name, TargetUIDValidity: jsonnum.Uint64(at.target.UIDValidity), TargetUID: jsonnum.Uint64(at.uid), Time: now(),
	})
}

func (r *recorder) end() error {
	r.sums.Listed = r.sums.Total()
	return r.write(receipt.End{Type: receipt.TypeEnd, Sums: r.sums, Time: now()})
}
