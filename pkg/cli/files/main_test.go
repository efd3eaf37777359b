package files_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
)

// TestMain makes the test binary behave as a command that does what --do says.
func TestMain(m *testing.M) {
	if clitest.IsChild() {
		*files.Grace = 300 * time.Millisecond
		os.Exit(cli.Run(testCommand(), os.Args))
	}
	os.Exit(m.Run())
}

func testCommand() *ucli.App {
	return cli.New(cli.Command{
		Name:     "imap-test",
		Operands: []string{"SOURCE"},
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "do"},
			&ucli.StringFlag{Name: "o"},
			&ucli.BoolFlag{Name: "binary"},
			&ucli.BoolFlag{Name: "continue"},
		},
		Action: func(c *ucli.Context) error { return deeds[c.String("do")](c) },
	})
}

var deeds = map[string]func(*ucli.Context) error{
	"flood": func(c *ucli.Context) error { return flood(c, 1<<40) },
	"write": func(c *ucli.Context) error { return flood(c, 256<<10) },
	"copy":  copyStream,
	"abort": endInBand,
}

func flood(c *ucli.Context, n int) error {
	out, err := files.NewOutput(c.Context, c.String("o"), files.OutputOptions{Binary: c.Bool("binary")})
	if err != nil {
		return err
	}
	defer out.Abort()
	if c.Bool("continue") {
		f, err := out.Partial()
		if err != nil {
			return err
		}
		if f != nil {
			have, err := io.ReadAll(f)
			if err != nil {
				return err
			}
			if err := out.TruncateTo(int64(len(have))); err != nil {
				return err
			}
			n -= len(have)
		}
	}
	block := bytes.Repeat([]byte("y"), 64<<10)
	for n > 0 {
		written, err := out.Write(block[:min(n, len(block))])
		if err != nil {
			return err
		}
		n -= written
	}
	return out.Commit()
}

// endInBand writes until it is stopped, and then one line more.
func endInBand(c *ucli.Context) error {
	out, err := files.NewOutput(c.Context, "", files.OutputOptions{})
	if err != nil {
		return err
	}
	defer out.Abort()
	fmt.Fprintln(out, "begin")
	fmt.Fprintln(os.Stderr, "ready")
	<-c.Context.Done()
	time.Sleep(2 * *files.Grace) // the deadline of a write, not of the run
	if _, err := fmt.Fprintln(out, "abort"); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return context.Cause(c.Context)
}

func copyStream(c *ucli.Context) error {
	in, err := files.OpenInput(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := files.NewOutput(c.Context, c.String("o"), files.OutputOptions{Binary: c.Bool("binary")})
	if err != nil {
		return err
	}
	defer out.Abort()
	fmt.Fprintln(os.Stderr, "ready")
	if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in}); err != nil {
		return err
	}
	return out.Commit()
}
