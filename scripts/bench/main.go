// Command bench measures the commands on Dovecot against floors: bare socket
// clients that do the least the protocol allows. It asserts nothing.
//
//	scripts/servers install            once, as root
//	go run ./scripts/bench [--messages 20000] [--rounds 3]
//
// In each round everything runs once, floors and commands in turn, so that a
// slow minute of the machine strikes both. Medians are printed, with their
// ratios to the floor of the same run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

func main() {
	messages := flag.Int("messages", 20000, "`N` small messages in eight folders")
	rounds := flag.Int("rounds", 3, "how `often` everything is measured")
	flag.Parse()
	if flag.NArg() > 0 || *messages < 1 || *rounds < 1 {
		flag.Usage()
		os.Exit(64)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *messages, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, messages, rounds int) error {
	work, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := build(ctx, root, filepath.Join(work, "bin")); err != nil {
		return err
	}
	server, err := startDovecot(ctx, root, work)
	if err != nil {
		return err
	}
	defer server.stop()
	b := &bench{ctx: ctx, work: work, server: server, mail: deal(imaptest.Generate(1, messages))}
	fmt.Printf("%d messages, %.1f MB, in %d folders; Dovecot, Maildir, no TLS; %d rounds\n", messages,
		float64(b.mail.octets())/1e6, len(b.mail), rounds)
	return b.measure(rounds)
}

// moduleRoot finds the module that the working directory lies in.
func moduleRoot() (string, error) {
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil || len(output) < 2 {
		return "", fmt.Errorf("run it inside the module: %w", err)
	}
	return string(output[:len(output)-1]), nil
}

func build(ctx context.Context, root, bin string) error {
	c := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin+"/", "./cmd/...")
	c.Dir, c.Stderr = root, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("build the commands: %w", err)
	}
	return nil
}
