// Package runs divides a list into runs of items that belong together.
package runs

import "iter"

// Of yields the items of a list in runs, as they stand: neighbours for which same is
// true are of one run. Where the list is sorted by what same compares, a run is all
// that is equal.
func Of[T any](list []T, same func(a, b T) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for rest := list; len(rest) > 0; {
			n := 1
			for n < len(rest) && same(rest[n-1], rest[n]) {
				n++
			}
			if !yield(rest[:n:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}
