package files

// What tests of commands look at.
var (
	Grace     = &grace
	ErrClosed = errClosed
)
