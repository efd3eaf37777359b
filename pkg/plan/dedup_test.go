package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// shelf is a folder of an export.
type shelf struct {
	name  string
	mails []mail
}

// shelves writes the stream of an account with several folders. A message whose
// bytes begin with "large" comes in parts; of one that ends in "!" they end in a
// failure.
func shelves(t testing.TB, all ...shelf) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{Level: frame.None})
	must(t, w.Write(&stream.Begin{Content: stream.Full, User: "joe", Host: "old", Key: headerkey.Default, Delimiter: "/"}))
	for _, s := range all {
		must(t, w.Write(&stream.Folder{Name: s.name, Delimiter: "/", UIDValidity: 1, UIDNext: 100,
			Messages: uint32(len(s.mails)), Octets: -1}))
	}
	listed := int64(0)
	for _, s := range all {
		for i, m := range s.mails {
			listed++
			r := m.record(uint64(i+1), s.name)
			if !strings.HasPrefix(m.octets, "large") {
				must(t, w.Write(r))
				continue
			}
			octets := slices.Concat([]byte(m.octets), bytes.Repeat([]byte("x"), 2*stream.PartSize))
			r.DropBody()
			r.SHA256, r.Size, r.Parts = "", int64(len(octets)), stream.PartCount(int64(len(octets)))
			must(t, w.Write(r))
			parts := w.Parts(r)
			if strings.HasSuffix(m.octets, "!") {
				parts.Write(octets[:stream.PartSize])
				must(t, w.Write(&stream.Failed{Folder: s.name, UIDValidity: 1, UID: uint64(i + 1), Reason: stream.ReasonTruncated}))
				continue
			}
			parts.Write(octets)
			must(t, parts.Close())
		}
	}
	must(t, w.End(&stream.End{Listed: listed}))
	must(t, w.Close())
	return out.Bytes()
}

// emptyAccount is a destination without a message.
func emptyAccount(t testing.TB) diff.Destination {
	t.Helper()
	return diff.NewArchive(stream.NewReader(bytes.NewReader(shelves(t, shelf{name: "INBOX"})), false), nil)
}

// fates returns what a plan says of each message, in its order: "INBOX 1" to be
// appended, "-INBOX 1" excluded, "!INBOX 1" failed.
func fates(t testing.TB, opt Options, source []byte, dest diff.Destination, pipe bool) (all []string, end *stream.End) {
	t.Helper()
	opt.Warn, opt.Say, opt.Progress = t.Logf, t.Logf, progress.None{}
	again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(source), false), nil }
	if pipe {
		again = nil
	}
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	end, _ = Run(t.Context(), opt, stream.NewReader(bytes.NewReader(source), false), again, dest, w)
	must(t, w.Close())
	r := stream.NewReader(&out, false)
	for rec, err := range r.All() {
		must(t, err)
		switch x := rec.(type) {
		case *stream.Message:
			all = append(all, fmt.Sprint(x.Folder, " ", x.UID))
		case *stream.Skipped:
			all = append(all, fmt.Sprint("-", x.Folder, " ", x.UID))
		case *stream.Failed:
			all = append(all, fmt.Sprint("!", x.Folder, " ", x.UID))
		}
	}
	return all, end
}

func TestOnceAndUnique(t *testing.T) {
	a, b, other := mail{"a", "aa", 1, ""}, mail{"b", "bb", 1, ""}, mail{"a", "AA", 1, ""}
	large, broken := mail{"l", "large", 2, ""}, mail{"l", "large!", 2, ""}
	for name, c := range map[string]struct {
		opt    Options
		source []shelf
		want   string
	}{
		"once": {Options{Options: diff.Options{Identity: diff.Identity{Once: true}}},
			[]shelf{{"x", []mail{a, b}}, {"y", []mail{b, a, b}}, {"z", []mail{a}}}, "x 1,x 2,-y 1,-y 2,-y 3,-z 1"},
		"once, several in the first": {Options{Options: diff.Options{Identity: diff.Identity{Once: true}}},
			[]shelf{{"x", []mail{a, a}}, {"y", []mail{a}}}, "x 1,x 2,-y 1"},
		"once, other octets": {Options{Options: diff.Options{Identity: diff.Identity{Once: true}}},
			[]shelf{{"x", []mail{a}}, {"y", []mail{other, a}}, {"z", []mail{other}}}, "x 1,y 1,-y 2,-z 1"},
		"unique": {Options{Options: diff.Options{Identity: diff.Identity{Unique: true}}},
			[]shelf{{"x", []mail{a, b, a, other}}, {"y", []mail{a}}}, "x 1,x 2,-x 3,-x 4,y 1"},
		"both": {Options{Options: diff.Options{Identity: diff.Identity{Unique: true, Once: true}}},
			[]shelf{{"x", []mail{a, a}}, {"y", []mail{a, other, other}}}, "x 1,-x 2,-y 1,y 2,-y 3"},
		"large": {Options{Options: diff.Options{Identity: diff.Identity{Once: true, Unique: true}}},
			[]shelf{{"x", []mail{large, large}}, {"y", []mail{large}}}, "x 1,-x 2,-y 1"},
		"the first is broken": {Options{Options: diff.Options{Identity: diff.Identity{Once: true, Unique: true}}},
			[]shelf{{"x", []mail{broken, large}}, {"y", []mail{large}}}, "!x 1,x 2,-y 1"},
	} {
		t.Run(name, func(t *testing.T) {
			source := shelves(t, c.source...)
			for _, pipe := range []bool{false, true} {
				got, end := fates(t, c.opt, source, emptyAccount(t), pipe)
				text := strings.Replace(strings.Join(got, ","), "x 1,!x 1", "!x 1", 1) // one that was on its way when it broke
				if text != c.want {
					t.Errorf("pipe %v: %s\nwant %s", pipe, text, c.want)
				}
				if all := end.Present + end.Missing + end.Failed; all != end.Listed ||
					end.Excluded != int64(strings.Count(c.want, "-")) {
					t.Errorf("pipe %v: %+v", pipe, end)
				}
			}
		})
	}
}
