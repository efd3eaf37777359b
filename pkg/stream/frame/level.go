package frame

import (
	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Level is how hard a stream is compressed.
type Level int

// The levels. zstd's best is left out: it has corrupted data more than once.
const (
	None  Level = iota // plain NDJSON
	Store              // frames that are not compressed, for a pipe on one machine
	Fastest
	Default
	Better
)

// ParseLevel reads none, store, fastest, default or better.
func ParseLevel(s string) (Level, error) {
	for i, name := range []string{"none", "store", "fastest", "default", "better"} {
		if s == name {
			return Level(i), nil
		}
	}
	return 0, fault.Errorf(fault.Usage, "level %s is none of none, store, fastest, default, better", text.Quote(s))
}

func (l Level) encoder() zstd.EncoderLevel {
	switch l {
	case Fastest:
		return zstd.SpeedFastest
	case Better:
		return zstd.SpeedBetterCompression
	}
	return zstd.SpeedDefault
}
