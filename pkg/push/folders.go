package push

import (
	"errors"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// targets notes what the plan saw of each folder, or, for a stream that is no
// plan, where each folder goes.
func (p *pusher) targets() error {
	if !p.begin.Plan {
		return p.translate()
	}
	for _, f := range p.toc {
		if f.Target != "" {
			t := p.session.Folder(f.Target)
			t.Sources++
			if !t.Opened {
				t.Validity, t.Next = f.TargetUIDValidity, f.TargetUIDNext
			}
		}
	}
	return nil
}

// translate finds the targets of a stream that has not been through imap-diff.
func (p *pusher) translate() error {
	if err := p.session.Connect(); err != nil {
		return err
	}
	var sources []folder.Source
	for _, f := range p.toc {
		sources = append(sources, folder.Source{Name: f.Name, Delimiter: f.Delimiter, Level: !f.HoldsMessages()})
	}
	to := folder.Destination{Namespace: p.session.IMAP.Namespace()}
	for _, name := range slices.Sorted(maps.Keys(p.session.Boxes)) {
		to.Folders = append(to.Folders, folder.Existing{Name: name})
	}
	table, err := (&folder.Rules{}).Map(p.ctx, sources, p.begin.Prefix, to)
	if err != nil {
		return err
	}
	p.where = map[string]string{}
	for _, m := range table.Mappings {
		if m.Note != "" {
			p.opt.Warn("%s", m.Note)
		}
		p.where[m.Source] = m.Target
		if t := p.session.Folder(m.Target); !t.Exists {
			p.later = append(p.later, &stream.Create{Target: m.Target, Folder: m.Source})
		}
	}
	return nil
}

// folders creates and subscribes what the plan asks for. It is put off until
// the first message, so that a plan without bodies changes nothing. Creations
// come first, and have their receipts when the server lists what it has made.
func (p *pusher) folders() error {
	if len(p.later) > 0 {
		if err := p.session.Connect(); err != nil {
			return err
		}
	}
	if err := p.createAll(); err != nil {
		return err
	}
	for len(p.later) > 0 {
		if err := p.subscribeTold(p.later[0].(*stream.Subscribe)); err != nil {
			return err
		}
		p.later = p.later[1:]
	}
	return p.dress()
}

// createAll carries out the create records.
func (p *pusher) createAll() error {
	var others []stream.Record
	var answers []receipt.Receipt
	var err error
	before := p.session.Boxes
	if err := p.seekAll(); err != nil {
		return err
	}
	for i, rec := range p.later {
		r, ok := rec.(*stream.Create)
		if !ok {
			others = append(others, rec)
			continue
		}
		var x receipt.Receipt
		if x, err = p.create(r); err != nil {
			others = append(others, p.later[i:]...)
			break
		}
		answers = append(answers, x)
	}
	p.later = others
	if err == nil {
		err = p.confirm(answers, before)
	}
	for _, x := range answers {
		if told := p.receipts.Folder(x); err == nil {
			err = told
		}
	}
	return err
}

// seekAll asks for the folders that are to be created: LIST may leave them out.
func (p *pusher) seekAll() error {
	var targets []*destination.Folder
	for _, rec := range p.later {
		if r, ok := rec.(*stream.Create); ok {
			targets = append(targets, p.session.Folder(r.Target))
		}
	}
	return p.session.Seek(targets)
}

// confirm looks whether the folders that the server says it has created are
// there. One that is not has a receipt that says so, and takes no messages.
func (p *pusher) confirm(answers []receipt.Receipt, before map[string]imapconn.Mailbox) error {
	if !slices.ContainsFunc(answers, func(x receipt.Receipt) bool { return x.Result == receipt.Created }) {
		return nil
	}
	err := p.session.List(folder.AllSpaces)
	for i := range answers {
		x := &answers[i]
		if x.Result != receipt.Created {
			continue
		}
		t := p.session.Folder(x.Target)
		if err == nil {
			t.Refused, err = p.session.Unmade(t, before)
		}
		switch {
		case err != nil: // nobody knows
			x.Result, x.Reason, x.Text = receipt.Failed, "in-doubt", err.Error()
		case t.Refused != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "create", t.Refused.Error()
		}
	}
	return err
}

// dress gives the folders their subscriptions and access control lists, as far
// as the plan has no record for that.
func (p *pusher) dress() error {
	if p.dressed || !p.opt.ACL && p.begin.Plan && p.opt.Subscribe != SubscribeAll {
		return nil
	}
	p.dressed = true
	if err := p.session.Connect(); err != nil {
		return err
	}
	for _, r := range p.subscriptions() {
		if err := p.subscribeTold(r); err != nil {
			return err
		}
	}
	return p.grants()
}

func (p *pusher) create(r *stream.Create) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Created, Folder: r.Folder, Target: r.Target}
	t := p.session.Folder(r.Target)
	switch {
	case t.Exists:
		x.Result = receipt.Present
		return x, nil
	case p.opt.DryRun:
		return p.rehearseName(x)
	}
	err := p.session.Create(t)
	switch {
	case errors.Is(err, imapconn.ErrExists) && t.Refused != nil:
		x.Result, x.Reason, x.Text = receipt.Rejected, "collides", t.Refused.Error()
	case errors.Is(err, imapconn.ErrExists):
		x.Result = receipt.Present
	case destination.Refused(err):
		t.Refused = err
		x.Result, x.Reason, x.Text = receipt.Rejected, "create", err.Error()
	default:
		return x, err
	}
	return x, nil
}
