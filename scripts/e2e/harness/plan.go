package harness

import (
	"encoding/json"
	"strings"
	"testing"
)

// Object is a record whose fields can be changed.
type Object = map[string]any

// EditPlan makes a plain plan of the account's mail and hands each record to
// edit, which may change it and say that others stand before it.
func EditPlan(t *testing.T, b *Shell, edit func(Object) []Object) []byte {
	t.Helper()
	b.Sh(`imap-fetch --level none $SRC | imap-diff --level none $DST >plan`).Wants(0)
	var out []byte
	for line := range strings.Lines(string(b.Read("plan"))) {
		var r Object
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		for _, o := range append(edit(r), r) {
			text, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			out = append(append(out, text...), '\n')
		}
	}
	return out
}
