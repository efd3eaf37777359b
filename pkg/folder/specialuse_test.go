package folder

import "testing"

// A name that two kinds of folder have would make a guess of the mapping.
func TestSpecialNamesAreOfOneUse(t *testing.T) {
	uses := map[string]string{}
	for use, names := range specialNames {
		seen := map[string]bool{}
		for _, name := range names {
			key := foldName(name)
			if other := uses[key]; other != "" && other != use {
				t.Errorf("%q is %s and %s", name, other, use)
			}
			if seen[key] {
				t.Errorf("%q stands twice", name)
			}
			uses[key], seen[key] = use, true
		}
	}
}
