package connect

import (
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

const (
	secrets = "Password or token (one of these, or a prompt on the terminal; no option takes the password itself)"
)

func loginFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "auth", Category: cli.LoggingIn,
			Usage: "`MECHANISM`: plain, login, cram-md5, scram-sha-1, -256 or -512 (each with -plus too), " +
				"oauthbearer, xoauth2, external, x-masterauth (Kerio's master password); repeatable, the first that " +
				"the server offers is used (default: a token's, else SCRAM, else plain, else login)"},
		&ucli.StringFlag{Name: "auth-user", Category: cli.LoggingIn,
			Usage: "`ADMIN`: who logs in for --user, with a password of ADMIN's"},
		&ucli.BoolFlag{Name: "proxyauth", Category: cli.LoggingIn,
			Usage: "reach --user by the command PROXYAUTH, as Sun's and Netscape's servers want it"},

		&ucli.StringFlag{Name: "password-file", Category: secrets, Usage: "`FILE`: its first line"},
		&ucli.StringFlag{Name: "password-command", Category: secrets,
			Usage: "`COMMAND`: the first line of its output; sees IMAP_HOST, IMAP_USER and IMAP_AUTH_USER; runs at " +
				"every connect ($IMAP_PASSWORD is the other way)"},
		&ucli.StringFlag{Name: "password-fd", Category: secrets, Usage: "`N`: the first line that descriptor N gives"},
		&ucli.StringFlag{Name: "token-command", Category: secrets,
			Usage: "`COMMAND`: the same for an OAuth 2 access token, in place of a password"},
	}
}

// login reads how to log in and as whom, and finds the secret's source.
func login(c *ucli.Context, opt *imapconn.Options) error {
	opt.Login.Auth, opt.Login.ProxyAuth = c.StringSlice("auth"), c.Bool("proxyauth")
	if cli.IsSet(c, "auth-user") {
		opt.Login.AuthUser = c.String("auth-user")
		if strings.TrimSpace(opt.Login.AuthUser) == "" {
			return exit.Errorf(exit.Usage, "--auth-user is empty").WithHint("without it, --user logs in for himself")
		}
		if err := checkName("auth-user", opt.Login.AuthUser); err != nil {
			return err
		}
	}
	if opt.Login.ProxyAuth && opt.Login.AuthUser == "" {
		return exit.Errorf(exit.Usage, "--proxyauth needs --auth-user").
			WithHint("--auth-user ADMIN is who logs in, --user the account to open")
	}
	option, err := oneOf(c, "password-file", "password-command", "password-fd", "token-command")
	if err != nil {
		return err
	}
	who := secretOf{user: opt.User, owner: opt.User, hostPort: hostPort{host: opt.Host, port: defaultPort(opt)}}
	if opt.Login.AuthUser != "" {
		who.owner = opt.Login.AuthUser
	}
	if option == "token-command" {
		if opt.Login.Token, err = tokenSource(c.String(option), who); err != nil {
			return err
		}
	}
	if err := opt.CheckAuth(); err != nil {
		return cli.InOption("auth", err)
	}
	if err := opt.Check(); err != nil || !opt.NeedsPassword() {
		return err
	}
	opt.Login.Password, err = passwordSource(c, option, who)
	return err
}

func defaultPort(opt *imapconn.Options) int {
	switch {
	case opt.Port != 0:
		return opt.Port
	case opt.TLS.Mode == imapconn.Implicit:
		return 993
	}
	return 143
}
