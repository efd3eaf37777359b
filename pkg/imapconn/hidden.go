package imapconn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// hidden is a name that the listing gives as a mere level, or that is subscribed
// and not listed. If it holds mail, it is a folder all the same.
type hidden struct {
	place   int // of a level among the mailboxes; -1: it is not listed
	wire    string
	holds   bool
	doubted error // why nobody knows whether it is a folder, or nil
}

// withHidden completes a listing by the folders that it hides. They are asked for
// with STATUS, all in one round trip, and with EXAMINE if that is not refused.
// There is no folder if STATUS says NO, if EXAMINE is refused, or if neither of them
// counts a message. It resumes.
func (ls *lister) withHidden(boxes []Mailbox, subscribed []listEntry) ([]Mailbox, error) {
	list := ls.suspects(boxes, subscribed)
	if len(list) == 0 {
		return boxes, nil
	}
	if err := ls.lookForMail(list, len(boxes)-len(list)); err != nil {
		return nil, err
	}
	if err := ls.dropAliases(list, boxes); err != nil {
		return nil, err
	}
	var levels, unlisted []string
	for _, h := range list {
		name := mailboxName(h.wire)
		switch {
		case h.doubted != nil:
			box := ls.s.Mailbox(h.wire)
			box.Unread = fmt.Sprintf("the server does not list the folder %s as one that can be opened, and does not "+
				"say that it is none: %s", quote(name), printable(h.doubted.Error()))
			boxes = append(boxes, box)
		case !h.holds:
		case h.place >= 0:
			boxes[h.place].Open()
			levels = append(levels, name)
		default:
			box := ls.s.Mailbox(h.wire)
			box.Subscribed = true
			boxes = append(boxes, box)
			unlisted = append(unlisted, name)
		}
	}
	ls.warnHidden("as mere levels, though they hold mail", levels)
	ls.warnHidden("not at all, though they are subscribed and hold mail", unlisted)
	return boxes, nil
}

// suspects are the levels of a listing, and the subscriptions that it does not have.
// A level that EXAMINE has just refused is none of them.
func (ls *lister) suspects(boxes []Mailbox, subscribed []listEntry) (list []hidden) {
	names := make(map[string]bool, len(boxes))
	for i := range boxes {
		b := &boxes[i]
		names[b.Name] = true
		if !b.Selectable() && !b.level && ls.spaces.Has(b.Space) {
			list = append(list, hidden{place: i, wire: b.Wire})
		}
	}
	for _, e := range subscribed {
		name := mailboxName(e.wire)
		if bare := strings.TrimSuffix(name, e.delimiter); bare == "" || names[name] || names[bare] ||
			!ls.spaces.Has(ls.s.spaces.space(e.wire)) {
			continue
		}
		names[name] = true
		list = append(list, hidden{place: -1, wire: e.wire})
	}
	return list
}

// lookForMail asks which of them hold mail. others is how many other mailboxes the
// server has just told of.
func (ls *lister) lookForMail(list []hidden, others int) error {
	wires := make([]string, len(list))
	for i := range list {
		wires[i] = list[i].wire
	}
	states, err := ask(ls.ctx, ls.s, wires, question[statusLine]{
		command: func(c *conn, wire string) *command { return statusCommand(c, wire, false) },
		read:    statusAnswer,
		others:  others,
	})
	if err != nil {
		return err
	}
	var places []int
	var left []string
	for i := range list {
		switch err := states[i].err; {
		case isNo(err):
		case err != nil && isLost(err):
			list[i].doubted = err
		default:
			places, left = append(places, i), append(left, wires[i])
		}
	}
	if len(left) == 0 {
		return nil
	}
	replies, err := ask(ls.ctx, ls.s, left, examination(others+len(wires)-len(left)))
	if err != nil {
		return err
	}
	for k, i := range places {
		h, o := &list[i], replies[k]
		if o.err == nil && !o.value.counted { // opened alone, what FETCH shows is counted
			x, err := ls.s.Examine(ls.ctx, h.wire)
			if ls.ctx.Err() != nil {
				return err
			}
			if o.err = err; err == nil {
				o.value.Selected = *x
			}
		}
		h.settle(&states[i], &o)
	}
	return nil
}

// settle makes one of what STATUS, which is not refused, and EXAMINE say.
func (h *hidden) settle(state *reply[statusLine], o *reply[opened]) {
	told := state.err == nil && state.value.err == nil && state.value.Messages > 0
	switch {
	case o.err == nil:
		h.holds = told || o.value.Messages > 0
	case isLost(o.err), h.place < 0 && (told || !isNo(o.err)):
		h.doubted = o.err
	}
}

// isNo reports whether a server has refused with NO.
func isNo(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo
}

// dropAliases finds names that are another name of a folder that is listed.
func (ls *lister) dropAliases(list []hidden, boxes []Mailbox) error {
	var places []int
	var wires []string
	var answers []Unlisted
	for i, h := range list {
		if h.holds && h.place < 0 {
			places, wires, answers = append(places, i), append(wires, h.wire), append(answers, Unlisted{There: true})
		}
	}
	if err := sameAsListed(ls.ctx, ls.s, wires, answers, boxes); err != nil {
		return err
	}
	for k, i := range places {
		list[i].holds, list[i].doubted = answers[k].There, answers[k].Err
	}
	return nil
}

// warnHidden warns of folders, if there are any.
func (ls *lister) warnHidden(how string, names []string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	const shown = 5
	text := strings.Join(names[:min(shown, len(names))], ", ")
	if len(names) > shown {
		text += ", ..."
	}
	ls.s.warnOnce(fmt.Sprintf("%s lists some folders %s; they are taken as all others (%d): %s",
		printable(ls.s.o.Host), how, len(names), printable(text)))
}
