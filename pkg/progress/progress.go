// Package progress is how a verb tells how its work goes on, without knowing
// who listens.
package progress

// Counter is told of the work as it is done. Its methods are quick and may be
// called from any goroutine.
type Counter interface {
	// Total says how much there is: messages, and their octets or 0 where that
	// is not known.
	Total(messages, octets int64)
	// Folder names what is being worked on.
	Folder(name string)
	// Add counts what was done.
	Add(messages, octets int64)
	// Skip counts as done what took no work, such as what an earlier run did.
	Skip(messages, octets int64)
}

// None is a Counter that nobody listens to.
type None struct{}

// Total does nothing.
func (None) Total(messages, octets int64) {}

// Folder does nothing.
func (None) Folder(name string) {}

// Add does nothing.
func (None) Add(messages, octets int64) {}

// Skip does nothing.
func (None) Skip(messages, octets int64) {}
