package push

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	for _, name := range slices.Sorted(maps.Keys(p.desk.boxes)) {
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
		if t := p.desk.target(m.Target); !t.exists {
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
		if err := p.desk.connect(); err != nil {
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
	before := p.desk.boxes
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
	var targets []*target
	for _, rec := range p.later {
		if r, ok := rec.(*stream.Create); ok {
			targets = append(targets, p.desk.target(r.Target))
		}
	}
	return p.desk.seek(targets)
}

// confirm looks whether the folders that the server says it has created are
// there. One that is not has a receipt that says so, and takes no messages.
func (p *pusher) confirm(answers []receipt.Receipt, before map[string]imapconn.Mailbox) error {
	if !slices.ContainsFunc(answers, func(x receipt.Receipt) bool { return x.Result == receipt.Created }) {
		return nil
	}
	err := p.desk.list(folder.AllSpaces)
	for i := range answers {
		x := &answers[i]
		if x.Result != receipt.Created {
			continue
		}
		t := p.desk.target(x.Target)
		if err == nil {
			t.refused, err = p.desk.missing(t, before)
		}
		switch {
		case err != nil: // nobody knows
			x.Result, x.Reason, x.Text = receipt.Failed, "in-doubt", err.Error()
		case t.refused != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "create", t.refused.Error()
		}
	}
	return err
}

// missing says why a folder that was created is not there, nil if it is.
func (d *desk) missing(t *target, before map[string]imapconn.Mailbox) (why, err error) {
	if b, listed := d.boxes[t.name]; listed {
		if t.wire = b.Wire; b.Selectable() {
			return nil, nil
		}
		return errors.New("the server says that it has created the folder, and lists it as one that takes no messages"), nil
	}
	var made []string
	for name := range d.boxes {
		if _, known := before[name]; !known && folder.Plain(name) == name && d.targets[name] == nil {
			made = append(made, folder.Quote(name))
		}
	}
	if slices.Sort(made); len(made) > 0 {
		return fmt.Errorf("the server says that it has created the folder, and lists %s instead: rename or map it", strings.Join(made, ", ")), nil
	}
	there, err := d.session.Exists(d.ctx, t.wire)
	if err != nil || there {
		return nil, err
	}
	return errors.New("the server says that it has created the folder, and has no such folder"), nil
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
		if err := p.subscribeTold(r); err != nil {
			return err
		}
	}
	return p.grants()
}

func (p *pusher) create(r *stream.Create) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Created, Folder: r.Folder, Target: r.Target}
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
