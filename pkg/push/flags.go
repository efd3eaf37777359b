package push

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// maxFlagNames bounds how many names of flags are remembered.
const maxFlagNames = 1000

// flagWatch is what the run has learned of how the destination treats flags.
type flagWatch struct {
	kept    map[string]bool  // seen to be there after an APPEND, in lower case
	forgets bool             // flags given to APPEND were not: all are looked at
	dropped map[string]int64 // how often a flag could not be kept

	refusedFlags []refusedFlags // that are to be set again
	regaining    bool           // they are being set
	splits       int            // how often messages may yet be divided for that
	unregained   int64          // messages of which some could not be set
}

func (w *flagWatch) countDropped(list []string) {
	if w.dropped == nil {
		w.dropped = map[string]int64{}
	}
	for _, f := range list {
		if _, known := w.dropped[f]; known || len(w.dropped) < maxFlagNames {
			w.dropped[f]++
		}
	}
}

// sayDropped names the flags that could not be kept.
func (p *pusher) sayDropped() {
	if len(p.dropped) == 0 || p.opt.Say == nil {
		return
	}
	var list []string
	for _, f := range slices.Sorted(maps.Keys(p.dropped)) {
		list = append(list, fmt.Sprintf("%s %s times", f, thousands(p.dropped[f])))
	}
	if len(list) > 10 {
		list = append(list[:10], fmt.Sprintf("and %d others", len(list)-10))
	}
	p.opt.Say("flags that %s does not keep: %s", p.session.Conn.Host, strings.Join(list, ", "))
}

// sayUnknown says of how many messages the source did not tell flags or date.
func (p *pusher) sayUnknown() {
	if n := p.receipts.Sums.Unknown; n > 0 && p.opt.Say != nil {
		p.opt.Say("messages appended without flags, date or labels, because the source does not tell them: %s; the receipts name what is unknown", thousands(n))
	}
}

// wanted splits the flags of a message into those to send with it and those
// that the folder does not keep; what the user leaves out is in neither.
func (p *pusher) wanted(t *destination.Folder, m *batch.Message) (send, dropped []string) {
	if m.Copied {
		return t.Allowed(m.SourceFlags)
	}
	set, _ := p.opt.Flags.Apply(m.Flags)
	return t.Allowed(set)
}

// sentFlags are messages that were appended, by UID, with their flags.
type sentFlags map[uint64]*flagged

type flagged struct {
	m    *batch.Message
	want []string
}

// watch decides whether what was sent with a message is looked at: each flag
// is, until it has been seen to be kept.
func (w *flagWatch) watch(list []string) bool {
	return len(list) > 0 && (w.forgets || slices.ContainsFunc(list, func(f string) bool { return !w.kept[strings.ToLower(f)] }))
}

// restoreFlags looks at the flags of messages that were just appended, and sets
// again those that the server has forgotten.
func (p *pusher) restoreFlags(t *destination.Folder, sent sentFlags) error {
	forgotten, err := p.setMissing(t, sent)
	if forgotten && !p.forgets {
		p.forgets = true
		p.opt.Warn("%s forgets flags that it is given with a message: they are set again", p.session.Conn.Host)
	}
	return err
}

// setMissing sets the flags that messages at the destination should have and do
// not have.
func (p *pusher) setMissing(t *destination.Folder, sent sentFlags) (missing bool, err error) {
	if len(sent) == 0 {
		return false, nil
	}
	if err := p.session.Open(t); err != nil {
		return false, t.Refuse(err)
	}
	have, _, err := p.session.FlagsOf(slices.Sorted(maps.Keys(sent)))
	if err != nil {
		return false, t.Refuse(err)
	}
	groups := storeGroups{}
	for uid, now := range have {
		lost := flags.Without(sent[uid].want, now)
		for _, f := range flags.Without(sent[uid].want, lost) {
			p.seenKept(f)
		}
		groups.take(lost, uid, int(uid))
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if err := p.setAgain(t, groups[name], sent); err != nil {
			return true, err
		}
	}
	return len(groups) > 0, p.receipts.Flush()
}

func (w *flagWatch) seenKept(f string) {
	if w.kept == nil {
		w.kept = map[string]bool{}
	}
	if len(w.kept) < maxFlagNames {
		w.kept[strings.ToLower(f)] = true
	}
}

// setAgain stores flags that were forgotten; each message gets a second
// receipt.
func (p *pusher) setAgain(t *destination.Folder, g *storeGroup, sent sentFlags) error {
	dropped, err := p.session.Box.Store(p.session.Ctx, g.uids, imapconn.AddFlags, g.flags)
	if err != nil && !destination.Refused(err) {
		return err
	}
	if err != nil {
		dropped = g.flags
	}
	for _, uid := range g.uids {
		x := receipts.Of(&sent[uid].m.Message, t.Name, receipt.Flagged)
		x.TargetUIDValidity, x.TargetUID, x.DroppedFlags = jsonnum.Uint64(t.Shown), jsonnum.Uint64(uid), dropped
		p.countDropped(dropped)
		p.lack(t, sent[uid].m, t.Shown, uid, dropped)
		if err := p.receipts.Put(x); err != nil {
			return err
		}
	}
	return nil
}
