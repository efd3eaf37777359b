package match

import "testing"

// A key can be spelt again from what is packed of it, if it is one of ours.
func TestKeyText(t *testing.T) {
	for key, same := range map[string]bool{
		"recipe:0123456789abcdef0123456789abcdef": true,
		"origin:0123456789abcdef0123456789abcdef": true,
		"header:00000000000000000000000000000000": true,
		"body:ffffffffffffffffffffffffffffffff":   true,
		"":                                        true,
		"recipe":                                  false,
		"recipe:0123":                             false,
		"recipe:0123456789ABCDEF0123456789abcdef": false,
		"recipe:0123456789abcdef0123456789abcdeg": false,
		"other:0123456789abcdef0123456789abcdef":  false,
	} {
		var e Evidence
		e.SetKey(key)
		if got := e.KeyText(); (got == key) != same {
			t.Errorf("%q is spelt %q", key, got)
		}
	}
}
