package folder

import "slices"

// Space is whose folders a namespace holds (RFC 2342 section 5).
type Space uint8

// The spaces.
const (
	Personal Space = iota // the user's own
	Others                // other users'
	Shared
)

var spaceNames = []string{"personal", "other", "shared"}

func (s Space) String() string { return spaceNames[s] }

// ParseSpace is the inverse of String.
func ParseSpace(name string) (Space, bool) {
	i := slices.Index(spaceNames, name)
	return Space(max(i, 0)), i >= 0
}

// Spaces is a set of them. The zero value is Personal alone.
type Spaces uint8

// AllSpaces is every one.
const AllSpaces Spaces = 1<<Personal | 1<<Others | 1<<Shared

// With returns the set with s in it.
func (set Spaces) With(s Space) Spaces { return set | 1<<s }

// Has reports whether s is in the set.
func (set Spaces) Has(s Space) bool {
	if set == 0 {
		return s == Personal
	}
	return set&(1<<s) != 0
}
