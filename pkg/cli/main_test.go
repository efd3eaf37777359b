package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestMain(m *testing.M) {
	if clitest.IsChild() {
		os.Exit(Run(testCommand(), os.Args))
	}
	os.Exit(m.Run())
}

// testCommand is a command that does what --do says.
func testCommand() *ucli.App {
	own := []ucli.Flag{
		&ucli.StringFlag{Name: "do", Usage: "`WHAT` to do"},
		&ucli.StringFlag{Name: "o", Usage: "`FILE`: output"},
		&ucli.IntFlag{Name: "code"},
		&ucli.StringSliceFlag{Name: "folder"},
		&ucli.BoolFlag{Name: "binary"},
		&ucli.BoolFlag{Name: "secret-switch", Hidden: true},
		&ucli.StringFlag{Name: "host", Category: Connecting, EnvVars: []string{"IMAP_HOST"}, Usage: "`HOST[:PORT]`: the server"},
		&ucli.StringFlag{Name: "user", Category: Connecting},
		&ucli.DurationFlag{Name: "timeout", Category: Connecting, Value: 2 * time.Minute},
		&ucli.StringFlag{Name: "password-file"},
		&ucli.StringFlag{Name: "tls", Value: "implicit", Usage: "`implicit|starttls|none`: port 993"},
	}
	return New(Command{
		Name:     "imap-test",
		Summary:  "does what a test asks for",
		Operands: []string{"SOURCE", "AGAINST"},
		Examples: []Example{{Line: "imap-test --do nothing", Does: "do nothing"}},
		Notes:    []string{"Exit codes: as the others."},
		Flags:    own,
		Action:   func(c *ucli.Context) error { return deeds[c.String("do")](c) },
	})
}

var deeds = map[string]func(*ucli.Context) error{
	"":        func(*ucli.Context) error { return nil },
	"folders": func(c *ucli.Context) error { _, err := fmt.Printf("%q\n", c.StringSlice("folder")); return err },
	"operands": func(c *ucli.Context) error {
		_, err := fmt.Printf("%q\n", c.Args().Slice())
		return err
	},
	"panic": func(*ucli.Context) error { panic("boo\x1b[2J") },
	"index": func(*ucli.Context) error {
		var none []int
		_ = none[len(os.Args)]
		return nil
	},
	"fail": func(c *ucli.Context) error {
		return exit.Errorf(exit.Code(c.Int("code")), "folder \x1b]0;x\a\u202e failed\nagain").WithHint("try %s", "\x9b1m")
	},
	"uncoded": func(*ucli.Context) error { return errors.New("odd") },
	"silent":  func(*ucli.Context) error { return exit.Errorf(exit.Different, "") },
	"println": func(*ucli.Context) error {
		for {
			if _, err := fmt.Println(strings.Repeat("x", 4000)); err != nil {
				return err
			}
		}
	},
	"wait": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return fmt.Errorf("while waiting: %w", context.Cause(c.Context))
	},
	"wait-partial": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return exit.Errorf(exit.Partial, "3 messages failed")
	},
	"finish": func(c *ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		<-c.Context.Done()
		return nil
	},
	"stubborn": func(*ucli.Context) error {
		fmt.Fprintln(os.Stderr, "ready")
		time.Sleep(time.Minute)
		return nil
	},
	"say": func(c *ucli.Context) error {
		MessagesOf(c).Info("joe@old -> joe@new: %s", "done")
		MessagesOf(c).Warn("%s", "odd \x1b[1m"+strings.Repeat("é", messageCap))
		return nil
	},
	"progress": showProgress,
}

func showProgress(c *ucli.Context) error {
	p, err := NewProgress(c)
	if err != nil {
		return err
	}
	p.Phase("reading")
	p.Total(20000, 5e6)
	p.Folder("Archive \x1b[2J\u202e")
	p.Add(1234, 1e6)
	fmt.Fprintln(os.Stderr, "ready")
	select {
	case <-c.Context.Done():
	case <-time.After(500 * time.Millisecond):
	}
	MessagesOf(c).Warn("a word in between")
	p.Stop()
	p.Stop()
	MessagesOf(c).Info("done")
	return context.Cause(c.Context)
}
