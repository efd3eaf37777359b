// Package archive tests streams in files: archives, mail files, increments, damage.
package archive

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
