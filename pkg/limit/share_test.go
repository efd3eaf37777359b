package limit

import "testing"

func TestShare(t *testing.T) {
	for text, want := range map[string][2]int64{ // of 1000 and of 9
		"0": {0, 0}, "7": {7, 7}, "10%": {100, 0}, "12.5%": {125, 1}, "100%": {1000, 9}, "0%": {0, 0}, "99.9%": {999, 8},
	} {
		s, err := ParseShare(text)
		if err != nil || s.Of(1000) != want[0] || s.Of(9) != want[1] || s.String() != text {
			t.Errorf("%s: %d of 1000, %d of 9, %s, %v", text, s.Of(1000), s.Of(9), s, err)
		}
	}
	for _, text := range []string{"", "%", "-1", "-1%", "101%", "ten", "NaN%", "Inf%", "1e999%", "5 %", "0x10", "9223372036854775808"} {
		if s, err := ParseShare(text); err == nil {
			t.Errorf("%q is %s", text, s)
		}
	}
	if (Share{}).Of(1000) != 0 {
		t.Error("nothing is something")
	}
}
