package cli

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/imap-pipe/imap-pipe/pkg/memory"
)

// The commands hold a few large buffers and promise to stay small: gcPercent
// is how much garbage may lie about, in percent of what is in use, and
// memoryGoal, in bytes, is where the collector begins to work harder, beside
// what is kept on purpose. With firstPercent the first collection comes at
// 16 MiB, in place of 4: most runs end without one.
const (
	firstPercent = 400
	gcPercent    = 100
	memoryGoal   = 44 << 20
)

// limitMemory tells the garbage collector so, unless the environment does.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		followKept()
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(firstPercent)
		afterCollection(func() { debug.SetGCPercent(gcPercent) })
	}
}

// followKept sets the limit, now and after each garbage collection.
func followKept() {
	debug.SetMemoryLimit(memoryGoal + memory.Kept())
	afterCollection(followKept)
}

// afterCollection calls fn once the next garbage collection has ended.
func afterCollection(fn func()) {
	runtime.AddCleanup(new(*byte), func(fn func()) { fn() }, fn)
}
