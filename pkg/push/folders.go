package push

import (
	"errors"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
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
			t := p.desk.target(f.Target)
			t.sources++
			if !t.opened {
				t.validity, t.next = f.TargetUIDValidity, f.TargetUIDNext
			}
		}
	}
	return nil
}

// translate finds the targets of a stream that has not been through imap-diff.
func (p *pusher) translate() error {
	if err := p.desk.connect(); err != nil {
		return err
	}
	var sources []folder.Source
	for _, f := range p.toc {
		sources = append(sources, folder.Source{Name: f.Name, Delimiter: f.Delimiter, Level: !f.HoldsMessages()})
	}
	to := folder.Destination{Namespace: p.desk.session.Namespace()}
	for name := range p.desk.boxes {
		to.Folders = append(to.Folders, folder.Existing{Name: name})
	}
	table, err := (&folder.Rules{}).Map(sources, p.begin.Prefix, to)
	if err != nil {
		return err
	}
	p.where = map[string]string{}
	for _, m := range table.Mappings {
		if m.Note != "" {
			p.opt.Warn("%s", m.Note)
		}
		p.where[m.Source] = m.Target
		if t := p.desk.target(m.Target); !t.exists {
			p.later = append(p.later, &stream.Create{Target: m.Target, Folder: m.Source})
		}
	}
	return nil
}

// folders creates and subscribes what the plan asks for. It is put off until
// the first message, so that a plan without bodies changes nothing.
func (p *pusher) folders() error {
	later := p.later
	p.later = nil
	for _, r := range later {
		if err := p.desk.connect(); err != nil {
			return err
		}
		var x Receipt
		var err error
		switch r := r.(type) {
		case *stream.Create:
			x, err = p.create(r)
		case *stream.Subscribe:
			x, err = p.subscribe(r)
		}
		if err == nil {
			err = p.tellFolder(x)
		}
		if err != nil {
			return err
		}
	}
	return p.dress()
}

// dress gives the folders their subscriptions and access control lists, as far
// as the plan has no record for that.
func (p *pusher) dress() error {
	if p.dressed || !p.opt.ACL && p.begin.Plan && p.opt.Subscribe != SubscribeAll {
		return nil
	}
	p.dressed = true
	if err := p.desk.connect(); err != nil {
		return err
	}
	for _, r := range p.subscriptions() {
		x, err := p.subscribe(r)
		if err == nil {
			err = p.tellFolder(x)
		}
		if err != nil {
			return err
		}
	}
	return p.grants()
}

func (p *pusher) create(r *stream.Create) (Receipt, error) {
	x := Receipt{Result: receipt.Created, Folder: r.Folder, Target: r.Target}
	t := p.desk.target(r.Target)
	switch {
	case t.exists:
		x.Result = receipt.Present
		return x, nil
	case p.opt.DryRun:
		return p.rehearseName(x)
	}
	err := p.desk.create(t)
	switch {
	case errors.Is(err, imapconn.ErrExists) && t.refused != nil:
		x.Result, x.Reason, x.Text = receipt.Rejected, "collides", t.refused.Error()
	case errors.Is(err, imapconn.ErrExists):
		x.Result = receipt.Present
	case refused(err):
		t.refused = err
		x.Result, x.Reason, x.Text = receipt.Rejected, "create", err.Error()
	default:
		return x, err
	}
	return x, nil
}
