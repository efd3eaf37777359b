// Package hostile tests servers that break the rules, and data that tries to.
package hostile

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
