package fetch

import (
	"iter"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const (
	// windowMessages bounds a window of small messages, windowHeaders one of
	// headers.
	windowMessages = 2000
	windowHeaders  = 5000
)

// window is what is to be read at one time of a folder. It says nothing of who
// reads it: any session may, once it has the folder open under that UIDVALIDITY.
// Windows of a folder share no messages.
type window struct {
	folder   *stream.Folder
	validity uint64 // UIDVALIDITY
	wants    []want // ascending by UID
	items    items
	judge    *judge // decides on messages that are open, or nil
}

// items are what is to be read of each message.
type items byte

const (
	bodies  items = iota // all
	headers              // all but the body
	nothing              // it is expunged
)

// itemsOf returns what is to be read of a message for a stream of this content.
func itemsOf(content stream.Content) items {
	if content == stream.Headers {
		return headers
	}
	return bodies
}

// divide returns the messages of a window in windows that fit into memory: a large
// message alone, small ones together.
func (w window) divide() iter.Seq[window] {
	return func(yield func(window) bool) {
		for rest := w.wants; len(rest) > 0; rest = rest[len(w.wants):] {
			n := min(len(rest), windowHeaders)
			if w.items == bodies && !w.judge.looksAhead() {
				n = max(1, together(rest))
			}
			if w.wants = slices.Clip(rest[:n]); !yield(w) {
				return
			}
		}
	}
}

// together returns how many messages, from the first on, can be read together; 0 if
// the first is too large.
func together(wants []want) int {
	n, octets := 0, int64(0)
	for n < len(wants) && n < windowMessages && octets+wants[n].size <= slabSize {
		octets += max(wants[n].size, 1)
		n++
	}
	return n
}
