package imapconn

import (
	"math"
	"testing"
	"time"
)

// TestClockValue: UIDVALIDITY has 64 bits, and only the seconds of now are a clock.
func TestClockValue(t *testing.T) {
	const now, courier = 1_700_000_000, 700_000_000
	for _, test := range []struct {
		validity uint64
		want     bool
	}{
		{now, true},
		{now + 5, true},
		{now + 6, false},
		{now - 1, false},
		{courier, true},
		{courier + 5, true},
		{courier - 1, false},
		{0, false},
		{1, false},
		{math.MaxInt64, false},
		{1 << 63, false},
		{1<<63 + now, false},
		{1<<63 + courier, false},
		{math.MaxUint64, false},
		{math.MaxUint64 - now, false},
	} {
		if got := ClockValue(test.validity, time.Unix(now, 0)); got != test.want {
			t.Errorf("%d: %v", test.validity, got)
		}
	}
	if ClockValue(math.MaxUint64, time.Unix(-1, 0)) {
		t.Error("a clock before 1970")
	}
}
