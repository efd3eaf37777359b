package connect

import (
	"crypto/x509"
	"encoding/hex"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

const encrypting = "TLS"

func tlsFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "tls", Category: encrypting, Value: "implicit",
			Usage: "`implicit|starttls|none`: port 993, or 143 with mandatory STARTTLS, or 143 in the clear"},
		&ucli.StringFlag{Name: "ca-file", Category: encrypting,
			Usage: "`FILE`: trust these certificates (PEM) in place of the system's"},
		&ucli.StringFlag{Name: "tls-pin", Category: encrypting,
			Usage: "`sha256:HEX`: accept the certificate with this fingerprint and no other"},
		&ucli.BoolFlag{Name: "tls-insecure", Category: encrypting,
			Usage: "accept any certificate: whoever is in between reads all"},
		&ucli.StringFlag{Name: "tls-server-name", Category: encrypting,
			Usage: "`NAME`: of the server's certificate, where --host is a tunnel's"},
		&ucli.StringFlag{Name: "tls-min", Category: encrypting, Value: "1.2",
			Usage: "`1.2|1.3`: the oldest version to accept; 1.0 and 1.1, which can be broken, for servers that have " +
				"nothing else"},
		&ucli.StringFlag{Name: "tls-cert", Category: encrypting,
			Usage: "`FILE`: a certificate (PEM) to show to the server, as for --auth external"},
		&ucli.StringFlag{Name: "tls-key", Category: encrypting,
			Usage: "`FILE`: its key (PEM), if that is not in the same file"},
	}
}

// encryption reads the options of TLS. One that has no effect is refused:
// whoever gave it relies on it.
func encryption(c *ucli.Context, opt *imapconn.Options) error {
	switch mode := c.String("tls"); mode {
	case "implicit":
		opt.TLS.Mode = imapconn.Implicit
	case "starttls":
		opt.TLS.Mode = imapconn.StartTLS
	case "none":
		opt.TLS.Mode = imapconn.None
	default:
		return exit.Errorf(exit.Usage, "--tls is %q, but can be implicit, starttls or none", mode)
	}
	if opt.TLS.Mode == imapconn.None {
		for _, f := range tlsFlags() {
			if name := f.Names()[0]; name != "tls" && cli.IsSet(c, name) {
				return exit.Errorf(exit.Usage, "--%s has no meaning with --tls none", name)
			}
		}
		return nil
	}
	opt.TLS.CertFile, opt.TLS.KeyFile = c.String("tls-cert"), c.String("tls-key")
	if opt.TLS.KeyFile != "" && opt.TLS.CertFile == "" {
		return exit.Errorf(exit.Usage, "--tls-key needs --tls-cert")
	}
	for _, step := range []func(*ucli.Context, *imapconn.Options) error{trust, oldest, serverName} {
		if err := step(c, opt); err != nil {
			return err
		}
	}
	return nil
}

// trust says which certificate of the server's is good.
func trust(c *ucli.Context, opt *imapconn.Options) error {
	option, err := oneOf(c, "ca-file", "tls-pin", "tls-insecure")
	if err != nil {
		return err
	}
	switch option {
	case "ca-file":
		opt.TLS.CAFile = c.String("ca-file")
		return checkCertificates(opt.TLS.CAFile)
	case "tls-pin":
		opt.TLS.Pin, err = parsePin(c.String("tls-pin"))
		return err
	case "tls-insecure":
		opt.TLS.Insecure = c.Bool("tls-insecure")
	}
	if opt.TLS.Insecure {
		cli.MessagesOf(c).Warn("--tls-insecure: %s may be anybody; --tls-pin is as easy, and safe", opt.Host)
	}
	return nil
}

func oldest(c *ucli.Context, opt *imapconn.Options) error {
	if !cli.IsSet(c, "tls-min") {
		return nil
	}
	if opt.TLS.MinVersion = c.String("tls-min"); opt.TLS.MinVersion == "" {
		return exit.Errorf(exit.Usage, "--tls-min is empty")
	}
	if _, err := imapconn.ParseTLSVersion(opt.TLS.MinVersion); err != nil {
		return cli.InOption("tls-min", err)
	}
	if opt.TLS.MinVersion == "1.0" || opt.TLS.MinVersion == "1.1" {
		cli.MessagesOf(c).Warn("--tls-min %s: such a connection can be broken", opt.TLS.MinVersion)
	}
	return nil
}

func serverName(c *ucli.Context, opt *imapconn.Options) error {
	if !cli.IsSet(c, "tls-server-name") {
		return nil
	}
	at, err := parseHost(c.String("tls-server-name"))
	if err != nil || at.port != 0 {
		return exit.Errorf(exit.Usage, "--tls-server-name %q is no name of a server", c.String("tls-server-name")).
			WithHint("the name that the server's certificate is for")
	}
	opt.TLS.ServerName = at.host
	return nil
}

func checkCertificates(path string) error {
	pem, err := os.ReadFile(path)
	if err != nil {
		return exit.Errorf(exit.NoInput, "cannot read --ca-file %s: %w", path, files.Bare(err))
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
