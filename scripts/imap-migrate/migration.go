package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// migration is what the accounts of a run have in common.
type migration struct {
	settings
	talk      *cli.Talk
	processes *processes
}

// prepare makes the folders of the accounts. Without resume, what an earlier run noted of the phases counts
// no more, unless another run is at work on the account.
func (m *migration) prepare(accounts []account) error {
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
// place. It returns why accounts could not be worked on, by number.
func (m *migration) run(ctx context.Context, accounts []account) map[int]error {
	type outcome struct {
		number int
		err    error
	}
	places := places{dir: filepath.Join(m.state, "slots"), limits: m.limits}
	pending, failures := slices.Clone(accounts), map[int]error{}
	ended := make(chan outcome)
	for running := 0; ; {
		for running < m.jobs && len(pending) > 0 && ctx.Err() == nil {
			i, held, err := m.next(pending, places)
			if i < 0 {
				break
			}
			a := pending[i]
			pending = slices.Delete(pending, i, i+1)
			if err != nil {
				failures[a.number] = err
				continue
			}
			running++
			go func() {
				err := m.worker(a).run(ctx, held)
				free(held)
				if err != nil {
					m.talk.Say("%s: %v", a.id, err)
				}
				ended <- outcome{a.number, err}
			}()
		}
		if running == 0 && (len(pending) == 0 || ctx.Err() != nil) {
			return failures
		}
		select {
		case o := <-ended:
			running--
			if o.err != nil {
				failures[o.number] = o.err
			}
		case <-time.After(lockPause): // places are free when their last command has ended, in any process
		}
	}
}

// next returns which of the accounts may be begun, and its places at the servers that have limits. It
// returns -1 if none may.
func (m *migration) next(pending []account, places places) (i int, held []*os.File, err error) {
	full := map[string]bool{}
	for i, a := range pending {
		hosts := m.limitedHosts(a)
		if slices.ContainsFunc(hosts, func(host string) bool { return full[host] }) {
			continue
		}
		held, host, err := places.take(hosts)
		if host == "" || err != nil {
			return i, held, err
		}
		full[host] = true
	}
	return -1, nil, nil
}

// limitedHosts returns the servers of an account that have a limit.
func (m *migration) limitedHosts(a account) []string {
	if len(m.limits) == 0 {
		return nil
	}
	var hosts []string
	for _, options := range [][]string{a.old, a.new} {
		if host := serverOf(options); m.limits[host] > 0 {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// serverOf returns the host that connection options or their account file name, "" if neither does: then the
// commands say what is wrong.
func serverOf(options []string) string {
	var host, file string
	for _, option := range options {
		if value, ok := strings.CutPrefix(option, "--host="); ok {
			host = value
		}
		if value, ok := strings.CutPrefix(option, "--account="); ok {
			file = value
		}
	}
	host, _ = cli.Server(host, file)
	return host
}

// How long the commands have for the message that they are at, and then for what they must.
const (
	finishPatience = time.Minute
	stopPatience   = 5 * time.Second
)

// stop ends the commands once ctx ends. They get less time with each further signal to this process.
func (p *processes) stop(ctx context.Context, again <-chan struct{}) {
	<-ctx.Done()
	p.signal(syscall.SIGTERM)
	for _, next := range []struct {
		after  time.Duration
		signal os.Signal
	}{{finishPatience, syscall.SIGTERM}, {stopPatience, syscall.SIGKILL}} {
		select {
		case <-again:
		case <-time.After(next.after):
		}
		p.signal(next.signal)
	}
}
