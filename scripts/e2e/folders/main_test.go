// Package folders tests folders: which, under what name, whose, and how much fits.
package folders

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
