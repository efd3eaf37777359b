package limit

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestParseOctets(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "1048576": 1 << 20, "500k": 500_000, "500kB": 500_000, "500K": 500_000, "1.5GB": 1_500_000_000, "64MiB": 64 << 20, "64Mi": 64 << 20, "2 T": 2e12, "1Ki": 1024, "1B": 1,
		"": 0, "0": 0, "-1": 0, "0.4": 0, "k": 0, "1e3": 0, "1kk": 0, "1 kB ": 0, "1b": 0, "9007199254740992": 0, "99999999999999999999999T": 0, "1/s": 0, "0x10": 0, "1,000": 0,
	} {
		got, err := ParseOctets(text)
		if got != want || (err == nil) != (want > 0) || err != nil && exit.CodeOf(err) != exit.Usage {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"4/s": {Second: 4}, "0.5/s": {Second: .5}, "4k/s": {Second: 4000}, "30/min": {Second: .5}, "20kB/s": {Octets: true, Second: 20e3}, "1MiB/s": {Octets: true, Second: 1 << 20}, "864MB/day": {Octets: true, Second: 1e4},
		"20kB/s after 1GB": {Octets: true, Second: 20e3, After: 1e9}, "4/s after 64MiB": {Second: 4, After: 64 << 20}, "3600B/h": {Octets: true, Second: 1},
		"": {}, "4": {}, "0/s": {}, "/s": {}, "4/S": {}, "-4/s": {}, "4/s after": {}, "4/s after ": {}, "4/s after x": {}, "4/s after 0": {}, "4/s ": {}, "4//s": {}, "4s": {}, "9999999999999999999/s": {},
	} {
		got, err := ParseRate(text)
		if (err == nil) != (want.Second > 0) || err == nil && got != want || err != nil && exit.CodeOf(err) != exit.Usage {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(100)
	if !b.Fits(100) || b.Fits(101) || b.FitsNever(100) || !b.FitsNever(101) {
		t.Error("at first")
	}
	b.Spend(60)
	if !b.Fits(40) || b.Fits(41) || b.FitsNever(41) {
		t.Error("after 60")
	}
	b = NewBudget(0)
	if b.Spend(1 << 50); !b.Fits(1<<50) || b.FitsNever(1<<50) {
		t.Error("without a bound")
	}
}

// sends lets messages of those sizes go and returns, for each batch, when it
// went (in milliseconds) and how many messages it had.
func sends(t *testing.T, p *Pacer, sizes []int64) (out [][2]int) {
	began := time.Now()
	for len(sizes) > 0 {
		if err := p.Wait(t.Context(), func() {}); err != nil {
			t.Fatal(err)
		}
		n := p.Fit(min(len(sizes), 200), func(i int) int64 { return sizes[i] })
		octets := int64(0)
		for _, size := range sizes[:n] {
			octets += size
		}
		p.Spend(n, octets)
		out = append(out, [2]int{int(time.Since(began).Milliseconds()), n})
		sizes = sizes[n:]
	}
	return out
}

func TestPacer(t *testing.T) {
	same := func(n int, size int64) []int64 { return slices.Repeat([]int64{size}, n) }
	rate := func(texts ...string) (all []Rate) {
		for _, text := range texts {
			r, err := ParseRate(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
	for name, test := range map[string]struct {
		rates []Rate
		sizes []int64
		want  [][2]int
	}{
		"none":                                   {nil, same(450, 5), [][2]int{{0, 200}, {0, 200}, {0, 50}}},
		"four a second":                          {rate("4/s"), same(7, 5), [][2]int{{0, 4}, {250, 1}, {500, 1}, {750, 1}}},
		"one in two seconds":                     {rate("0.5/s"), same(3, 5), [][2]int{{0, 1}, {2000, 1}, {4000, 1}}},
		"octets":                                 {rate("1kB/s"), same(6, 400), [][2]int{{0, 2}, {0, 1}, {201, 1}, {601, 1}, {1001, 1}}},
		"a message above the rate":               {rate("1kB/s"), []int64{5000, 10, 10}, [][2]int{{0, 1}, {4001, 1}, {4011, 1}}},
		"both, and the stricter decides":         {rate("4/s", "1kB/s"), same(3, 1000), [][2]int{{0, 1}, {1, 1}, {1001, 1}}},
		"after so many octets":                   {rate("1kB/s after 10kB"), same(5, 5000), [][2]int{{0, 2}, {0, 1}, {4001, 1}, {9001, 1}}},
		"messages after so many octets":          {rate("1/s after 10kB"), same(5, 5000), [][2]int{{0, 2}, {0, 1}, {1000, 1}, {2000, 1}}},
		"after, and the first is beyond":         {rate("1kB/s after 1kB"), same(2, 5000), [][2]int{{0, 1}, {0, 1}}},
		"slow octets":                            {rate("86.4kB/day"), same(3, 10), [][2]int{{0, 1}, {10000, 1}, {20000, 1}}},
		"sizes that nobody knows":                {rate("1kB/s"), same(3, 0), [][2]int{{0, 3}}},
		"a rate that is more than what there is": {rate("1k/s", "1GB/s"), same(300, 10), [][2]int{{0, 200}, {0, 100}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := sends(t, NewPacer(test.rates), test.sizes); !slices.Equal(got, test.want) {
					t.Errorf("%v, want %v", got, test.want)
				}
			})
		})
	}
}

// TestPacerWaits: the connection is kept meanwhile, and an interrupt ends the
// wait at once.
func TestPacerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer([]Rate{{Octets: true, Second: 1000}})
		p.Spend(1, 1000+210_000)
		kept := 0
		if err := p.Wait(t.Context(), func() { kept++ }); err != nil || kept != 3 {
			t.Errorf("%v, kept %d times", err, kept)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("interrupted")
		time.AfterFunc(time.Second, func() { cancel(cause) })
		p.Spend(1, 1<<50)
		began := time.Now()
		if err := p.Wait(ctx, func() {}); err != cause || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestReached(t *testing.T) {
	for cause, err := range map[error]error{ErrOctets: OctetsReached(5), ErrErrors: ErrorsReached(5)} {
		var reached *ReachedError
		if !errors.As(err, &reached) || !errors.Is(err, cause) || exit.CodeOf(err) != exit.Temporary {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
