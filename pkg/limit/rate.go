package limit

import (
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// Rate is how much may go in a second.
type Rate struct {
	Octets bool    // of octets; else of messages
	Second float64 // so many a second
	After  int64   // octets that go before the rate holds
}

var ratePattern = lazyregexp.New(`^` + number + ` ?` + unit + `(B)?/(s|min|h|day)(?: after (.+))?$`)

var seconds = map[string]float64{"s": 1, "min": 60, "h": 3600, "day": 86400}

// ParseRate reads a rate: "4/s" of messages, "20kB/s" of octets, "500MB/day",
// and "20kB/s after 1GB", which holds once so many octets have gone. Units are
// those of ParseOctets. Errors are fault.Usage.
func ParseRate(s string) (r Rate, err error) {
	m := ratePattern.FindStringSubmatch(s)
	if m == nil {
		return r, fault.Errorf(fault.Usage, "%q is no rate", s).
			WithHint("messages as in 4/s, octets as in 20kB/s or 500MB/day, and '20kB/s after 1GB'")
	}
	r.Octets = m[3] == "B"
	if r.Second = quantity(m[1], m[2]) / seconds[m[4]]; r.Second <= 0 || r.Second >= 1<<53 {
		return r, fault.Errorf(fault.Usage, "%q is no rate: nothing would ever go, or all at once", s)
	}
	if m[5] != "" {
		r.After, err = ParseOctets(m[5])
	}
	return r, err
}
