package lazyregexp

import "testing"

func TestWrongPatternPanicsAtItsFirstUse(t *testing.T) {
	wrong := New("(")
	defer func() {
		if recover() == nil {
			t.Error("a wrong pattern was used")
		}
	}()
	wrong.MatchString("")
}
