package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// object is a record whose fields can be changed.
type object = map[string]any

// editPlan makes a plain plan of the account's mail and hands each record to
// edit, which may change it and say that others stand before it.
func editPlan(t *testing.T, b *bench, edit func(object) []object) []byte {
	t.Helper()
	b.sh(`imap-fetch --level none $SRC | imap-diff --level none $DST >plan`).wants(0)
	var out []byte
	for line := range strings.Lines(string(b.read("plan"))) {
		var r object
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
