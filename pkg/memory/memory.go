// Package memory counts what a run keeps in memory until it ends, such as an index of
// the destination, so that a command can give its garbage collector room for that.
package memory

import "sync/atomic"

var kept atomic.Int64

// Keep counts bytes that stay in use. It is safe for concurrent use.
func Keep(bytes int64) { kept.Add(bytes) }

// Kept returns how many bytes stay in use. It is safe for concurrent use.
func Kept() int64 { return kept.Load() }
