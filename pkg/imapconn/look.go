package imapconn

import (
	"context"
	"fmt"
)

// examination is a question that is asked by EXAMINE. others is how many other
// mailboxes the server has just told of.
func examination(others int) question[opened] {
	return question[opened]{
		command: func(c *conn, wire string) *command {
			c.leave()
			return c.command("EXAMINE").astring(wire)
		},
		gather: func(c *conn, resp *response, o *opened) { o.take(c, resp) },
		others: others,
	}
}

// LookInto opens mailboxes by EXAMINE, many in one round trip, and completes what
// STATUS has said of them: the larger number counts. One of which STATUS says that
// it is empty is asked what it shows, too. No mailbox is selected then. It resumes.
func (s *Session) LookInto(ctx context.Context, boxes []Mailbox, results []StatusResult) error {
	return s.lookInto(ctx, boxes, results, func(*StatusResult) bool { return true })
}

// lookInto opens the mailboxes whose STATUS is in doubt, and completes results.
func (s *Session) lookInto(ctx context.Context, boxes []Mailbox, results []StatusResult,
	inDoubt func(*StatusResult) bool) error {
	var places []int
	var wires []string
	empty := map[string]bool{}
	asked := 0
	for i := range boxes {
		if !boxes[i].Selectable() {
			continue
		}
		empty[boxes[i].Wire] = results[i].Err == nil && results[i].Messages == 0
		if asked++; inDoubt(&results[i]) {
			places, wires = append(places, i), append(wires, boxes[i].Wire)
		}
	}
	if len(places) == 0 {
		return nil
	}
	q := examination(asked - len(places))
	q.follow = func(c *conn, wire string) []*command {
		if empty[wire] {
			return emptyCheckCommands(c)
		}
		return nil
	}
	q.also = func(c *conn, resp *response, o *opened) error { return o.shown.response(c, resp) }
	replies, err := ask(ctx, s, wires, q)
	if err != nil {
		return err
	}
	for k, i := range places {
		if err := s.settleStatus(ctx, &boxes[i], &results[i], replies[k]); err != nil {
			return err
		}
	}
	return nil
}

// settleStatus makes one of what STATUS and EXAMINE say of a mailbox. Where
// EXAMINE does not say enough either, the mailbox is opened alone: see openOn.
func (s *Session) settleStatus(ctx context.Context, box *Mailbox, r *StatusResult, reply reply[opened]) error {
	x := &reply.value.Selected
	shown := reply.value.shown
	shown.apply(&x.Status)
	unsure := x.Messages == 0 && (!reply.value.counted || r.Err != nil) ||
		x.Messages > 0 && x.UIDNext <= uint64(x.Messages)
	if reply.err == nil && unsure {
		x, reply.err = s.openWith(ctx, "EXAMINE", box.Wire, x.Messages == 0)
		if reply.err != nil && isLost(reply.err) && !IsFolder(reply.err) || ctx.Err() != nil {
			return causeOf(ctx, reply.err)
		}
	}
	if reply.err != nil {
		if r.Err == nil {
			text := "status of folder %s: STATUS says that it holds " + fmt.Sprint(r.Messages) +
				" messages, and EXAMINE fails"
			r.Err, r.Reason = aboutFolder(reply.err, text, box), reasonOf(reply.err)
		}
		return nil
	}
	shown.apply(&x.Status)
	if r.Err != nil {
		*r = StatusResult{Status: Status{Octets: -1}}
	}
	if x.Messages > r.Messages {
		r.Octets = -1 // as told of fewer messages
	}
	if x.UIDValidity != 0 {
		r.UIDValidity = x.UIDValidity
	}
	r.ModSeqLower = x.HighestModSeq != 0 && x.HighestModSeq < r.HighestModSeq
	r.Messages, r.UIDNext, r.HighestModSeq = max(r.Messages, x.Messages), max(r.UIDNext, x.UIDNext),
		max(r.HighestModSeq, x.HighestModSeq)
	if r.UIDNext == 0 && r.Messages == 0 {
		r.UIDNext = 1
	}
	return nil
}
