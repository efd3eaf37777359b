package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
)

// looks makes the evidence of a message of the key "k": 0 is unknown.
func looks(size, date, received uint32, octets string) Evidence {
	e := Evidence{Rung: 1, Size: size, Date: date, Received: received}
	if octets != "" {
		copy(e.SHA[:], octets)
		e.Known |= KnownSHA
	}
	return e
}

// hidden is a prover of a destination that tells Received lines and bytes only
// when it is asked.
type hidden struct {
	all   map[uint64]Evidence // by UID
	asked int                 // commands
}

func (h *hidden) ReadReceived(es []*Entry) error {
	if len(es) > 0 {
		h.asked++
	}
	for _, e := range es {
		e.Received = h.all[e.UID()].Received
		e.Known |= ReceivedRead
	}
	return nil
}

func (h *hidden) ReadDigests(es []*Entry) error {
	for _, e := range es {
		if x := h.all[e.UID()]; x.Has(KnownSHA) {
			e.SHA = x.SHA
			e.Known |= KnownSHA
		}
	}
	return nil
}

func (h *hidden) ReadLoose(*Entry) (*headerkey.Loose, error) { return nil, nil }

// matched is what becomes of source messages at a destination: for each the UID
// that it was found to be, 0 if it is missing, and a "k" where only the key
// agrees.
func matched(t *testing.T, source, dest []Evidence, strict, server bool) (fates []string, asked int) {
	t.Helper()
	h := &hidden{all: map[uint64]Evidence{}}
	m := &Matcher{Strict: strict}
	if server {
		m.Reader = h
	}
	for i, e := range dest {
		e.PackedUID = PackUID(uint64(i + 1))
		h.all[e.UID()] = e
		if server {
			e.Received, e.SHA, e.Known = 0, [16]byte{}, 0
		}
		m.Add(Message{Evidence: e})
	}
	fates = make([]string, len(source))
	for i, e := range source {
		v, d := m.Decide(e, uint32(i), true)
		switch v {
		case Present:
			fates[i] = fmt.Sprint(d.UID())
		case Missing:
			fates[i] = "0"
		}
	}
	r, err := m.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Pairs {
		fates[p.Ordinal] = fmt.Sprint(p.Entry.UID())
		if p.KeyOnly {
			fates[p.Ordinal] += "k"
		}
	}
	for _, o := range r.Missing {
		fates[o] = "0"
	}
	return fates, h.asked
}

// TestKeyAlone: pairs that share nothing but the key are marked, and with strict
// missing.
func TestKeyAlone(t *testing.T) {
	for what, c := range map[string]struct {
		source, dest []Evidence
		want, strict string
	}{
		"all agrees":                {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(10, 1, 5, "")}, "1", "1"},
		"size alone":                {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(10, 2, 6, "")}, "1", "1"},
		"arrival alone":             {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(11, 1, 6, "")}, "1", "1"},
		"Received alone":            {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(11, 2, 5, "")}, "1", "1"},
		"nothing":                   {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(11, 2, 6, "")}, "1k", "0"},
		"no Received at either":     {[]Evidence{looks(10, 1, 0, "")}, []Evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no Received at the source": {[]Evidence{looks(10, 1, 0, "")}, []Evidence{looks(11, 2, 6, "")}, "1k", "0"},
		"no Received there":         {[]Evidence{looks(10, 1, 5, "")}, []Evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no date at the source":     {[]Evidence{looks(10, 0, 0, "")}, []Evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no date at either":         {[]Evidence{looks(10, 0, 0, "")}, []Evidence{looks(11, 0, 0, "")}, "1k", "0"},
		"no date, but the size":     {[]Evidence{looks(10, 0, 0, "")}, []Evidence{looks(10, 0, 0, "")}, "1", "1"},
		"no size at either":         {[]Evidence{looks(0, 1, 0, "")}, []Evidence{looks(0, 2, 0, "")}, "1k", "0"},
		"no size, but the arrival":  {[]Evidence{looks(0, 1, 0, "")}, []Evidence{looks(0, 1, 0, "")}, "1", "1"},
		"nothing is known":          {[]Evidence{looks(0, 0, 0, "")}, []Evidence{looks(0, 0, 0, "")}, "1k", "0"},
		"three of one, one there": {[]Evidence{looks(10, 1, 5, ""), looks(10, 1, 5, ""), looks(10, 1, 5, "")},
			[]Evidence{looks(10, 1, 5, "")}, "1 0 0", "1 0 0"},
		"the better one has it": {[]Evidence{looks(12, 3, 7, ""), looks(10, 1, 5, "")},
			[]Evidence{looks(10, 2, 6, "")}, "0 1", "0 1"},
		"the last is left with a stranger": {[]Evidence{looks(12, 3, 7, ""), looks(10, 1, 5, "")},
			[]Evidence{looks(99, 9, 9, ""), looks(10, 1, 5, "")}, "1k 2", "0 2"},
		"another key": {[]Evidence{looks(10, 1, 5, "")},
			[]Evidence{{Rung: 2, Size: 10, Date: 1}}, "0", "0"},
	} {
		for _, server := range []bool{true, false} {
			for strict, want := range map[bool]string{false: c.want, true: c.strict} {
				if got, _ := matched(t, c.source, c.dest, strict, server); strings.Join(got, " ") != want {
					t.Errorf("%s, strict %v, server %v: %q, want %s", what, strict, server, got, want)
				}
			}
		}
	}
	// In an archive the bytes are known of both.
	source, dest := []Evidence{looks(10, 1, 5, "o")}, []Evidence{looks(11, 2, 6, "o")}
	if got, _ := matched(t, source, dest, true, false); got[0] != "1" {
		t.Errorf("the same octets: %q", got)
	}
}

// TestReceivedIsReadTogether: a server that changes the size and date of every
// message is asked for Received lines once, not for each message.
func TestReceivedIsReadTogether(t *testing.T) {
	var source, dest []Evidence
	for i := range uint32(1000) {
		s := looks(10+i, 1+i, 7+i, "")
		s.Key[0], s.Key[1] = byte(i), byte(i>>8)
		d := s
		d.Size, d.Date = d.Size+5000, d.Date+5000
		source, dest = append(source, s), append(dest, d)
	}
	fates, asked := matched(t, source, dest, false, true)
	if asked != 1 || slices.ContainsFunc(fates, func(f string) bool { return f == "0" || strings.HasSuffix(f, "k") }) {
		t.Errorf("asked %d times, %.80q", asked, fates)
	}
	// What agrees in size or arrival is not asked for at all.
	for i := range dest {
		dest[i].Size = source[i].Size
	}
	if _, asked := matched(t, source, dest, false, true); asked != 0 {
		t.Errorf("asked %d times where sizes agree", asked)
	}
}
