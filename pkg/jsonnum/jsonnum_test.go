package jsonnum

import (
	"encoding/json"
	"testing"
)

func TestUint64(t *testing.T) {
	for n, text := range map[Uint64]string{
		0:         `0`,
		1 << 32:   `4294967296`,
		1<<53 - 1: `9007199254740991`,
		1 << 53:   `"9007199254740992"`,
		1<<64 - 1: `"18446744073709551615"`,
	} {
		got, err := json.Marshal(n)
		if err != nil || string(got) != text {
			t.Errorf("%d: %s, %v", n, got, err)
		}
		var back Uint64
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != n {
			t.Errorf("%s: %d, %v", text, back, err)
		}
	}
	for _, text := range []string{`9007199254740992`, `"7"`, `""`, `"18446744073709551616"`, `-1`, `1.5`, `1e3`, `null`, `true`, `"+9007199254740992"`, `"09007199254740992"`, `[]`} {
		var n Uint64
		if err := json.Unmarshal([]byte(text), &n); err == nil && text != `null` {
			t.Errorf("%s is %d", text, n)
		}
	}
}
