// Package login tests connections and logins: TLS, mechanisms, proxies, presets.
package login

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
