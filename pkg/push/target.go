package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// targetOf names the folder of the destination that a source folder goes to, or
// "".
func (p *pusher) targetOf(f *stream.Folder) string {
	if p.begin.Plan {
		return f.Target
	}
	return p.where[f.Name]
}

// goal is that folder, or nil.
func (p *pusher) goal(f *stream.Folder) *destination.Folder {
	if name := p.targetOf(f); name != "" {
		return p.session.Folder(name)
	}
	return nil
}

// distrust notes that a source folder has failed: no flag is taken away where it
// goes.
func (p *pusher) distrust(name string) {
	for _, f := range p.toc {
		if f.Name == name {
			p.changer.Distrust(p.targetOf(f))
		}
	}
}
