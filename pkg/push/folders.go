package push

import (
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/push/folders"
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
			p.creator.Add(&stream.Create{Target: m.Target, Folder: m.Source})
		}
	}
	return nil
}

// setUpFolders creates and subscribes what the plan asks for. It is put off until the
// first message, so that a plan without bodies changes nothing.
func (p *pusher) setUpFolders() error {
	if p.creator.Pending() || p.subscriber.Pending() {
		if err := p.session.Connect(); err != nil {
			return err
		}
	}
	if err := p.creator.Run(); err != nil {
		return err
	}
	if err := p.subscriber.Run(); err != nil {
		return err
	}
	return p.applySubscriptionsAndACL()
}

// applySubscriptionsAndACL gives the folders what the plan has no record for.
func (p *pusher) applySubscriptionsAndACL() error {
	subscribe := p.opt.Subscribe == folders.SubscribeAll || !p.begin.Plan && p.opt.Subscribe != folders.SubscribeNone
	if p.foldersDone || !subscribe && !p.opt.ACL && p.begin.Plan {
		return nil
	}
	p.foldersDone = true
	if err := p.session.Connect(); err != nil {
		return err
	}
	if subscribe {
		p.subscriber.AddOthers(p.toc, p.targetOf)
		if err := p.subscriber.Run(); err != nil {
			return err
		}
	}
	if !p.opt.ACL {
		return nil
	}
	var lists []folders.List
	for _, f := range p.toc {
		if t := p.goal(f); f.ACL != nil && t != nil && (t.Exists || p.opt.DryRun) {
			lists = append(lists, folders.List{Folder: f, Target: t})
		}
	}
	return p.acl.Run(lists, p.begin.User)
}
