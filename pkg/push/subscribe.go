package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Subscription says which folders of the destination are subscribed.
type Subscription string

// The choices. The zero value is SubscribeSource.
const (
	SubscribeSource Subscription = "source" // those that are at the source
	SubscribeAll    Subscription = "all"    // every one that the plan names
	SubscribeNone   Subscription = "none"   // subscriptions stay as they are
)

// subscriptions are those that no record of the plan asks for: a stream that is
// no plan has none.
func (p *pusher) subscriptions() (list []*stream.Subscribe) {
	all := p.opt.Subscribe == SubscribeAll
	if p.opt.Subscribe == SubscribeNone || p.begin.Plan && !all {
		return nil
	}
	for _, f := range p.toc {
		target := p.targetOf(f)
		if target == "" || !f.HoldsMessages() || !all && !f.Subscribed || p.subscribed[target] || p.session.Boxes[target].Subscribed {
			continue
		}
		p.subscribed[target] = true
		list = append(list, &stream.Subscribe{Target: target, Folder: f.Name})
	}
	return list
}

// subscribeTold subscribes, and writes the receipt, or keeps it until the end of the
// run if the server refuses.
func (p *pusher) subscribeTold(r *stream.Subscribe) error {
	x, err := p.subscribe(r)
	if err != nil {
		return err
	}
	if x.Result == receipt.Rejected {
		return p.refusedOnce(x, func() (receipt.Receipt, error) { return p.subscribe(r) })
	}
	return p.receipts.Folder(x)
}

func (p *pusher) subscribe(r *stream.Subscribe) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Subscribed, Folder: r.Folder, Target: r.Target}
	p.subscribed[r.Target] = true
	switch {
	case p.opt.Subscribe == SubscribeNone:
		x.Result, x.Reason = receipt.Skipped, "subscribe-none"
		return x, nil
	case p.opt.DryRun:
		x.Result, x.Reason = receipt.Skipped, "dry-run"
		return x, nil
	}
	wire, err := p.session.Folder(r.Target).Spelling()
	if err == nil {
		err = p.session.IMAP.Subscribe(p.session.Ctx, wire)
	}
	if destination.Refused(err) {
		x.Result, x.Reason, x.Text = receipt.Rejected, "subscribe", err.Error()
		return x, nil
	}
	return x, err
}
