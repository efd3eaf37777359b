package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// migration is what the accounts of a run have in common.
type migration struct {
	settings
	talk *cli.Messages
}

// prepare makes the folders of the accounts. Without resume, the results of earlier runs count no more,
// unless another run is at work on the account.
func (m *migration) prepare(accounts []*account) error {
	for _, name := range []string{"accounts", "slots"} {
		if err := os.MkdirAll(filepath.Join(m.state, name), 0o700); err != nil {
			return exit.Wrap(exit.IO, err)
		}
	}
	// Its group may write to it: that is how a cluster gives a volume to a pod.
	if err := refuseWritableByOthers(m.state, 0o002); err != nil {
		return err
	}
	for _, a := range accounts {
		w := m.worker(a)
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			return exit.Wrap(exit.IO, err)
		}
		if m.resume {
			continue
		}
		if lock, _ := tryLock(w.file("lock")); lock != nil {
			w.forget(m.phases[0])
			lock.Close()
		}
	}
	return nil
}

// run works on the accounts, several at a time, in their order but for those whose servers have no free
// place.
func (m *migration) run(ctx context.Context, accounts []*account) {
	places := places{dir: filepath.Join(m.state, "slots"), limits: m.limits}
	pending := slices.Clone(accounts)
	ended := make(chan struct{})
	for running := 0; running > 0 || len(pending) > 0 && ctx.Err() == nil; {
		if running < m.jobs && ctx.Err() == nil {
			if i, held := places.next(pending); i >= 0 {
				go func(a *account) {
					m.work(ctx, a, held)
					ended <- struct{}{}
				}(pending[i])
				pending = slices.Delete(pending, i, i+1)
				running++
				continue
			}
		}
		select {
		case <-ended:
			running--
		case <-time.After(lockPause): // a place may be free: other processes take them too
		}
	}
}

// work runs the phases of an account that has its places.
func (m *migration) work(ctx context.Context, a *account, held []*os.File) {
	if a.failure == nil {
		a.failure = m.worker(a).run(ctx, held)
	}
	for _, place := range held {
		place.Close()
	}
	if a.failure != nil {
		m.talk.Info("%s: %v", a.id, a.failure)
	}
}
