package push

// standing is how far a run is among the messages that the plan's table of
// contents counts. Those that imap-diff found present have no records, so they
// are passed over as the plan goes on to the next folder.
type standing struct {
	total  int64
	before map[string]int64 // messages in front of each source folder
	done   int64
}

// expect takes the table of contents of a plan, or of one more.
func (p *pusher) expect() {
	p.before = map[string]int64{}
	for _, f := range p.toc {
		p.before[f.Name] = p.total
		p.total += int64(f.Messages)
	}
	p.opt.Progress.Total(p.total, 0)
}

// enter says that the plan has come to a folder.
func (p *pusher) enter(folder string) {
	p.opt.Progress.Folder(folder)
	p.pass(p.before[folder])
}

// pass says that so many messages are behind us.
func (p *pusher) pass(done int64) {
	if done > p.done {
		p.opt.Progress.Skip(done-p.done, 0)
		p.done = done
	}
}

// count says that one more message is settled.
func (p *pusher) count(octets int64) {
	p.done++
	p.opt.Progress.Add(1, octets)
}
