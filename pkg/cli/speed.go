package cli

import "time"

// speed is how fast a phase goes.
type speed struct {
	elapsed  time.Duration
	messages float64 // a second, over the last seconds
	octets   float64
	left     time.Duration // -1: not known
}

// window is how far back the rate looks.
const window = 10 * time.Second

// samples are counts of the last seconds, the oldest first.
type samples struct {
	kept []sample
}

type sample struct {
	at               time.Duration // since the phase began
	messages, octets int64
}

// speed takes a sample at the time now (since the phase began) and returns
// the rate over the window. What was skipped does not count.
func (s *samples) speed(now time.Duration, c count) speed {
	last := sample{now, c.messages - c.skippedMessages, c.octets - c.skippedSize}
	for len(s.kept) > 1 && now-s.kept[1].at >= window {
		s.kept = s.kept[1:]
	}
	first := sample{}
	if len(s.kept) > 0 && now-s.kept[0].at >= window {
		first = s.kept[0]
	}
	if n := len(s.kept); n == 0 || now-s.kept[n-1].at >= drawEvery/2 {
		s.kept = append(s.kept, last)
	}
	v := speed{elapsed: now, left: -1}
	if seconds := (now - first.at).Seconds(); seconds > 0 {
		v.messages = float64(last.messages-first.messages) / seconds
		v.octets = float64(last.octets-first.octets) / seconds
	}
	v.left = timeLeft(c, v)
	return v
}

// timeLeft guesses how long the rest takes, by octets where their total is
// known: messages differ in size by a factor of a million.
func timeLeft(c count, v speed) time.Duration {
	const longest = 100 * 24 * time.Hour
	todo, rate := float64(c.totalOctets-c.octets), v.octets
	if c.totalOctets == 0 {
		todo, rate = float64(c.totalMessages-c.messages), v.messages
	}
	if c.totalOctets == 0 && c.totalMessages == 0 || rate <= 0 {
		return -1
	}
	left := max(0, todo/rate)
	if left > longest.Seconds() {
		return -1
	}
	return time.Duration(left * float64(time.Second))
}
