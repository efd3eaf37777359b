package cli

import (
	"crypto/x509"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

const (
	connecting = "Connecting"
	secrets    = "Password (one of these, or a prompt on the terminal; no option takes the password itself)"
)

// ConnectionFlags are the options that say where and how to connect;
// Connection reads them.
func ConnectionFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "host", Category: connecting, EnvVars: []string{"IMAP_HOST"}, Usage: "`HOST[:PORT]`: the server"},
		&ucli.StringFlag{Name: "user", Category: connecting, EnvVars: []string{"IMAP_USER"}, Usage: "`USER`: the account"},
		&ucli.StringFlag{Name: "tls", Category: connecting, Value: "implicit", Usage: "`implicit|starttls|none`: port 993, or 143 with mandatory STARTTLS, or 143 in the clear"},
		&ucli.StringFlag{Name: "ca-file", Category: connecting, Usage: "`FILE`: trust these certificates (PEM) in place of the system's"},
		&ucli.StringFlag{Name: "tls-pin", Category: connecting, Usage: "`sha256:HEX`: accept the certificate with this fingerprint and no other"},
		&ucli.BoolFlag{Name: "tls-insecure", Category: connecting, Usage: "accept any certificate: whoever is in between reads all"},
		&ucli.DurationFlag{Name: "timeout", Category: connecting, Value: imapconn.DefaultTimeout, Usage: "`DURATION`: give up after so long without progress, as in 90s, or ten times as long where the server only says that it is still there"},
		&ucli.StringSliceFlag{Name: "disable-cap", Category: connecting, Usage: "`NAME`: act as if the server had not offered this capability; repeatable"},
		&ucli.StringFlag{Name: "trace", Category: connecting, Usage: "`FILE`: append the conversation to it, without passwords and mail; - is stderr"},
		&ucli.StringFlag{Name: "prefix", Category: connecting, Usage: "`PREFIX`: of the personal namespace, where the server does not tell it"},
		&ucli.StringFlag{Name: "delimiter", Category: connecting, Usage: "`CHARACTER`: between the levels of a folder name, where the server does not tell it"},

		&ucli.StringFlag{Name: "password-file", Category: secrets, Usage: "`FILE`: its first line"},
		&ucli.StringFlag{Name: "password-command", Category: secrets, Usage: "`COMMAND`: the first line of its output; sees IMAP_HOST and IMAP_USER; runs at every connect ($IMAP_PASSWORD is the other way)"},
		&ucli.StringFlag{Name: "password-fd", Category: secrets, Usage: "`N`: the first line that descriptor N gives"},
	}
}

// ConnectionGiven names the first connection option on the command line, ""
// if there is none; the environment does not count.
func ConnectionGiven(c *ucli.Context) string {
	for _, f := range ConnectionFlags() {
		if name := f.Names()[0]; Given(c, name) {
			return dashed(name)
		}
	}
	return ""
}

// Connection reads and checks the connection options, without connecting.
// Errors: exit.Usage, exit.NoInput for a password or certificate that cannot
// be read, exit.CantCreate for the trace.
//
// Options.Password runs the command of --password-command at each call, asks
// on the terminal at the first, and gives the same password otherwise.
func Connection(c *ucli.Context) (imapconn.Options, error) {
	var opt imapconn.Options
	at, err := parseHost(c.String("host"))
	if err != nil {
		return opt, err
	}
	opt.Host, opt.Port, opt.User = at.host, at.port, c.String("user")
	opt.Timeout = c.Duration("timeout")
	opt.Warn = func(text string) { TalkOf(c).Warn("%s", text) }
	for _, step := range []func(*ucli.Context, *imapconn.Options) error{
		checkUser, checkTimeout, encryption, capabilities, namespace, password, trace,
	} {
		if err := step(c, &opt); err != nil {
			return imapconn.Options{}, err
		}
	}
	return opt, nil
}

func checkUser(_ *ucli.Context, opt *imapconn.Options) error {
	switch {
	case strings.TrimSpace(opt.User) == "":
		return exit.Errorf(exit.Usage, "no account").WithHint("give --user USER, or set IMAP_USER")
	case !utf8.ValidString(opt.User) || strings.ContainsFunc(opt.User, unicode.IsControl):
		return exit.Errorf(exit.Usage, "--user %q holds a control character or is no UTF-8", opt.User)
	}
	return nil
}

func checkTimeout(_ *ucli.Context, opt *imapconn.Options) error {
	if opt.Timeout <= 0 {
		return exit.Errorf(exit.Usage, "--timeout %s is no time to wait", opt.Timeout)
	}
	return nil
}

// encryption reads the options of TLS. One that has no effect is refused:
// whoever gave it relies on it.
func encryption(c *ucli.Context, opt *imapconn.Options) error {
	switch mode := c.String("tls"); mode {
	case "implicit":
		opt.TLS = imapconn.Implicit
	case "starttls":
		opt.TLS = imapconn.StartTLS
	case "none":
		opt.TLS = imapconn.None
	default:
		return exit.Errorf(exit.Usage, "--tls is %q, but can be implicit, starttls or none", mode)
	}
	trust, err := oneOf(c, "ca-file", "tls-pin", "tls-insecure")
	if err != nil {
		return err
	}
	if trust != "" && opt.TLS == imapconn.None {
		return exit.Errorf(exit.Usage, "--%s has no meaning with --tls none", trust)
	}
	switch trust {
	case "ca-file":
		opt.CAFile = c.String("ca-file")
		return checkCertificates(opt.CAFile)
	case "tls-pin":
		opt.Pin, err = parsePin(c.String("tls-pin"))
		return err
	case "tls-insecure":
		opt.Insecure = c.Bool("tls-insecure")
	}
	if opt.Insecure {
		TalkOf(c).Warn("--tls-insecure: %s may be anybody; --tls-pin is as easy, and safe", opt.Host)
	}
	return nil
}

func checkCertificates(path string) error {
	pem, err := os.ReadFile(path)
	if err != nil {
		return exit.Errorf(exit.NoInput, "cannot read --ca-file %s: %w", path, bare(err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return exit.Errorf(exit.NoInput, "--ca-file %s holds no certificate in PEM", path)
	}
	return nil
}

// parsePin reads sha256:HEX; the colons that other tools write between the
// octets may stay. It returns the digits in lower case.
func parsePin(s string) (string, error) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	digits = strings.ToLower(strings.ReplaceAll(digits, ":", ""))
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != 32 {
		return "", exit.Errorf(exit.Usage, "--tls-pin %q is not sha256: and 64 hexadecimal digits", s).
			WithHint("a connection whose certificate is refused prints the ready option")
	}
	return digits, nil
}

var capabilityName = regexp.MustCompile(`^[A-Za-z0-9.=+/_-]+$`)

func capabilities(c *ucli.Context, opt *imapconn.Options) error {
	for _, name := range c.StringSlice("disable-cap") {
		if !capabilityName.MatchString(name) {
			return exit.Errorf(exit.Usage, "--disable-cap %q is no capability", name).WithHint("one name, as in MULTIAPPEND; repeat the option for more")
		}
		opt.DisableCaps = append(opt.DisableCaps, strings.ToUpper(name))
	}
	return nil
}

func namespace(c *ucli.Context, opt *imapconn.Options) error {
	if Given(c, "prefix") {
		prefix := c.String("prefix")
		if !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl) {
			return exit.Errorf(exit.Usage, "--prefix %q holds a control character or is no UTF-8", prefix)
		}
		opt.Prefix = &prefix
	}
	if Given(c, "delimiter") {
		delimiter := c.String("delimiter")
		if len(delimiter) > 1 || delimiter != "" && (delimiter[0] < ' ' || delimiter[0] > '~') {
			return exit.Errorf(exit.Usage, "--delimiter %q is not one ASCII character", delimiter).WithHint("it is / or . on most servers, and '' where folders have no levels")
		}
		opt.Delimiter = &delimiter
	}
	return nil
}

func password(c *ucli.Context, opt *imapconn.Options) error {
	port := opt.Port
	switch {
	case port != 0:
	case opt.TLS == imapconn.Implicit:
		port = 993
	default:
		port = 143
	}
	source, err := passwordSource(c, account{user: opt.User, hostPort: hostPort{host: opt.Host, port: port}})
	opt.Password = source
	return err
}

func trace(c *ucli.Context, opt *imapconn.Options) error {
	path := c.String("trace")
	if !Given(c, "trace") {
		return nil
	}
	if path == "-" {
		opt.Trace = traceTalk{TalkOf(c)}
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return exit.Errorf(exit.CantCreate, "cannot write to --trace %s: %w", path, bare(err))
	}
	opt.Trace = f
	return nil
}

// traceTalk prints the trace on stderr, where a terminal may be. Each Write is
// whole lines.
type traceTalk struct {
	talk *Talk
}

func (t traceTalk) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		t.talk.line(strings.TrimRight(line, "\r\n"))
	}
	return len(p), nil
}
