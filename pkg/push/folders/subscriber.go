package folders

import (
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Subscription says which folders of the destination are subscribed.
type Subscription string

// The choices. The zero value is SubscribeSource.
const (
	SubscribeSource Subscription = "source" // those that are at the source
	SubscribeAll    Subscription = "all"    // every one that the plan names
	SubscribeNone   Subscription = "none"   // subscriptions stay as they are
)

// Subscriber subscribes folders.
type Subscriber struct {
	session *destination.Session
	retries *Retries
	which   Subscription
	dryRun  bool
	pending []*stream.Subscribe
	asked   map[string]bool // by target: somebody asked to subscribe it
}

// NewSubscriber makes a Subscriber.
func NewSubscriber(session *destination.Session, retries *Retries, which Subscription, dryRun bool) *Subscriber {
	return &Subscriber{session: session, retries: retries, which: which, dryRun: dryRun, asked: map[string]bool{}}
}

// Add takes a folder to be subscribed.
func (s *Subscriber) Add(r *stream.Subscribe) { s.pending = append(s.pending, r) }

// AddOthers takes the folders that no record asks for: a stream that is no plan has
// no such records.
func (s *Subscriber) AddOthers(toc []*stream.Folder, targetOf func(*stream.Folder) string) {
	all := s.which == SubscribeAll
	for _, f := range toc {
		target := targetOf(f)
		if target == "" || !f.HoldsMessages() || !all && !f.Subscribed || s.asked[target] ||
			s.session.Boxes[target].Subscribed {
			continue
		}
		s.asked[target] = true
		s.Add(&stream.Subscribe{Target: target, Folder: f.Name})
	}
}

// Pending reports whether there are folders to be subscribed.
func (s *Subscriber) Pending() bool { return len(s.pending) > 0 }

// Run subscribes the folders.
func (s *Subscriber) Run() error {
	for len(s.pending) > 0 {
		r := s.pending[0]
		if err := s.retries.do(func() (receipt.Receipt, error) { return s.subscribe(r) }); err != nil {
			return err
		}
		s.pending = s.pending[1:]
	}
	return nil
}

// Skip answers for folders that were not subscribed.
func (s *Subscriber) Skip(reason, text string) (err error) {
	list := s.pending
	s.pending = nil
	for _, r := range list {
		x := receipt.Receipt{Result: receipt.Skipped, Folder: r.Folder, Target: r.Target, Reason: reason, Text: text}
		if failed := s.retries.receipts.Folder(x); err == nil {
			err = failed
		}
	}
	return err
}

func (s *Subscriber) subscribe(r *stream.Subscribe) (receipt.Receipt, error) {
	x := receipt.Receipt{Result: receipt.Subscribed, Folder: r.Folder, Target: r.Target}
	s.asked[r.Target] = true
	switch {
	case s.which == SubscribeNone:
		x.Result, x.Reason = receipt.Skipped, "subscribe-none"
		return x, nil
	case s.dryRun:
		x.Result, x.Reason = receipt.Skipped, "dry-run"
		return x, nil
	}
	wire, err := s.session.Folder(r.Target).Spelling()
	if err == nil {
		err = s.session.IMAP.Subscribe(s.session.Ctx, wire)
	}
	if destination.Refused(err) {
		x.Result, x.Reason, x.Text = receipt.Rejected, "subscribe", err.Error()
		return x, nil
	}
	return x, err
}
