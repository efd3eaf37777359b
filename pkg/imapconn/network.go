package imapconn

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"golang.org/x/net/proxy"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// IPVersion says by which version of IP to connect.
type IPVersion string

const (
	// AnyIP takes the address that answers first, IPv6 preferred (RFC 8305).
	AnyIP IPVersion = "tcp"
	IPv4  IPVersion = "tcp4"
	IPv6  IPVersion = "tcp6"
)

// Proxy is a SOCKS5 proxy (RFC 1928) that connects for us. It is given the name
// of the server as it stands, so that names are looked up at its end.
type Proxy struct {
	Host string
	Port int // 0: 1080
	// User and Password are sent in the clear (RFC 1929); no User, neither is.
	User, Password string
}

func (p *Proxy) address() string {
	port := p.Port
	if port == 0 {
		port = 1080
	}
	return net.JoinHostPort(p.Host, strconv.Itoa(port))
}

// keepAlive is how often the system looks whether an idle peer is still there.
const keepAlive = 30 * time.Second

// dial makes the connection, by way of the proxy if there is one. It takes no
// longer than the timeout, and never more than a minute.
func (o *Options) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, min(o.Network.timeout(), time.Minute))
	defer cancel()
	network := o.Network.IP
	if network == "" {
		network = AnyIP
	}
	direct := &net.Dialer{KeepAlive: keepAlive}
	if o.Network.Proxy == nil {
		return direct.DialContext(ctx, string(network), o.address())
	}
	var login *proxy.Auth
	if o.Network.Proxy.User != "" {
		login = &proxy.Auth{User: o.Network.Proxy.User, Password: o.Network.Proxy.Password}
	}
	socks, err := proxy.SOCKS5(string(network), o.Network.Proxy.address(), login, direct)
	if err != nil {
		return nil, err
	}
	return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", o.address())
}

// dialError says what could not be reached, and how it was tried.
func dialError(o *Options, err error) error {
	var dns *net.DNSError
	var netErr net.Error
	place, host := printable(o.address()), o.Host
	if o.Network.Proxy != nil {
		place += " by way of the proxy " + printable(o.Network.Proxy.address())
		host = o.Network.Proxy.Host
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dns) && dns.IsNotFound:
		return fault.Errorf(fault.Unavailable, "no such host: %s", printable(host))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return fault.Errorf(fault.Unavailable, "connect to %s: no answer before the timeout", place)
	}
	return fault.Errorf(fault.Unavailable, "connect to %s: %w", place, err)
}
