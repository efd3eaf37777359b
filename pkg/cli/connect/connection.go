// Package connect reads from options, an account file and a preset how a server is
// reached and who logs in.
package connect

import (
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// Flags are the options that say where and how to connect;
// Connection reads them.
func Flags() []ucli.Flag {
	return slices.Concat(connectingFlags(), tlsFlags(), loginFlags(), networkFlags())
}

func connectingFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "host", Category: cli.Connecting, EnvVars: []string{"IMAP_HOST"},
			Usage: "`HOST[:PORT]`: the server"},
		&ucli.StringFlag{Name: "user", Category: cli.Connecting, EnvVars: []string{"IMAP_USER"},
			Usage: "`USER`: the account"},
		&ucli.StringFlag{Name: "account", Category: cli.Connecting,
			Usage: "`NAME|PATH`: a file of these options, one a line (~/.config/imap-pipe/NAME, or a path with a " +
				"slash); IMAP_* is then ignored"},
		&ucli.StringFlag{Name: "preset", Category: cli.Connecting,
			Usage: "`NAME`: options that a kind of server is known to want, as gmail, office365 or exchange " +
				"(imap-list --list-presets); what is typed or in the account file is stronger"},
		&ucli.DurationFlag{Name: "timeout", Category: cli.Connecting, Value: imapconn.DefaultTimeout,
			Usage: "`DURATION`: give up after so long without progress, as in 90s, or ten times as long where the " +
				"server only says that it is still there"},
		&ucli.StringSliceFlag{Name: "disable-cap", Category: cli.Connecting,
			Usage: "`NAME`: act as if the server had not offered this capability; repeatable"},
		&ucli.BoolFlag{Name: "no-id", Category: cli.Connecting, Usage: "do not tell the server our name and version (ID)"},
		&ucli.StringFlag{Name: "trace", Category: cli.Connecting,
			Usage: "`FILE`: append the conversation to it, without passwords and mail; - is stderr"},
		&ucli.StringFlag{Name: "prefix", Category: cli.Connecting,
			Usage: "`PREFIX`: of the personal namespace, where the server does not tell it"},
		&ucli.StringFlag{Name: "delimiter", Category: cli.Connecting,
			Usage: "`CHARACTER`: between the levels of a folder name, where the server does not tell it"},
	}
}

// FirstSet names the first connection option on the command line, ""
// if there is none; environment and preset do not count.
func FirstSet(c *ucli.Context) string {
	for _, f := range Flags() {
		if name := f.Names()[0]; cli.IsSet(c, name) && !cli.IsPreset(c, name) {
			return cli.Dashed(name)
		}
	}
	return ""
}

// Options reads and checks the connection options, without connecting, and
// says what of a preset is used.
// Errors: exit.Usage, exit.NoInput for an account file, password or
// certificate that cannot be read, exit.CantCreate for the trace.
//
// Options.Password runs the command of --password-command at each call, asks
// on the terminal at the first, and gives the same password otherwise; it is
// nil where no password is needed.
func Options(c *ucli.Context) (imapconn.Options, error) {
	file, err := useAccount(c)
	if err != nil {
		return imapconn.Options{}, err
	}
	sourcesOf(c).preset.say(cli.MessagesOf(c))
	opt, err := connection(c)
	return opt, file.locate(err)
}

func connection(c *ucli.Context) (imapconn.Options, error) {
	var opt imapconn.Options
	at, err := parseHost(c.String("host"))
	if err != nil {
		return opt, err
	}
	opt.Host, opt.Port, opt.User = at.host, at.port, c.String("user")
	opt.Network.Timeout = c.Duration("timeout")
	opt.NoID, opt.Version = c.Bool("no-id"), cli.Version()
	opt.Warn = func(text string) { cli.MessagesOf(c).Warn("%s", text) }
	for _, step := range []func(*ucli.Context, *imapconn.Options) error{
		checkUser, checkTimeout, encryption, capabilities, namespace, network, login, trace,
	} {
		if err := step(c, &opt); err != nil {
			return imapconn.Options{}, err
		}
	}
	return opt, nil
}

func checkUser(_ *ucli.Context, opt *imapconn.Options) error {
	if strings.TrimSpace(opt.User) == "" {
		return exit.Errorf(exit.Usage, "no account").WithHint("give --user USER, or set IMAP_USER")
	}
	return checkName("user", opt.User)
}

// checkName refuses a user's name that no server has.
func checkName(option, name string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return exit.Errorf(exit.Usage, "--%s %q holds a control character or is no UTF-8", option, name)
	}
	return nil
}

func checkTimeout(_ *ucli.Context, opt *imapconn.Options) error {
	if opt.Network.Timeout <= 0 {
		return exit.Errorf(exit.Usage, "--timeout %s is no time to wait", opt.Network.Timeout)
	}
	return nil
}

var capabilityName = lazyregexp.New(`^[A-Za-z0-9.=+/_-]+$`)

func capabilities(c *ucli.Context, opt *imapconn.Options) error {
	for _, name := range c.StringSlice("disable-cap") {
		if !capabilityName.MatchString(name) {
			return exit.Errorf(exit.Usage, "--disable-cap %q is no capability", name).
				WithHint("one name, as in MULTIAPPEND; repeat the option for more")
		}
		opt.DisableCaps = append(opt.DisableCaps, strings.ToUpper(name))
	}
	return nil
}

func namespace(c *ucli.Context, opt *imapconn.Options) error {
	if cli.IsSet(c, "prefix") {
		prefix := c.String("prefix")
		if !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl) {
			return exit.Errorf(exit.Usage, "--prefix %q holds a control character or is no UTF-8", prefix)
		}
		opt.Prefix = &prefix
	}
	if cli.IsSet(c, "delimiter") {
		delimiter := c.String("delimiter")
		if len(delimiter) > 1 || delimiter != "" && (delimiter[0] < ' ' || delimiter[0] > '~') {
			return exit.Errorf(exit.Usage, "--delimiter %q is not one ASCII character", delimiter).
				WithHint("it is / or . on most servers, and '' where folders have no levels")
		}
		opt.Delimiter = &delimiter
	}
	return nil
}

func trace(c *ucli.Context, opt *imapconn.Options) error {
	path := c.String("trace")
	if !cli.IsSet(c, "trace") {
		return nil
	}
	if path == "-" {
		opt.Trace = traceMessages{cli.MessagesOf(c)}
		return nil
	}
	f, err := files.OpenAppend("trace", path)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		f.Chmod(0o600) // it may have been there, with another mode
	}
	opt.Trace = &traceFile{WriteCloser: f, warn: cli.MessagesOf(c).Warn}
	return nil
}

// traceFile is a trace that warns once when it cannot be written. The run goes on.
type traceFile struct {
	io.WriteCloser
	warn   func(format string, args ...any)
	failed sync.Once // connections share it
}

func (t *traceFile) Write(p []byte) (int, error) {
	n, err := t.WriteCloser.Write(p)
	if err != nil {
		t.failed.Do(func() { t.warn("the --trace is not complete: %v", err) })
	}
	return n, err
}

// traceMessages prints the trace on stderr, where a terminal may be. Each Write is
// whole lines.
type traceMessages struct {
	messages *cli.Messages
}

func (t traceMessages) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		t.messages.Print(strings.TrimRight(line, "\r\n"))
	}
	return len(p), nil
}
