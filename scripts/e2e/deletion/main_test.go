// Package deletion tests all that deletes: moves, mirrors, duplicates, undo, copies by the server.
package deletion

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
