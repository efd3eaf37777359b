// Package quota watches how much the quota roots of the destination still take.
package quota

import (
	"context"
	"errors"
	"fmt"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// root is a quota root, or what is taken for one where the server tells none.
type root struct {
	name    string
	bounded bool  // in bytes
	used    int64 // bytes, when the run began
	limit   int64
	planned int64 // bytes appended since, or in a dry run to be appended
	told    bool  // that it is almost full
	warned  bool  // that not all will fit
	full    error // it takes no more
}

// left is how many bytes a bounded root still takes.
func (r *root) left() int64 { return max(0, r.limit-r.used-r.planned) }

// Guard knows the quota roots of the destination. Folders are given by name.
type Guard struct {
	warn     func(format string, args ...any)
	roots    map[string]*root   // by name
	of       map[string][]*root // by folder
	fallback []*root            // of a folder that the server tells nothing about
	surveyed bool
	full     error // of the first root that takes no more
}

// NewGuard makes a Guard that warns the user.
func NewGuard(warn func(format string, args ...any)) *Guard {
	return &Guard{warn: warn, roots: map[string]*root{}, of: map[string][]*root{}}
}

// almostFull is what a user is warned of, in percent.
const almostFull = 90

// Surveyed reports whether the server was asked since the last Restart.
func (g *Guard) Surveyed() bool { return g.surveyed }

// Restart makes Surveyed false: another plan is about other folders.
func (g *Guard) Restart() { g.surveyed = false }

// Survey asks for the quota roots of folders.
func (g *Guard) Survey(ctx context.Context, session *imapconn.Session, folders []imapconn.Mailbox) error {
	g.surveyed = true
	boxes := append([]imapconn.Mailbox{{Name: folder.Inbox, Wire: folder.Inbox}}, folders...)
	results, roots, err := session.Quotas(ctx, boxes)
	switch {
	case errors.Is(err, imapconn.ErrNoQuota), destination.Refused(err):
		results, roots = make([]imapconn.QuotaResult, len(boxes)), nil
	case err != nil:
		return err
	}
	for i, b := range boxes {
		list := g.enter(results[i].Roots, roots)
		if i == 0 {
			g.fallback = list
		} else {
			g.of[b.Name] = list
		}
	}
	for _, r := range g.roots {
		if r.bounded && !r.told && 100*(r.used/1024) >= almostFull*(r.limit/1024) {
			r.told = true
			g.warn("the quota %q of the destination is %d %% full: %s of %s", r.name, 100*r.used/r.limit,
				text.Octets(r.used), text.Octets(r.limit))
		}
	}
	return nil
}

// enter returns the roots of those names; a folder has one at least.
func (g *Guard) enter(names []string, roots map[string]*imapconn.QuotaRoot) (list []*root) {
	for _, name := range names {
		r := g.roots[name]
		if r == nil {
			r = &root{name: name}
			if known := roots[name]; known != nil {
				r.used, r.limit, r.bounded = known.Storage()
				r.bounded = r.bounded && r.limit > 0
			}
			g.roots[name] = r
		}
		list = append(list, r)
	}
	if list == nil {
		if g.roots[""] == nil {
			g.roots[""] = &root{}
		}
		list = append(list, g.roots[""])
	}
	return list
}

// Foresee warns where the source folders already hold more than fits. sizes are
// theirs, in bytes, by the folder that they go to.
func (g *Guard) Foresee(sizes map[string]int64) {
	sum := map[*root]int64{}
	for name, size := range sizes {
		for _, r := range g.rootsOf(name) {
			sum[r] += size
		}
	}
	for r, size := range sum {
		if r.bounded && size > r.left() {
			r.warned = true
			g.warn("the source folders hold %s, and the quota %q leaves %s: what the destination lacks of them may "+
				"not fit",
				text.Octets(size), r.name, text.Octets(r.left()))
		}
	}
}

func (g *Guard) rootsOf(name string) []*root {
	if list := g.of[name]; list != nil {
		return list
	}
	return g.fallback
}

// Spend counts bytes that were appended, or would be in a dry run.
func (g *Guard) Spend(name string, size int64) {
	for _, r := range g.rootsOf(name) {
		r.planned += size
	}
}

// Expect warns, once for each quota root, when what is to be sent is more than it
// leaves. The server has the last word.
func (g *Guard) Expect(name string, size int64) {
	for _, r := range g.rootsOf(name) {
		if r.bounded && !r.warned && size > r.left() {
			r.warned = true
			g.warn("the quota %q leaves %s: not all of the plan fits", r.name, text.Octets(r.left()))
		}
	}
}

// Full returns why no folder or not every folder takes more, or nil.
func (g *Guard) Full() error { return g.full }

// FullOf returns why a folder takes no more, or nil.
func (g *Guard) FullOf(name string) error {
	for _, r := range g.rootsOf(name) {
		if r.full != nil {
			return r.full
		}
	}
	return nil
}

// Exceeded notes that a folder is full: of its quota roots the one that leaves
// least, or all where that is not known.
func (g *Guard) Exceeded(name string, err error) {
	if g.full == nil {
		g.full = err
	}
	list := g.rootsOf(name)
	if list == nil {
		list = []*root{{}}
		g.fallback = list
	}
	var tightest *root
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
		list = []*root{tightest}
	}
	for _, r := range list {
		r.full = err
	}
}

// Short returns which quota root has no room for what was spent in a dry run, or nil.
func (g *Guard) Short() (short error) {
	for _, r := range g.roots {
		if !r.bounded || r.used+r.planned <= r.limit {
			continue
		}
		err := fault.Errorf(fault.CantCreate, "the plan needs %s, and the quota %q leaves %s of %s",
			text.Count(r.planned, "octet"), r.name, text.Thousands(max(0, r.limit-r.used)), text.Thousands(r.limit))
		if short == nil || err.Error() < short.Error() {
			short = err
		}
	}
	return short
}

// Under names the bounded quota roots of a folder.
func (g *Guard) Under(name string) (words string) {
	for _, r := range g.rootsOf(name) {
		if r.bounded {
			words += fmt.Sprintf(", under the quota %q", r.name)
		}
	}
	return words
}
