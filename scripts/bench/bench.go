package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// source is the account that is read; the others are made anew in each round.
const source = "source"

type bench struct {
	ctx    context.Context
	work   string
	server *dovecot
	mail   corpus
	floors []*measure
	runs   []*measure
}

// measure is what one thing took, round by round.
type measure struct {
	name  string
	floor *measure // what it is held against; nil for a floor
	took  []time.Duration
}

func (b *bench) measure(rounds int) error {
	if err := floorAppend(b.server.address, source, b.mail); err != nil {
		return fmt.Errorf("fill the source: %w", err)
	}
	fetchFloor, appendFloor, indexFloor := b.floor("floor-fetch"), b.floor("floor-append"),
		b.floor("floor-index, both accounts")
	fetch := b.run("imap-fetch to a file", fetchFloor)
	push := b.run("imap-push from a file", appendFloor)
	through := b.run("straight through", appendFloor)
	again := b.run("a second run", indexFloor)
	for i := range rounds {
		flooded, pushed, piped := fmt.Sprint("floor", i), fmt.Sprint("pushed", i), fmt.Sprint("piped", i)
		steps := []struct {
			timed *measure // nil: not measured
			do    func() error
		}{
			{fetchFloor, func() error { return floorFetch(b.server.address, source) }},
			{fetch, func() error { return b.sh("imap-fetch --restart $SRC -o mail.zst", pushed) }},
			{appendFloor, func() error { return floorAppend(b.server.address, flooded, b.mail) }},
			{nil, func() error { return b.sh("imap-diff -q -o plan.zst $DST mail.zst", pushed) }},
			{push, func() error { return b.sh("imap-push -q $DST plan.zst >receipts", pushed) }},
			{through, func() error { return b.sh(straight, piped) }},
			// Once before the clock runs: the server caches what it is asked for.
			{nil, func() error { return floorIndex(b.server.address, piped) }},
			{indexFloor, func() error { return b.index(piped) }},
			{again, func() error { return b.sh(straight, piped) }},
		}
		for _, step := range steps {
			if err := step.timed.time(step.do); err != nil {
				return err
			}
			if err := b.ctx.Err(); err != nil {
				return err
			}
		}
		for _, user := range []string{flooded, pushed, piped} {
			b.server.forget(user)
		}
	}
	b.print()
	return nil
}

const straight = "imap-fetch -q --headers $SRC | imap-diff -q $DST | imap-fetch -q --select - $SRC | imap-push -q " +
	"$DST >receipts"

func (b *bench) floor(name string) *measure {
	m := &measure{name: name}
	b.floors = append(b.floors, m)
	return m
}

func (b *bench) run(name string, floor *measure) *measure {
	m := &measure{name: name, floor: floor}
	b.runs = append(b.runs, m)
	return m
}

func (m *measure) time(do func() error) error {
	began := time.Now()
	err := do()
	if m != nil {
		m.took = append(m.took, time.Since(began))
	}
	return err
}

// index reads both accounts, one after the other.
func (b *bench) index(destination string) error {
	if err := floorIndex(b.server.address, source); err != nil {
		return err
	}
	return floorIndex(b.server.address, destination)
}

// sh runs a line of shell with the commands in its PATH, the source's
// connection options in $SRC and the destination's in $DST.
func (b *bench) sh(line, destination string) error {
	c := exec.CommandContext(b.ctx, "sh", "-c", line)
	c.Dir = b.work
	c.Env = append(os.Environ(), "PATH="+filepath.Join(b.work, "bin")+":"+os.Getenv("PATH"),
		"IMAP_PASSWORD=secret", "SRC="+b.options(source), "DST="+b.options(destination))
	if output, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, output)
	}
	return nil
}

func (b *bench) options(user string) string {
	return fmt.Sprintf("--host %s --user %s --tls none", b.server.address, user)
}
