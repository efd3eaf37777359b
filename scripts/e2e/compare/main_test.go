// Package compare tests imap-diff and what imap-push makes of its plan: what is the same message, flags, dates, transformations.
package compare

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
