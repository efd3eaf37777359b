package connect

import (
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/environ"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

var joe = []string{"--host", "mail.example", "--user", "joe"}

func TestNetworkOptions(t *testing.T) {
	clearEnv(t)
	t.Setenv(environ.ProxyPassword, "canary")
	t.Setenv("ALL_PROXY", "socks5://nowhere:1") // is not read
	for text, want := range map[string]imapconn.Options{
		"":                                    {},
		"-4":                                  {Network: imapconn.NetworkOptions{IP: imapconn.IPv4}},
		"--ipv6":                              {Network: imapconn.NetworkOptions{IP: imapconn.IPv6}},
		"--ipv4=false":                        {},
		"--proxy socks5://proxy.example":      {Network: imapconn.NetworkOptions{Proxy: &imapconn.Proxy{Host: "proxy.example"}}},
		"--proxy socks5h://joe@[::1]:1081/":   {Network: imapconn.NetworkOptions{Proxy: &imapconn.Proxy{Host: "::1", Port: 1081, User: "joe", Password: "canary"}}},
		"--proxy socks5://a@b@127.0.0.1:9 -4": {Network: imapconn.NetworkOptions{IP: imapconn.IPv4, Proxy: &imapconn.Proxy{Host: "127.0.0.1", Port: 9, User: "a@b", Password: "canary"}}},
		"--compress never":                    {Network: imapconn.NetworkOptions{Compress: imapconn.CompressNever}},
		"--connections auto":                  {},
		"--connections 64":                    {Network: imapconn.NetworkOptions{Connections: 64}},
		"--compress always":                   {Network: imapconn.NetworkOptions{Compress: imapconn.CompressAlways}},
		"--retries 0":                         {Retry: imapconn.RetryOptions{Max: imapconn.NoRetries}},
		"--retries 12 --max-wait 90s":         {Retry: imapconn.RetryOptions{Max: 12, MaxWait: 90 * time.Second}},
	} {
		got, _, err := parse(t, append(joe, strings.Fields(text)...)...)
		same := got.Network.IP == want.Network.IP && got.Network.Connections == want.Network.Connections && got.Network.Compress == want.Network.Compress && got.Retry.Max == want.Retry.Max && got.Retry.MaxWait == want.Retry.MaxWait
		if same = same && (got.Network.Proxy == nil) == (want.Network.Proxy == nil); same && got.Network.Proxy != nil {
			same = *got.Network.Proxy == *want.Network.Proxy
		}
		if err != nil || !same {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestNetworkOptionsRefused(t *testing.T) {
	clearEnv(t)
	for text, code := range map[string]exit.Code{
		"-4 -6": exit.Usage, "-4 --host ::1": exit.Usage, "-6 --host 127.0.0.1": exit.Usage,
		"--proxy proxy.example": exit.Usage, "--proxy http://proxy.example:80": exit.Usage, "--proxy socks5://": exit.Usage, "--proxy socks5://joe:canary@proxy.example": exit.Usage,
		"--proxy socks5://@proxy": exit.Usage, "--proxy socks5://proxy:0": exit.Usage, "--proxy socks5://proxy:70000": exit.Usage, "--proxy socks5://proxy/path": exit.Usage, "--proxy socks5://joe@proxy": exit.NoInput,
		"--connections 0": exit.Usage, "--connections 65": exit.Usage, "--connections many": exit.Usage,
		"--compress yes": exit.Usage, "--retries -1": exit.Usage, "--retries x": exit.Usage, "--retries 1001": exit.Usage, "--max-wait 0": exit.Usage, "--max-wait -1s": exit.Usage, "--max-wait 5": exit.Usage,
	} {
		_, _, err := parse(t, append(joe, strings.Fields(text)...)...)
		if exit.CodeOf(err) != code || strings.Contains(err.Error()+exit.HintOf(err), "canary") {
			t.Errorf("%s: %d, %v", text, exit.CodeOf(err), err)
		}
	}
}
