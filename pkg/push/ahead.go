package push

import (
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
)

// ahead has batches sent before their turn, but for the end of the command, over other
// connections than the one whose batch is being stored. The server reads them
// meanwhile, and stores nothing of them: all else is as if there were one connection.
// A batch whose turn comes and that is not to go as it was sent is given up.
type ahead struct {
	appender *appender
	in       *batch.Batcher
	plan     *plan
	on       bool
	staged   map[*batch.Message]stagedBatch // by their first message
}

type stagedBatch struct {
	destination.Staged
	messages []*batch.Message
	target   *destination.Folder
}

// begin makes the connection current that holds the messages, if one does, and has
// others sent while these are being stored. The function that it returns is to be
// called when that is over.
func (h *ahead) begin(t *destination.Folder, ms []*batch.Message) (end func()) {
	if h == nil || !h.on {
		return func() {}
	}
	if s, ok := h.staged[ms[0]]; ok {
		delete(h.staged, ms[0])
		if s.target == t && slices.Equal(s.messages, ms) {
			h.appender.session.Take(s.Staged, t)
		} else {
			h.appender.session.Drop(s.Staged, t)
		}
	}
	h.stage()
	return h.appender.session.Watch()
}

// prepare looks at the folders of the batches that come next, over the current
// connection. That may take long, so the folder of the batch whose turn it is is looked
// at afterwards. An error is left to their turn.
func (h *ahead) prepare() {
	if h == nil || !h.on || !h.appender.settled() {
		return
	}
	a := h.appender
	for _, item := range h.in.Ahead() {
		h.plan.direct(item.Messages)
		if item.Messages[0].Target == "" {
			return
		}
		t := a.session.Folder(item.Messages[0].Target)
		if !t.Opened && a.session.Prepare(t, !a.opt.Unconditional) != nil {
			return
		}
	}
}

// stage sends what can be sent of the batches that come next.
func (h *ahead) stage() {
	session := h.appender.session
	for _, item := range h.in.Ahead() {
		if _, done := h.staged[item.Messages[0]]; done {
			continue
		}
		if !session.CanStage() {
			return
		}
		t := session.Folder(item.Messages[0].Target)
		if !h.may(t, item.Messages) {
			return
		}
		out, _ := h.appender.outgoing(t, item.Messages)
		h.staged[item.Messages[0]] = stagedBatch{session.Stage(t, out), item.Messages, t}
	}
}

// settled reports whether batches go one after the other, whatever others do.
func (a *appender) settled() bool {
	o := a.finder.others
	return !o.begins && !o.probes && !o.yields
}

// may reports whether messages can be expected to go as they are, all in one command.
func (h *ahead) may(t *destination.Folder, ms []*batch.Message) bool {
	a := h.appender
	open := t.Opened && t.Refused == nil && len(t.Unclear) == 0 && !t.Arrivals.Holds(ms)
	return open && a.settled() && a.rewrite.AtMost(a.together(ms)) == len(ms) && a.limiter.free() &&
		a.answers.quota.FullOf(t.Name) == nil &&
		!slices.ContainsFunc(ms, func(m *batch.Message) bool { return m.Tied != nil })
}

// dropUnlike gives up a batch that was sent and is to go in part only, and reports
// whether there was one: its folder is to be looked at again then.
func (h *ahead) dropUnlike(ms []*batch.Message) (dropped bool) {
	if h == nil || len(ms) == 0 {
		return false
	}
	for first, s := range h.staged {
		if slices.Contains(s.messages, ms[0]) && !slices.Equal(s.messages, ms) {
			delete(h.staged, first)
			h.appender.session.Drop(s.Staged, s.target)
			dropped = true
		}
	}
	return dropped
}

// drop gives up what was sent of a batch that has had its turn.
func (h *ahead) drop(item *batch.Item) {
	for _, m := range item.Messages {
		if s, ok := h.staged[m]; ok {
			delete(h.staged, m)
			h.appender.session.Drop(s.Staged, s.target)
		}
	}
}

// dropAll gives up all that was sent.
func (h *ahead) dropAll() {
	for first, s := range h.staged {
		delete(h.staged, first)
		h.appender.session.Drop(s.Staged, s.target)
	}
	h.on = false
}
