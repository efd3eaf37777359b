package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

const (
	lockPause    = 200 * time.Millisecond // between two tries to lock a file
	lockPatience = 10 * time.Second       // for an account that another run works on
)

// tryLock locks a file, which it makes if need be. It returns nil if another process, or another
// descriptor of this one, has locked it. The lock ends when the last descriptor that was made from the
// file's has been closed, in whatever process.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, exit.Wrap(exit.IO, err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return nil, exit.Errorf(exit.IO, "lock %s: %w", path, err)
}

// lockAccount locks the folder of an account, so that two runs do not work on it.
func lockAccount(ctx context.Context, dir string) (*os.File, error) {
	for deadline := time.Now().Add(lockPatience); ; {
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if lock != nil || err != nil {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, exit.Errorf(exit.Temporary, "another run is at work on it")
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// places gives accounts their places at servers that may have only so many of them at a time. A place is
// a locked file, so that the limit holds among all processes that share the state folder.
type places struct {
	dir    string
	limits map[string]int // of each server that has one
}

// next returns which of the accounts may be begun, and its places. It returns -1 if none may.
func (p places) next(pending []*account) (i int, held []*os.File) {
	full := map[string]bool{}
	for i, a := range pending {
		if slices.ContainsFunc(a.limited, func(server string) bool { return full[server] }) {
			continue
		}
		held, server, err := p.take(a.limited)
		if a.failure = err; server == "" || err != nil {
			return i, held
		}
		full[server] = true
	}
	return -1, nil
}

// take locks a place at each of the servers. If one has none that is free, it returns its name, and no
// place is taken.
func (p places) take(servers []string) (held []*os.File, full string, err error) {
	for _, server := range servers {
		place, err := p.at(server)
		if place == nil {
			for _, place := range held {
				place.Close()
			}
			return nil, server, err
		}
		held = append(held, place)
	}
	return held, "", nil
}

func (p places) at(server string) (*os.File, error) {
	for i := range p.limits[server] {
		place, err := tryLock(filepath.Join(p.dir, fmt.Sprintf("at-%s.%d", server, i+1)))
		if place != nil || err != nil {
			return place, err
		}
	}
	return nil, nil
}
