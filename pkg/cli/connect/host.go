package connect

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// hostPort is a server's address. A port of 0 is the default one.
type hostPort struct {
	host string // a name in lower case, or an IP address without brackets
	port int
}

var hostName = lazyregexp.New(
	`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// parseHost reads HOST, HOST:PORT, an IPv6 address, or [ADDRESS]:PORT.
// Blanks around it and a slash behind it (from a URL) are taken off.
func parseHost(s string) (hostPort, error) {
	trimmed := strings.TrimSuffix(strings.TrimSpace(s), "/")
	if trimmed == "" {
		return hostPort{}, exit.Errorf(exit.Usage, "no server to connect to").
			WithHint("give --host HOST, or set IMAP_HOST")
	}
	host, port, hasPort, ok := splitHost(trimmed)
	if !ok || strings.ContainsAny(port, "/@") {
		return hostPort{}, badHost(s)
	}
	at := hostPort{host: host}
	if !hasPort {
		return at, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' {
		return hostPort{}, exit.Errorf(exit.Usage, "--host %q: %q is no port", s, port).
			WithHint("a port is a number from 1 to 65535")
	}
	at.port = int(n)
	return at, nil
}

// splitHost takes an address apart and checks its host.
func splitHost(s string) (host, port string, hasPort, ok bool) {
	if rest, bracketed := strings.CutPrefix(s, "["); bracketed {
		host, rest, closed := strings.Cut(rest, "]")
		port, hasPort = strings.CutPrefix(rest, ":")
		address, err := netip.ParseAddr(host)
		return host, port, hasPort, closed && err == nil && address.Is6() && (hasPort || rest == "")
	}
	if address, err := netip.ParseAddr(s); err == nil && (address.Is4() || address.Is6()) {
		return s, "", false, true
	}
	host, port, hasPort = strings.Cut(s, ":")
	return strings.ToLower(host), port, hasPort, len(host) <= 254 && hostName.MatchString(host) &&
		!strings.Contains(port, ":")
}

// badHost says what is wrong with a host, where that can be guessed.
func badHost(s string) error {
	err := exit.Errorf(exit.Usage, "--host %q is no HOST or HOST:PORT", s)
	switch {
	case strings.Contains(s, "://"):
		return err.WithHint("not a URL: the name of the server alone; --tls tells how to connect")
	case strings.Contains(s, "@"):
		return err.WithHint("the account goes to --user")
	case strings.Contains(s, "/"):
		return err.WithHint("no path: the name of the server alone")
	case !isASCII(s):
		return err.WithHint("write an international name in its xn-- form")
	case strings.Count(s, ":") > 1:
		return err.WithHint("an IPv6 address with a port is written [ADDRESS]:PORT")
	}
	return err
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7F }) < 0
}
