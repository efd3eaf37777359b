// Package faults tests what goes wrong or is slow: crashes, signals, refusals, limits, memory.
package faults

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
