// Package accounts tests imap-migrate: many accounts, one list.
package accounts

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
