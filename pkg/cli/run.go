package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/cli/terminal"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Run runs an App that New made, says on stderr what went wrong, and returns
// the exit code. Of the context that the action gets as c.Context:
//
// The first SIGINT or SIGTERM (or SIGHUP) cancels it; context.Cause is then
// an error whose exit.CodeOf is exit.Interrupted or exit.Terminated. An
// action that stops for it returns an error; one that returns nil had
// finished, and the exit code is 0. The second signal ends the process at
// once.
//
// A panic of the action becomes exit.Bug; one of another goroutine does not
// pass here and ends the process as Go does.
func Run(app *ucli.App, args []string) int {
	st := stateOf(app)
	limitMemory()
	ctx, stop := watchSignals(st.messages)
	defer stop()
	ctx = files.KeepApart(ctx)
	err := settle(ctx, st, guard(func() error { return Execute(ctx, app, args) }))
	st.messages.fail(err)
	st.abortUnopened(args, err)
	return int(exit.CodeOf(err))
}

// Execute runs an App that New made and returns its error. Run calls it.
func Execute(ctx context.Context, app *ucli.App, args []string) error {
	st := stateOf(app)
	var tail []string
	if len(args) > 1 {
		tail = args[1:]
	}
	given, err := checkArguments(app.Flags, st.command.Operands, tail)
	if err != nil {
		return err
	}
	st.set = given
	switch { // the library would answer in its own words
	case given["help"]:
		return answer(helpText(st.command))
	case given["version"]:
		return answer(versionText(st.command.Name))
	}
	st.greet(tail)
	return app.RunContext(ctx, append([]string{st.command.Name}, tail...))
}

// settle gives err the exit code that the process ends with.
func settle(ctx context.Context, st *state, err error) error {
	if err == nil {
		return nil
	}
	if !st.reached {
		err = exit.Wrap(exit.Usage, err) // the library's own: a value that does not parse
	}
	err = stdoutError(err)
	cause := context.Cause(ctx)
	switch {
	case cause == nil:
		return err
	case errors.Is(err, cause) || errors.Is(err, context.Canceled):
		return cause
	}
	code := exit.CodeOf(cause)
	if !exit.HasCode(err) {
		return &exit.Error{Code: code, Err: fmt.Errorf("%w: %w", cause, err)}
	}
	return exit.Errorf(exit.Worse(code, exit.CodeOf(err)), "%w: %w", cause, err).WithHint("%s", exit.HintOf(err))
}

// stdoutError gives a code to what fails when somebody writes to os.Stdout
// without an Output.
func stdoutError(err error) error {
	var path *fs.PathError
	if exit.HasCode(err) || !errors.As(err, &path) || path.Path != os.Stdout.Name() {
		return err
	}
	return files.WriteError("stdout", err)
}

// guard calls fn and makes an error of its panic.
func guard(fn func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		terminal.Restore()
		if os.Getenv("GOTRACEBACK") != "" {
			os.Stderr.Write(debug.Stack())
		}
		err = exit.Errorf(exit.Bug, "a bug: %v (%s)", value, panicPlace()).
			WithHint("please report it with the output of --version; GOTRACEBACK=all in the environment adds where " +
				"it happened")
	}()
	return fn()
}

// panicPlace names the function and line that panicked. It is called from
// the deferred function that recovered.
func panicPlace() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	panicking := false
	for {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !inRuntime:
			return fmt.Sprintf("%s, line %d", frame.Function, frame.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
