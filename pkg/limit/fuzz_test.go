package limit

import (
	"math"
	"testing"
)

// FuzzParse: what is a rate, a size or a share can be gone by.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"4/s", "20kB/s after 1GB", "500MB/day", "0.5/h", "10%", "1e9", "9999999999999999999GB/min", "-1/s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRate(text); err == nil {
			if !(r.Second > 0) || math.IsInf(r.Second, 0) || r.After < 0 {
				t.Errorf("%q is %+v", text, r)
			}
			p := NewPacer([]Rate{r})
			p.Spend(3, 1000)
			if n := p.Fit(5, func(int) int64 { return 1 << 20 }); n < 0 || n > 5 {
				t.Errorf("%q lets %d of 5 go", text, n)
			}
		}
		if n, err := ParseOctets(text); err == nil && n < 0 {
			t.Errorf("%q is %d", text, n)
		}
		if s, err := ParseShare(text); err == nil {
			if n := s.Of(1000); n < 0 {
				t.Errorf("%q of 1,000 is %d", text, n)
			}
		}
	})
}
