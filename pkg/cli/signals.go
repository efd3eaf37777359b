package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/terminal"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// patience is how long after the first signal the user is told that there is
// something to finish.
const patience = time.Second

// watchSignals returns the context of a run and what ends the watch.
func watchSignals(messages *Messages) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	asked := make(chan os.Signal, 8)
	signal.Notify(asked, askedFor()...)
	// With somebody to receive them, these two do not end the process in the
	// middle of an APPEND; the write that caused them fails. The channel is
	// another, and never read: it may be full, the first must not.
	failed := make(chan os.Signal, 1)
	signal.Notify(failed, syscall.SIGPIPE, syscall.SIGXFSZ)

	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-asked:
				answerSignal(ctx, cancel, messages, sig)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(asked)
		close(done)
		cancel(nil)
	}
}

// askedFor lists the signals that ask for something. A shell starts a job
// in the background with SIGINT ignored, nohup with SIGHUP: that stays.
func askedFor() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGUSR1}
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}

func answerSignal(ctx context.Context, cancel context.CancelCauseFunc, messages *Messages, sig os.Signal) {
	if sig == syscall.SIGUSR1 {
		messages.report()
		return
	}
	cause := signalError(sig)
	if ctx.Err() != nil {
		terminal.Restore()
		os.Exit(int(cause.Code))
	}
	cancel(cause)
	time.AfterFunc(patience, func() { messages.Info("stopping after what is in flight; once more to stop at once") })
}

// signalError is the cause that a signal cancels the context with.
func signalError(sig os.Signal) *exit.Error {
	switch sig {
	case syscall.SIGINT:
		return exit.Errorf(exit.Interrupted, "interrupted")
	case syscall.SIGHUP: // the terminal is gone; the table has no code of its own for it
		return exit.Errorf(exit.Terminated, "hung up")
	}
	return exit.Errorf(exit.Terminated, "terminated")
}
