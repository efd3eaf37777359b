package push

import (
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// position is how far a run is among the messages that the plan's table of contents
// counts. Those that imap-diff found present have no records, so they are passed
// over as the plan goes on to the next folder.
type position struct {
	progress.Counter
	total  int64
	before map[string]int64 // messages before each source folder
	done   int64
}

// expect takes the table of contents of a plan, or of one more.
func (p *position) expect(toc []*stream.Folder) {
	p.before = map[string]int64{}
	for _, f := range toc {
		p.before[f.Name] = p.total
		p.total += int64(f.Messages)
	}
	p.Total(p.total, 0)
}

// enter says that the plan has come to a folder.
func (p *position) enter(folder string) {
	p.Folder(folder)
	p.pass(p.before[folder])
}

// pass says that so many messages are done.
func (p *position) pass(done int64) {
	if done > p.done {
		p.Skip(done-p.done, 0)
		p.done = done
	}
}

// finish says that the table of contents is done.
func (p *position) finish() { p.pass(p.total) }

// count says that one more message is settled.
func (p *position) count(size int64) {
	p.done++
	p.Add(1, size)
}
