package push

import (
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// room is a quota root of the destination, or what is taken for one where the
// server tells none.
type room struct {
	name    string
	bounded bool  // in octets
	used    int64 // octets, when the run began
	limit   int64
	planned int64 // octets appended since, or in a dry run to be appended
	told    bool  // that it is almost full
	warned  bool  // that not all will fit
	full    error // it takes no more
}

// left is how many octets a bounded room still takes.
func (r *room) left() int64 { return max(0, r.limit-r.used-r.planned) }

// rooms are the quota roots of the destination.
type rooms struct {
	known    map[string]*room // by name
	fallback []*room          // of a folder that the server tells nothing about
	surveyed bool
}

// almostFull is what a user is warned of, in percent.
const almostFull = 90

// survey asks for the quota roots of the folders that the plan appends to.
func (p *pusher) survey() error {
	if p.quota.surveyed {
		return nil
	}
	p.quota.surveyed = true
	if p.quota.known == nil {
		p.quota.known = map[string]*room{}
	}
	boxes := []imapconn.Mailbox{{Name: folder.Inbox, Wire: folder.Inbox}}
	for _, f := range p.toc {
		if t := p.goal(f); t != nil && t.exists && f.Messages > 0 {
			boxes = append(boxes, imapconn.Mailbox{Name: t.name, Wire: t.wire})
		}
	}
	results, roots, err := p.desk.session.Quotas(p.desk.ctx, boxes)
	switch {
	case errors.Is(err, imapconn.ErrNoQuota), refused(err):
		results, roots = make([]imapconn.QuotaResult, len(boxes)), nil
	case err != nil:
		return err
	}
	for i, b := range boxes {
		list := p.quota.enter(results[i].Roots, roots)
		if i == 0 {
			p.quota.fallback = list
		} else {
			p.desk.target(b.Name).rooms = list
		}
	}
	for _, r := range p.quota.known {
		if r.bounded && !r.told && 100*(r.used/1024) >= almostFull*(r.limit/1024) {
			r.told = true
			p.opt.Warn("the quota %q of the destination is %d %% full: %s of %s", r.name, 100*r.used/r.limit, text.Octets(r.used), text.Octets(r.limit))
		}
	}
	p.foresee()
	return nil
}

// enter returns the rooms of those names; a folder has one at least.
func (q *rooms) enter(names []string, roots map[string]*imapconn.QuotaRoot) (list []*room) {
	for _, name := range names {
		r := q.known[name]
		if r == nil {
			r = &room{name: name}
			if root := roots[name]; root != nil {
				r.used, r.limit, r.bounded = root.Storage()
				r.bounded = r.bounded && r.limit > 0
			}
			q.known[name] = r
		}
		list = append(list, r)
	}
	if list == nil {
		if q.known[""] == nil {
			q.known[""] = &room{}
		}
		list = append(list, q.known[""])
	}
	return list
}

// foresee warns where the table of contents already says more than fits.
func (p *pusher) foresee() {
	sum := map[*room]int64{}
	for _, f := range p.toc {
		if t := p.goal(f); t != nil && f.Octets > 0 {
			for _, r := range p.roomsOf(t) {
				sum[r] += f.Octets
			}
		}
	}
	for r, octets := range sum {
		if r.bounded && octets > r.left() {
			r.warned = true
			p.opt.Warn("the source folders hold %s, and the quota %q leaves %s: what the destination lacks of them may not fit", text.Octets(octets), r.name, text.Octets(r.left()))
		}
	}
}

func (p *pusher) roomsOf(t *target) []*room {
	if t.rooms == nil {
		return p.quota.fallback
	}
	return t.rooms
}

// spent counts octets that were appended, or are about to be in a dry run.
func (p *pusher) spent(t *target, octets int64) {
	for _, r := range p.roomsOf(t) {
		r.planned += octets
	}
}

// warnOfQuota warns, once for each quota root, when what is to be sent is more than
// it leaves. The server has the last word.
func (p *pusher) warnOfQuota(t *target, ms []*batch.Message) {
	octets := int64(0)
	for _, m := range ms {
		octets += m.Size
	}
	for _, r := range p.roomsOf(t) {
		if r.bounded && !r.warned && octets > r.left() {
			r.warned = true
			p.opt.Warn("the quota %q leaves %s: not all of the plan fits", r.name, text.Octets(r.left()))
		}
	}
}

// fullOf says why a folder takes no more, or nothing.
func (p *pusher) fullOf(t *target) error {
	for _, r := range p.roomsOf(t) {
		if r.full != nil {
			return r.full
		}
	}
	return nil
}

// overQuota notes that a folder is full: of its quota roots the one that leaves
// least, or all where that is not known.
func (p *pusher) overQuota(t *target, err error) {
	if p.full == nil {
		p.full = err
	}
	list := p.roomsOf(t)
	if list == nil {
		list = []*room{{}}
		p.quota.fallback = list
	}
	var tightest *room
	for _, r := range list {
		if !r.bounded {
			tightest = nil
			break
		}
		if tightest == nil || r.left() < tightest.left() {
			tightest = r
		}
	}
	if tightest != nil {
		list = []*room{tightest}
	}
	for _, r := range list {
		r.full = err
	}
}

// rehearseQuota says, after a dry run, what would be appended to each folder,
// and whether the quota has room for it.
func (p *pusher) rehearseQuota() error {
	if !p.opt.DryRun || !p.quota.surveyed {
		return nil
	}
	for _, f := range p.toc {
		if t := p.goal(f); t != nil && t.wouldMessages > 0 {
			p.say("%s -> %s: %s, %s to append%s", f.Name, t.name, text.Count(t.wouldMessages, "message"), text.Octets(t.wouldOctets), p.under(t))
			t.wouldMessages = 0 // two source folders may share it
		}
	}
	var short error
	for _, r := range p.quota.known {
		if r.bounded && r.used+r.planned > r.limit {
			err := exit.Errorf(exit.CantCreate, "the plan needs %s, and the quota %q leaves %s of %s", text.Count(r.planned, "octet"), r.name, thousands(max(0, r.limit-r.used)), thousands(r.limit))
			if short == nil || err.Error() < short.Error() {
				short = err
			}
		}
	}
	return short
}

// under names the bounded quota roots of a folder.
func (p *pusher) under(t *target) string {
	words := ""
	for _, r := range p.roomsOf(t) {
		if r.bounded {
			words += fmt.Sprintf(", under the quota %q", r.name)
		}
	}
	return words
}

func (p *pusher) say(format string, args ...any) {
	if p.opt.Say != nil {
		p.opt.Say(format, args...)
	}
}
