package diff

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// looks makes the evidence of a message of the key "k": 0 is unknown.
func looks(size, date, received uint32, octets string) evidence {
	e := evidence{rung: 1, size: size, date: date, received: received}
	if octets != "" {
		copy(e.sha[:], octets)
		e.known |= knownSHA
	}
	return e
}

// hidden is a prover of a destination that tells Received lines and octets only
// when it is asked.
type hidden struct {
	all   map[uint64]evidence // by UID
	asked int                 // commands
}

func (h *hidden) received(es []*entry) error {
	if len(es) > 0 {
		h.asked++
	}
	for _, e := range es {
		e.received = h.all[e.uid()].received
		e.known |= askedReceived
	}
	return nil
}

func (h *hidden) digest(es []*entry) error {
	for _, e := range es {
		if x := h.all[e.uid()]; x.has(knownSHA) {
			e.sha = x.sha
			e.known |= knownSHA
		}
	}
	return nil
}

func (h *hidden) loose(*entry) (*headerkey.Loose, error) { return nil, nil }

// matched is what becomes of source messages at a destination: for each the UID
// that it was found to be, 0 if it is missing, and a "k" where only the key
// agrees.
func matched(t *testing.T, source, dest []evidence, strict, server bool) (fates []string, asked int) {
	t.Helper()
	h := &hidden{all: map[uint64]evidence{}}
	m := &matcher{strict: strict}
	if server {
		m.prover = h
	}
	for i, e := range dest {
		e.packedUID = packUID(uint64(i + 1))
		h.all[e.uid()] = e
		if server {
			e.received, e.sha, e.known = 0, [16]byte{}, 0
		}
		m.take(Entry{Evidence: e})
	}
	fates = make([]string, len(source))
	for i, e := range source {
		v, d := m.decide(e, uint32(i), true)
		switch v {
		case present:
			fates[i] = fmt.Sprint(d.uid())
		case missing:
			fates[i] = "0"
		}
	}
	r, err := m.resolve()
	must(t, err)
	for _, p := range r.pairs {
		fates[p.ordinal] = fmt.Sprint(p.entry.uid())
		if p.keyAlone {
			fates[p.ordinal] += "k"
		}
	}
	for _, o := range r.missing {
		fates[o] = "0"
	}
	return fates, h.asked
}

// TestKeyAlone: pairs that share nothing but the key are marked, and with strict
// missing.
func TestKeyAlone(t *testing.T) {
	for what, c := range map[string]struct {
		source, dest []evidence
		want, strict string
	}{
		"all agrees":                {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(10, 1, 5, "")}, "1", "1"},
		"size alone":                {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(10, 2, 6, "")}, "1", "1"},
		"arrival alone":             {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(11, 1, 6, "")}, "1", "1"},
		"Received alone":            {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(11, 2, 5, "")}, "1", "1"},
		"nothing":                   {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(11, 2, 6, "")}, "1k", "0"},
		"no Received at either":     {[]evidence{looks(10, 1, 0, "")}, []evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no Received at the source": {[]evidence{looks(10, 1, 0, "")}, []evidence{looks(11, 2, 6, "")}, "1k", "0"},
		"no Received there":         {[]evidence{looks(10, 1, 5, "")}, []evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no date at the source":     {[]evidence{looks(10, 0, 0, "")}, []evidence{looks(11, 2, 0, "")}, "1k", "0"},
		"no date at either":         {[]evidence{looks(10, 0, 0, "")}, []evidence{looks(11, 0, 0, "")}, "1k", "0"},
		"no date, but the size":     {[]evidence{looks(10, 0, 0, "")}, []evidence{looks(10, 0, 0, "")}, "1", "1"},
		"no size at either":         {[]evidence{looks(0, 1, 0, "")}, []evidence{looks(0, 2, 0, "")}, "1k", "0"},
		"no size, but the arrival":  {[]evidence{looks(0, 1, 0, "")}, []evidence{looks(0, 1, 0, "")}, "1", "1"},
		"nothing is known":          {[]evidence{looks(0, 0, 0, "")}, []evidence{looks(0, 0, 0, "")}, "1k", "0"},
		"three of one, one there": {[]evidence{looks(10, 1, 5, ""), looks(10, 1, 5, ""), looks(10, 1, 5, "")},
			[]evidence{looks(10, 1, 5, "")}, "1 0 0", "1 0 0"},
		"the better one has it": {[]evidence{looks(12, 3, 7, ""), looks(10, 1, 5, "")}, []evidence{looks(10, 2, 6, "")}, "0 1", "0 1"},
		"the last is left with a stranger": {[]evidence{looks(12, 3, 7, ""), looks(10, 1, 5, "")},
			[]evidence{looks(99, 9, 9, ""), looks(10, 1, 5, "")}, "1k 2", "0 2"},
		"another key": {[]evidence{looks(10, 1, 5, "")}, []evidence{{rung: 2, size: 10, date: 1}}, "0", "0"},
	} {
		for _, server := range []bool{true, false} {
			for strict, want := range map[bool]string{false: c.want, true: c.strict} {
				if got, _ := matched(t, c.source, c.dest, strict, server); strings.Join(got, " ") != want {
					t.Errorf("%s, strict %v, server %v: %q, want %s", what, strict, server, got, want)
				}
			}
		}
	}
	// In an archive the octets are known of both.
	if got, _ := matched(t, []evidence{looks(10, 1, 5, "o")}, []evidence{looks(11, 2, 6, "o")}, true, false); got[0] != "1" {
		t.Errorf("the same octets: %q", got)
	}
}

// TestReceivedIsReadTogether: a server that changes the size and date of every
// message is asked for Received lines once, not for each message.
func TestReceivedIsReadTogether(t *testing.T) {
	var source, dest []evidence
	for i := range uint32(1000) {
		s := looks(10+i, 1+i, 7+i, "")
		s.key[0], s.key[1] = byte(i), byte(i>>8)
		d := s
		d.size, d.date = d.size+5000, d.date+5000
		source, dest = append(source, s), append(dest, d)
	}
	fates, asked := matched(t, source, dest, false, true)
	if asked != 1 || slices.ContainsFunc(fates, func(f string) bool { return f == "0" || strings.HasSuffix(f, "k") }) {
		t.Errorf("asked %d times, %.80q", asked, fates)
	}
	// What agrees in size or arrival is not asked for at all.
	for i := range dest {
		dest[i].size = source[i].size
	}
	if _, asked := matched(t, source, dest, false, true); asked != 0 {
		t.Errorf("asked %d times where sizes agree", asked)
	}
}

// stranger is a destination message that has the key of mail{"k", ...} alone.
var stranger = mail{"k", "another text", 40, "other"}

// TestPlanByKeyAlone: a plan counts such a message, asks for no change of its
// flags, writes no receipt of it, and copies it where it is strict.
func TestPlanByKeyAlone(t *testing.T) {
	source := []mail{{"k", "aa", 1, "r"}, {"l", "bb", 2, "s"}}
	dest := []mail{stranger, source[1]}
	for _, content := range []stream.Content{stream.Full, stream.Headers} {
		data := export(t, source, content)
		for _, pipe := range []bool{false, true} {
			for _, strict := range []bool{false, true} {
				var out, receipts bytes.Buffer
				w := stream.NewWriter(&out, stream.WriterOptions{Level: stream.None})
				again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(data), false), nil }
				if pipe {
					again = nil
				}
				opt := Options{Warn: t.Logf, Say: t.Logf, Progress: progress.None{}, SyncFlags: SyncExact}
				opt.Strict, opt.Record, opt.Delete = strict, &receipts, &Deletions{All: true}
				d := &flagged{model{mails: dest}}
				end, err := Plan(t.Context(), opt, stream.NewReader(bytes.NewReader(data), false), again, d, w)
				must(t, err)
				must(t, w.Close())
				want := stream.End{Listed: 2, Present: 2, PresentByKey: 1}
				if strict {
					want = stream.End{Listed: 2, Present: 1, Missing: 1}
				}
				if end.Present != want.Present || end.PresentByKey != want.PresentByKey || end.Missing != want.Missing {
					t.Errorf("%s, pipe %v, strict %v: %+v", content, pipe, strict, end)
				}
				if n := strings.Count(out.String(), `"type":"flags"`); n != 1 || !strings.Contains(out.String(), `"target_uid":2,"remove"`) {
					t.Errorf("%s, pipe %v, strict %v: %d changes of flags: %s", content, pipe, strict, n, out.String())
				}
				if n := strings.Count(receipts.String(), `"result":"present"`); n != 1 || strings.Contains(receipts.String(), `"target_uid":1`) {
					t.Errorf("%s, pipe %v, strict %v: receipts %s", content, pipe, strict, receipts.String())
				}
				deleted := strings.Count(out.String(), `"type":"delete"`)
				if strict != (deleted == 1) { // a mirror deletes what nobody is taken for
					t.Errorf("%s, pipe %v, strict %v: %d to delete", content, pipe, strict, deleted)
				}
				if has := strings.Contains(out.String(), `"present_by_key":1`); has == strict {
					t.Errorf("%s, pipe %v, strict %v: end %s", content, pipe, strict, out.String())
				}
			}
		}
	}
}

// flagged is a destination whose messages are all flagged.
type flagged struct{ model }

func (d *flagged) Load(t *Target, add func(Entry)) (prover, error) {
	return d.model.Load(t, func(e Entry) {
		e.Flags = []string{`\Flagged`}
		add(e)
	})
}

// TestReportByKeyAlone: a report names both messages and in what they differ.
func TestReportByKeyAlone(t *testing.T) {
	for _, strict := range []bool{false, true} {
		var out bytes.Buffer
		opt := Options{Warn: t.Logf, Progress: progress.None{}}
		opt.Strict, opt.Explain = strict, true
		data := export(t, []mail{{"k", "aa", 1, "r"}}, stream.Headers)
		sum, err := Report(t.Context(), opt, stream.NewReader(bytes.NewReader(data), false), &model{mails: []mail{stranger}}, NewNDJSON(&out))
		must(t, err)
		switch {
		case sum.Equal():
			t.Errorf("strict %v: equal: %+v", strict, sum)
		case strict && (sum.Missing != 1 || sum.ByKey != 0 || sum.Extra != 1):
			t.Errorf("strict: %+v", sum)
		case strict:
		case sum.Present != 1 || sum.ByKey != 1 || sum.Missing != 0:
			t.Errorf("%+v", sum)
		case !strings.Contains(out.String(), `"kind":"by-key"`) || !strings.Contains(out.String(), `"differs":["size","internaldate","received"]`) ||
			!strings.Contains(out.String(), `"type":"near"`):
			t.Errorf("%s", out.String())
		}
	}
}

// TestUniqueKeepsOtherMessages: only copies are dropped.
func TestUniqueKeepsOtherMessages(t *testing.T) {
	for what, c := range map[string]struct {
		source []mail
		rung   string
		full   int // that are kept, of a stream with bodies
		bare   int // of one without
	}{
		"copies":                               {[]mail{{"k", "aa", 1, "r"}, {"k", "aa", 1, "r"}}, "recipe", 1, 1},
		"another size and way, one arrival":    {[]mail{{"k", "aa", 1, "r"}, {"k", "aaa", 1, "s"}}, "recipe", 2, 2},
		"another size and arrival, one way":    {[]mail{{"k", "aa", 1, "r"}, {"k", "aaa", 2, "r"}}, "recipe", 1, 1},
		"another way and arrival, one size":    {[]mail{{"k", "aa", 1, "r"}, {"k", "bb", 2, "s"}}, "recipe", 1, 1},
		"nothing but the key":                  {[]mail{{"k", "aa", 1, "r"}, {"k", "aaa", 2, "s"}}, "recipe", 2, 2},
		"no Message-ID, copies":                {[]mail{{"k", "aa", 1, ""}, {"k", "aa", 1, ""}}, "origin", 1, 2},
		"no Message-ID, copies of one way":     {[]mail{{"k", "aa", 1, "r"}, {"k", "aa", 1, "r"}}, "origin", 1, 1},
		"no Message-ID, another text, one way": {[]mail{{"k", "aa", 1, "r"}, {"k", "bb", 1, "r"}}, "origin", 2, 1},
		"no Message-ID, another size":          {[]mail{{"k", "aa", 1, ""}, {"k", "aaa", 1, ""}}, "origin", 2, 2},
		"the copy of the second":               {[]mail{{"k", "aa", 1, "r"}, {"k", "aaa", 2, "s"}, {"k", "aaa", 3, "t"}}, "recipe", 2, 2},
	} {
		for content, want := range map[stream.Content]int{stream.Full: c.full, stream.Headers: c.bare} {
			data := export(t, c.source, content)
			in := &onRung{stream.NewReader(bytes.NewReader(data), false), c.rung}
			d := newDoubles(&Options{Identity: Identity{Unique: true}})
			kept := 0
			var begin *stream.Begin
			for {
				rec, err := in.Next()
				if err != nil {
					break
				}
				switch r := rec.(type) {
				case *stream.Begin:
					begin = r
				case *stream.Message:
					if d.of(begin, r, &source{target: &Target{Name: "INBOX"}}) == "" {
						kept++
					}
				}
			}
			if kept != want {
				t.Errorf("%s, %s: %d kept, want %d", what, content, kept, want)
			}
		}
	}
}

// onRung gives the keys of messages another rung.
type onRung struct {
	in   records
	rung string
}

func (r *onRung) Next() (stream.Record, error) {
	rec, err := r.in.Next()
	if m, ok := rec.(*stream.Message); ok && err == nil {
		_, digits, _ := strings.Cut(m.Key, ":")
		m.Key = r.rung + ":" + digits
	}
	return rec, err
}
