// Package push carries out a plan: it appends the messages that imap-diff found
// missing, and answers for each of them with a receipt. It is the only verb
// that writes to a server.
package push

import (
	"context"
	"fmt"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/failure"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/flags"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/push/folders"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/transform"
)

// Options say how to carry out a plan. There is a field for each option of imap-push.
type Options struct {
	Tool          string
	DryRun        bool // check, and write nothing to the server
	Unconditional bool // take a stream that has not been through imap-diff
	Edited        bool // the plan was filtered on purpose: its counts say nothing
	// ServerCopy has the server copy the messages itself (UID COPY): the plan's
	// source must be this account, and nothing in the messages may change.
	ServerCopy  bool
	AllowDelete bool // remove what the plan says is to be removed
	// FullExpunge removes messages also where the server can only remove all that is
	// marked, if nobody else has marked any.
	FullExpunge bool
	MaxDelete   limit.Share          // of the messages in the account may be removed
	Rejects     *stream.Writer       // gets what was not appended, or nil
	Subscribe   folders.Subscription // which folders; "": folders.SubscribeSource
	ACL         bool                 // add the plan's access control lists to the destination's
	GmailLabels bool                 // add the labels of the plan's messages
	// Transform says what is changed in messages on their way; nil: nothing. What
	// changes the key of a message is refused unless AllowRewrite.
	Transform *transform.Rules
	// AllowRewrite goes on where what messages are known by is changed, by
	// Transform or by the server.
	AllowRewrite bool
	// Limits bound what is sent. Once one is reached nothing more is tried: what
	// is left of the plan gets receipts, and the error is a *limit.ReachedError.
	Limits   limit.Limits
	Flags    flags.Policy     // which flags are carried over, and how they are named
	Failures *failure.Classes // counts what was not carried over; may be nil

	ExitCode fault.ExitCode // for the end of the receipts
	Warn     func(format string, args ...any)
	Say      func(format string, args ...any) // what is good to know; may be nil
	Progress progress.Counter

	sleep func(context.Context, time.Duration) error // nil: as long as it takes
}

// content says where the content of messages comes from.
func (o *Options) content() batch.Content {
	switch {
	case o.ServerCopy:
		return batch.AtServer
	case o.DryRun:
		return batch.Nowhere
	}
	return batch.InPlan
}

// readsBack reports whether messages that were appended are read back.
func (o *Options) readsBack() bool {
	return !o.AllowRewrite && !o.Unconditional && !o.DryRun && !o.ServerCopy
}

// say tells the user what is good to know.
func (o *Options) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(format, args...)
	}
}

// warner returns a function that warns the user of what is true of every folder, but
// once.
func (o *Options) warner() func(format string, args ...any) {
	warned := map[string]bool{}
	return func(format string, args ...any) {
		if message := fmt.Sprintf(format, args...); !warned[message] {
			warned[message] = true
			o.Warn(format, args...)
		}
	}
}

// checkCopy refuses options that a COPY cannot follow.
func (o *Options) checkCopy() error {
	switch {
	case !o.ServerCopy:
	case o.Unconditional:
		return fault.Errorf(fault.Usage, "a copy by the server wants a plan, and cannot be unconditional").
			Because(ErrCopyUnconditional)
	case o.Transform.Any():
		return fault.Errorf(fault.Usage, "a copy by the server changes nothing in messages, and an option asks for that").
			Because(ErrCopyChanges)
	case !o.Flags.KeepsAll():
		return fault.Errorf(fault.Usage, "a copy by the server leaves flags as they are, and another option changes them").
			Because(ErrCopyFlags)
	}
	return nil
}
