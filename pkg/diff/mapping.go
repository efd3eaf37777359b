package diff

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// mapFolders finds the target of each source folder. Two that land on one by
// accident are an error before anything is written.
func (c *Comparison) mapFolders() (*folder.Table, error) {
	sources := make([]folder.Source, len(c.Folders))
	for i, s := range c.Folders {
		sources[i] = folder.Source{Name: s.Name, Delimiter: s.Delimiter, Attributes: s.Attributes, Messages: s.Messages,
			Level: !s.HoldsMessages()}
	}
	table, err := c.opt.Mapping.Map(c.ctx, sources, c.Begin.Prefix, destinationOf(c.Dest))
	if err != nil {
		return nil, err
	}
	added, err := c.Dest.Seek(c.unlisted(table))
	if added && err == nil {
		table, err = c.opt.Mapping.Map(c.ctx, sources, c.Begin.Prefix, destinationOf(c.Dest))
	}
	if err != nil {
		return nil, err
	}
	for _, t := range c.Dest.Folders() {
		t.sources = 0
	}
	existing := TargetsByName(c.Dest.Folders(), c.Dest.Namespace().Delimiter)
	for _, m := range table.Mappings {
		s := c.ByName[m.Source]
		s.By, s.Note = m.By, m.Note
		if s.Excluded = m.Target == ""; s.Excluded {
			continue
		}
		if s.Target = existing[m.Target]; s.Target == nil {
			s.Target = &Target{Name: m.Target, Matcher: &match.Matcher{}}
			existing[m.Target] = s.Target
		}
	}
	return table, nil
}

// unlisted are the targets of messages that the destination does not list. It may
// have them all the same, and what is in them must not be appended again.
func (c *Comparison) unlisted(table *folder.Table) (names []string) {
	existing := TargetsByName(c.Dest.Folders(), c.Dest.Namespace().Delimiter)
	for _, m := range table.Mappings {
		if m.Target != "" && existing[m.Target] == nil && c.ByName[m.Source].HoldsMessages() {
			names = append(names, m.Target)
		}
	}
	return names
}

// announce warns of what is odd about the mapping, and notes what it excludes.
func (c *Comparison) announce(table *folder.Table) {
	for _, text := range table.Warnings {
		c.opt.Warn("%s", text)
	}
	if lost := c.lostSubscriptions(table); len(lost) > 0 {
		c.opt.Warn("subscriptions not copied, because the source folder cannot hold messages: %d, the first of %s",
			len(lost), folder.Quote(lost[0]))
	}
	var total int64
	for _, s := range c.Folders {
		if s.Target == nil {
			continue
		}
		s.Target.sources++
		s.Target.shared = s.Target.sources > 1
		total += int64(s.Messages)
		if s.Note != "" {
			c.opt.Warn("%s", s.Note)
		}
	}
	c.opt.Progress.Total(total, 0)
	if len(table.Filters) > 0 {
		begin := *c.Begin
		begin.Filters = append(slices.Clone(begin.Filters), table.Filters...)
		c.Begin = &begin
	}
}

// lostSubscriptions returns the subscribed folders of the source that cannot hold
// messages, and are not subscribed at the destination. No plan creates them, so
// no plan subscribes to them.
func (c *Comparison) lostSubscriptions(table *folder.Table) (names []string) {
	existing := TargetsByName(slices.Concat(c.Dest.Folders(), c.Dest.Levels()), c.Dest.Namespace().Delimiter)
	for _, m := range table.Levels {
		t := existing[m.Target]
		if m.Target != "" && c.ByName[m.Source].Subscribed && (t == nil || !t.Subscribed) {
			names = append(names, m.Source)
		}
	}
	return names
}

// TargetsByName finds a folder by its name and by what that reads as.
func TargetsByName(targets []*Target, delimiter string) map[string]*Target {
	existing := map[string]*Target{}
	for _, t := range slices.Backward(targets) {
		if alias := folder.Alias(t.Name, delimiter); alias != "" {
			existing[alias] = t
		}
	}
	for _, t := range targets {
		existing[t.Name] = t
		if folder.IsInbox(t.Name) {
			existing[folder.Inbox] = t
		}
	}
	return existing
}

func destinationOf(d Destination) folder.Destination {
	to := folder.Destination{Namespace: d.Namespace(), FoldsCase: d.FoldsCase}
	for _, t := range d.Folders() {
		to.Folders = append(to.Folders, folder.Existing{Name: t.Name, Attributes: t.Attributes})
	}
	return to
}

// IsExcluded tells the records of folders that the mapping exclude.
func IsExcluded(byName map[string]*Source, rec stream.Record) bool {
	var name string
	switch r := rec.(type) {
	case *stream.Message:
		name = r.Folder
	case *stream.Body:
		name = r.Folder
	case *stream.Failed:
		name = r.Folder
	case *stream.Expunged:
		name = r.Folder
	}
	s := byName[name]
	return s != nil && s.Excluded
}

// isOfMessage tells the records of messages.
func isOfMessage(rec stream.Record) bool {
	switch r := rec.(type) {
	case *stream.Message, *stream.Body, *stream.Expunged:
		return true
	case *stream.Failed:
		return r.UID != 0
	}
	return false
}
