package preset

import "testing"

// FuzzTable: a table of presets is read or refused.
func FuzzTable(f *testing.F) {
	f.Add(table)
	f.Add("preset x y\nabout z\nall rate 4/s\nlist,push advice A\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parse(text)
		if err != nil {
			return
		}
		for _, p := range list {
			for _, command := range []string{"imap-list", "imap-push", ""} {
				p.Values(command)
				p.Advice(command)
			}
		}
	})
}
