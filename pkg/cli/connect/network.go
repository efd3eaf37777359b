package connect

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/environ"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

const networking = "Network"

// networkFlags are the options that say how octets get to the server, and how
// much patience it is shown. They belong to ConnectionFlags.
func networkFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "ipv4", Aliases: []string{"4"}, Category: networking,
			Usage: "IPv4 only (default: the address that answers first)"},
		&ucli.BoolFlag{Name: "ipv6", Aliases: []string{"6"}, Category: networking, Usage: "IPv6 only"},
		&ucli.StringFlag{Name: "proxy", Category: networking,
			Usage: "`socks5://[USER@]HOST[:PORT]`: by way of this proxy, which looks the server's name up; its " +
				"password comes from IMAP_PROXY_PASSWORD"},
		&ucli.StringFlag{Name: "connections", Category: networking, Value: "auto",
			Usage: "`N|auto`: use so many connections to the server at most, from 1 to 64; auto is 4. Another one is " +
				"opened while work waits for it, and the run makes do with fewer if the server refuses one"},
		&ucli.StringFlag{Name: "compress", Category: networking, Value: "auto",
			Usage: "`auto|always|never`: COMPRESS=DEFLATE; auto is where the server has it and a round trip takes 5 " +
				"ms or more"},
		&ucli.IntFlag{Name: "retries", Category: networking, Value: imapconn.DefaultRetries,
			Usage: "`N`: connect again, or wait for a busy server, so often in a row before giving up with 75"},
		&ucli.DurationFlag{Name: "max-wait", Category: networking, Value: imapconn.DefaultMaxWait,
			Usage: "`DURATION`: the longest single wait that a busy server is granted"},
	}
}

// network reads what networkFlags describe.
func network(c *ucli.Context, opt *imapconn.Options) error {
	for _, step := range []func(*ucli.Context, *imapconn.Options) error{ipVersion, proxy, connections, compression,
		endurance} {
		if err := step(c, opt); err != nil {
			return err
		}
	}
	return nil
}

// maxConnections is more than any server allows an account.
const maxConnections = 64

func connections(c *ucli.Context, opt *imapconn.Options) error {
	text := c.String("connections")
	if text == "auto" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxConnections {
		return exit.Errorf(exit.Usage, "invalid --connections %s: must be auto or from 1 to %d", cli.Safe(text),
			maxConnections)
	}
	opt.Network.Connections = n
	return nil
}

func ipVersion(c *ucli.Context, opt *imapconn.Options) error {
	version, err := oneOf(c, "ipv4", "ipv6")
	if err != nil || version == "" || !c.Bool(version) {
		return err
	}
	opt.Network.IP = imapconn.IPv4
	if version == "ipv6" {
		opt.Network.IP = imapconn.IPv6
	}
	if at, err := netip.ParseAddr(opt.Host); err == nil && !cli.IsSet(c, "proxy") && at.Is4() != (version == "ipv4") {
		return exit.Errorf(exit.Usage, "--%s, but --host %s is an address of the other kind", version, opt.Host)
	}
	return nil
}

// proxy reads socks5://[USER@]HOST[:PORT]. What is wrong with it is told
// without its value: there may be a password in it.
func proxy(c *ucli.Context, opt *imapconn.Options) error {
	if !cli.IsSet(c, "proxy") {
		return nil
	}
	bad := exit.Errorf(exit.Usage, "--proxy is no socks5://[USER@]HOST[:PORT]")
	scheme, rest, ok := strings.Cut(c.String("proxy"), "://")
	if !ok || scheme != "socks5" && scheme != "socks5h" {
		return bad.WithHint("SOCKS5 is the kind of proxy that is understood")
	}
	p := &imapconn.Proxy{}
	rest = strings.TrimSuffix(rest, "/")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		p.User, rest = rest[:at], rest[at+1:]
		if strings.Contains(p.User, ":") {
			return exit.Errorf(exit.Usage, "--proxy holds a password").
				WithHint("no option takes one: write socks5://USER@HOST, and put it into %s", environ.ProxyPassword)
		}
		if p.User == "" || len(p.User) > 255 {
			return bad
		}
		p.Password = os.Getenv(environ.ProxyPassword)
		if p.Password == "" || len(p.Password) > 255 {
			return exit.Errorf(exit.NoInput, "no password for the proxy").
				WithHint("put it into %s: 1 to 255 octets", environ.ProxyPassword)
		}
	}
	host, port, hasPort, ok := splitHost(rest)
	if !ok {
		return bad
	}
	p.Host = host
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return bad.WithHint("a port is a number from 1 to 65535")
		}
		p.Port = int(n)
	}
	opt.Network.Proxy = p
	return nil
}

func compression(c *ucli.Context, opt *imapconn.Options) error {
	switch mode := c.String("compress"); mode {
	case "auto":
		opt.Network.Compress = imapconn.CompressAuto
	case "always":
		opt.Network.Compress = imapconn.CompressAlways
	case "never":
		opt.Network.Compress = imapconn.CompressNever
	default:
		return exit.Errorf(exit.Usage, "--compress is %q, but can be auto, always or never", mode)
	}
	return nil
}

// endurance reads how often and how long a server is waited for.
func endurance(c *ucli.Context, opt *imapconn.Options) error {
	if cli.IsSet(c, "retries") {
		opt.Retry.Max = c.Int("retries")
		switch {
		case opt.Retry.Max < 0 || opt.Retry.Max > 1000:
			return exit.Errorf(exit.Usage, "--retries %d is not from 0 to 1000", opt.Retry.Max)
		case opt.Retry.Max == 0:
			opt.Retry.Max = imapconn.NoRetries
		}
	}
	if cli.IsSet(c, "max-wait") {
		if opt.Retry.MaxWait = c.Duration("max-wait"); opt.Retry.MaxWait <= 0 {
			return exit.Errorf(exit.Usage, "--max-wait %s is no time to wait", opt.Retry.MaxWait).
				WithHint("--retries 0 waits for nobody")
		}
	}
	return nil
}
