package plan

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

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
				w := stream.NewWriter(&out, stream.WriterOptions{Level: frame.None})
				again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(data), false), nil }
				if pipe {
					again = nil
				}
				opt := Options{Options: diff.Options{Warn: t.Logf, Say: t.Logf, Progress: progress.None{}}, SyncFlags: SyncExact}
				opt.Strict, opt.WriteReceipts, opt.Delete = strict, &receipts, &cleanup.ExtraOptions{All: true}
				d := &flagged{model{mails: dest}}
				end, err := Run(t.Context(), opt, stream.NewReader(bytes.NewReader(data), false), again, d, w)
				must(t, err)
				must(t, w.Close())
				want := stream.End{Listed: 2, Present: 2, PresentByKey: 1}
				if strict {
					want = stream.End{Listed: 2, Present: 1, Missing: 1}
				}
				if end.Present != want.Present || end.PresentByKey != want.PresentByKey || end.Missing != want.Missing {
					t.Errorf("%s, pipe %v, strict %v: %+v", content, pipe, strict, end)
				}
				if n := strings.Count(out.String(), `"type":"flags"`); n != 1 ||
					!strings.Contains(out.String(), `"target_uid":2,"remove"`) {
					t.Errorf("%s, pipe %v, strict %v: %d changes of flags: %s", content, pipe, strict, n, out.String())
				}
				if n := strings.Count(receipts.String(), `"result":"present"`); n != 1 ||
					strings.Contains(receipts.String(), `"target_uid":1`) {
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

func (d *flagged) Load(t *diff.Target, add func(match.Message)) (match.EvidenceReader, error) {
	return d.model.Load(t, func(e match.Message) {
		e.Flags = []string{`\Flagged`}
		add(e)
	})
}

// TestReportByKeyAlone: a report names both messages and in what they differ.
func TestReportByKeyAlone(t *testing.T) {
	for _, strict := range []bool{false, true} {
		var out bytes.Buffer
		opt := report.Options{Options: diff.Options{Warn: t.Logf, Progress: progress.None{}}}
		opt.Strict, opt.Explain = strict, true
		data := export(t, []mail{{"k", "aa", 1, "r"}}, stream.Headers)
		sum, err := report.Run(t.Context(), opt, stream.NewReader(bytes.NewReader(data), false),
			&model{mails: []mail{stranger}}, report.NewNDJSON(&out))
		must(t, err)
		switch {
		case sum.Equal():
			t.Errorf("strict %v: equal: %+v", strict, sum)
		case strict && (sum.Missing != 1 || sum.ByKey != 0 || sum.Extra != 1):
			t.Errorf("strict: %+v", sum)
		case strict:
		case sum.Present != 1 || sum.ByKey != 1 || sum.Missing != 0:
			t.Errorf("%+v", sum)
		case !strings.Contains(out.String(), `"kind":"by-key"`) ||
			!strings.Contains(out.String(), `"differs":["size","internaldate","received"]`) ||
			!strings.Contains(out.String(), `"type":"near"`):
			t.Errorf("%s", out.String())
		}
	}
}

// TestStrictAgainstAStream: so does a comparison with a stream.
func TestStrictAgainstAStream(t *testing.T) {
	source := export(t, []mail{{"k", "aa", 1, "r"}}, stream.Headers)
	against := export(t, []mail{stranger}, stream.Headers)
	for _, pipe := range []bool{false, true} {
		for strict, want := range map[bool]int{false: 0, true: 1} {
			opt := Options{Options: diff.Options{Identity: diff.Identity{Strict: strict}}}
			dest := diff.NewArchive(stream.NewReader(bytes.NewReader(against), false), nil)
			if got, _ := fates(t, opt, source, dest, pipe); len(got) != want {
				t.Errorf("pipe %v, strict %v: %v, want %d", pipe, strict, got, want)
			}
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
		"the copy of the second": {[]mail{{"k", "aa", 1, "r"}, {"k", "aaa", 2, "s"}, {"k", "aaa", 3, "t"}},
			"recipe", 2, 2},
	} {
		for i := range c.source {
			c.source[i].key = c.rung + ":k"
		}
		for content, want := range map[stream.Content]int{stream.Full: c.full, stream.Headers: c.bare} {
			data := export(t, c.source, content)
			opt := Options{Options: diff.Options{Identity: diff.Identity{Unique: true}}}
			fates, _ := fates(t, opt, data, emptyAccount(t), false)
			kept := len(slices.DeleteFunc(fates, func(f string) bool { return strings.HasPrefix(f, "-") }))
			if kept != want {
				t.Errorf("%s, %s: %d kept, want %d", what, content, kept, want)
			}
		}
	}
}
