package push

import (
	"context"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/folders"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// folderSetup makes the folders of a plan what they should be before messages go
// there.
type folderSetup struct {
	ctx        context.Context
	opt        *Options
	session    *destination.Session
	creator    *folders.Creator
	subscriber *folders.Subscriber
	acl        *folders.ACLSetter
	retries    *folders.Retries
	done       bool // all that the plan has no record for
}

func newFolderSetup(ctx context.Context, opt *Options, session *destination.Session, writer *receipts.Writer,
	warnOnce func(string, ...any)) *folderSetup {
	retries := folders.NewRetries(writer)
	return &folderSetup{
		ctx: ctx, opt: opt, session: session, retries: retries,
		creator:    folders.NewCreator(session, writer, opt.DryRun),
		subscriber: folders.NewSubscriber(session, retries, opt.Subscribe, opt.DryRun),
		acl:        folders.NewACLSetter(session, retries, warnOnce, opt.DryRun),
	}
}

// begin notes what the plan saw of each folder, or, for a stream that is no plan,
// where each folder goes.
func (s *folderSetup) begin(p *plan) error {
	if !p.begin.Plan {
		return s.mapFolders(p)
	}
	for _, f := range p.toc {
		if f.Target != "" {
			t := s.session.Folder(f.Target)
			t.Sources++
			if !t.Opened {
				t.Validity, t.Next = f.TargetUIDValidity, f.TargetUIDNext
			}
		}
	}
	return nil
}

// mapFolders finds the targets of a stream that has not been through imap-diff.
func (s *folderSetup) mapFolders(p *plan) error {
	if err := s.session.Connect(); err != nil {
		return err
	}
	var sources []folder.Source
	for _, f := range p.toc {
		sources = append(sources, folder.Source{Name: f.Name, Delimiter: f.Delimiter, Level: !f.HoldsMessages()})
	}
	to := folder.Destination{Namespace: s.session.IMAP.Namespace()}
	for _, name := range slices.Sorted(maps.Keys(s.session.Boxes)) {
		to.Folders = append(to.Folders, folder.Existing{Name: name})
	}
	table, err := (&folder.Rules{}).Map(s.ctx, sources, p.begin.Prefix, to)
	if err != nil {
		return err
	}
	p.where = map[string]string{}
	for _, m := range table.Mappings {
		if m.Note != "" {
			s.opt.Warn("%s", m.Note)
		}
		p.where[m.Source] = m.Target
		if t := s.session.Folder(m.Target); !t.Exists {
			s.creator.Add(&stream.Create{Target: m.Target, Folder: m.Source})
		}
	}
	return nil
}

// run creates and subscribes what the plan asks for. It is put off until the first
// message, so that a plan without bodies changes nothing.
func (s *folderSetup) run(p *plan) error {
	if s.creator.Pending() || s.subscriber.Pending() {
		if err := s.session.Connect(); err != nil {
			return err
		}
	}
	if err := s.creator.Run(); err != nil {
		return err
	}
	if err := s.subscriber.Run(); err != nil {
		return err
	}
	return s.applySubscriptionsAndACL(p)
}

// applySubscriptionsAndACL gives the folders what the plan has no record for.
func (s *folderSetup) applySubscriptionsAndACL(p *plan) error {
	subscribe := s.opt.Subscribe == folders.SubscribeAll || !p.begin.Plan && s.opt.Subscribe != folders.SubscribeNone
	if s.done || !subscribe && !s.opt.ACL && p.begin.Plan {
		return nil
	}
	s.done = true
	if err := s.session.Connect(); err != nil {
		return err
	}
	if subscribe {
		s.subscriber.AddOthers(p.toc, p.targetOf)
		if err := s.subscriber.Run(); err != nil {
			return err
		}
	}
	if !s.opt.ACL {
		return nil
	}
	var lists []folders.List
	for _, f := range p.toc {
		if name := p.targetOf(f); f.ACL != nil && name != "" {
			if t := s.session.Folder(name); t.Exists || s.opt.DryRun {
				lists = append(lists, folders.List{Folder: f, Target: t})
			}
		}
	}
	return s.acl.Run(lists, p.begin.User)
}

// skip answers for folders that were not created or subscribed.
func (s *folderSetup) skip(reason, text string) error {
	err := s.creator.Skip(reason, text)
	if failed := s.subscriber.Skip(reason, text); err == nil {
		err = failed
	}
	return err
}
