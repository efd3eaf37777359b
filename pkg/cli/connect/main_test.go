package connect

import (
	"fmt"
	"os"
	"testing"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/clitest"
)

// TestMain makes the test binary behave as a command that prints its connection.
func TestMain(m *testing.M) {
	if clitest.IsChild() {
		app := cli.New(cli.Command{
			Name:   "imap-test",
			Flags:  append(Flags(), &ucli.StringFlag{Name: "do"}),
			Before: UseSources,
			Action: connect,
		})
		os.Exit(cli.Run(app, os.Args))
	}
	os.Exit(m.Run())
}

// connect prints what a connection would be made with.
func connect(c *ucli.Context) error {
	opt, err := Options(c)
	if err != nil {
		return err
	}
	password, err := opt.Login.Password(c.Context)
	if err != nil {
		return err
	}
	again, err := opt.Login.Password(c.Context)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s %d %s %q %q\n", opt.Host, opt.Port, opt.User, password, again)
	return err
}
