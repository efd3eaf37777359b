package plan

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// section writes a stream of the messages from from to to of an account with
// one folder. With code it is aborted.
func section(t testing.TB, mails []mail, content stream.Content, from, to int, code exit.Code) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	writeSection(t, w, mails, content, from, to)
	if code == 0 {
		must(t, w.End(&stream.End{Listed: int64(to - from)}))
	} else {
		must(t, w.Abort(&stream.Abort{Command: "imap-fetch", Exit: int(code), Text: "enough"}))
	}
	must(t, w.Close())
	return out.Bytes()
}

func writeSection(t testing.TB, w *stream.Writer, mails []mail, content stream.Content, from, to int) {
	t.Helper()
	looks := map[string]int{}
	for _, m := range mails {
		looks[fmt.Sprint(m.date, len(m.octets))]++
	}
	must(t, w.Write(&stream.Begin{Content: content, User: "joe", Host: "old", Key: headerkey.Default, Delimiter: "/"}))
	must(t, w.Write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 1, UIDNext: uint64(len(mails) + 1),
		Messages: uint32(len(mails)), Octets: -1}))
	for i, m := range mails[from:to] {
		r := m.record(uint64(from+i+1), "INBOX")
		r.Twin = looks[fmt.Sprint(m.date, len(m.octets))] > 1
		if content == stream.Headers {
			r.DropBody()
			r.SHA256 = ""
		}
		must(t, w.Write(r))
	}
}

// draw takes some mail for a source, in any order, and a part of it for the
// destination, which wants the others.
func draw(rnd *rand.Rand) (source, dest, want []mail) {
	for _, m := range universe {
		if rnd.IntN(3) > 0 {
			source = append(source, m)
		}
	}
	rnd.Shuffle(len(source), func(i, j int) { source[i], source[j] = source[j], source[i] })
	for _, m := range source {
		if rnd.IntN(2) == 0 {
			dest = append(dest, m)
		} else {
			want = append(want, m)
		}
	}
	return source, dest, want
}

// aborts returns the codes of the abort records of a plan, and how many streams
// of it ended well.
func aborts(t testing.TB, plan []byte) (codes []int, ended int) {
	t.Helper()
	r := stream.NewReader(bytes.NewReader(plan), false)
	for rec, err := range r.All() {
		must(t, err)
		switch rec := rec.(type) {
		case *stream.Abort:
			codes = append(codes, rec.Exit)
		case *stream.End:
			ended++
		}
	}
	return codes, ended
}

// An aborted stream, in front of others in a file or alone, is acted on as far as it
// came: whatever the destination holds, exactly what it lacks is planned, and the
// abort's code is passed on.
func TestAbortedStreamInFront(t *testing.T) {
	const code = exit.Unavailable
	rnd := rand.New(rand.NewPCG(2, 2))
	runs := 0
	for range 25 {
		source, dest, want := draw(rnd)
		n := len(source)
		cut := rnd.IntN(n + 1)
		later := cut + rnd.IntN(n-cut+1)
		for _, content := range []stream.Content{stream.Full, stream.Headers} {
			part := func(from, to int, code exit.Code) []byte { return section(t, source, content, from, to, code) }
			for name, input := range map[string][]byte{
				"cut, full":       slices.Concat(part(0, cut, code), part(0, n, 0)),
				"cut, rest":       slices.Concat(part(0, cut, code), part(cut, n, 0)),
				"cut, full, full": slices.Concat(part(0, cut, code), part(0, n, 0), part(0, n, 0)),
				"cut, more, full": slices.Concat(part(0, cut, 75), part(0, later, code), part(0, n, 0)),
				"cut, more, rest": slices.Concat(part(0, cut, 75), part(cut, later, code), part(later, n, 0)),
				"whole, cut":      slices.Concat(part(0, cut, 0), part(cut, n, code)),
				"cut behind all":  part(0, n, code),
			} {
				for _, pipe := range []bool{false, true} {
					if pipe && name != "cut behind all" {
						continue // see TestAPipeCarriesOneStream
					}
					what := fmt.Sprintf("%s (%d, %d), %s, pipe %v: source %v, destination %v", name, cut, later, content, pipe,
						source, dest)
					plan, _, err := writePlan(t, input, &model{mails: dest}, pipe)
					if exit.CodeOf(err) != code {
						t.Fatalf("%s: %v, want code %d", what, err, code)
					}
					check(t, what, choose(t, plan, source), want)
					if codes, _ := aborts(t, plan); len(codes) == 0 || codes[len(codes)-1] != int(code) {
						t.Fatalf("%s: aborts %v", what, codes)
					}
					runs++
				}
			}
		}
	}
	t.Logf("%d comparisons", runs)
}

// A pipe that is read as it comes carries one stream. What another behind it might show
// comes too late for the first, so it is refused: the plan is that of the first alone.
func TestAPipeCarriesOneStream(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		source, dest, _ := draw(rnd)
		n := len(source)
		cut := rnd.IntN(n + 1)
		for _, code := range []exit.Code{exit.OK, exit.Unavailable} {
			for _, content := range []stream.Content{stream.Full, stream.Headers} {
				what := fmt.Sprintf("%d, code %d, %s: source %v, destination %v", cut, code, content, source, dest)
				first, rest := section(t, source, content, 0, cut, code), section(t, source, content, cut, n, 0)
				alone, _, err := writePlan(t, first, &model{mails: dest}, true)
				if exit.CodeOf(err) != code {
					t.Fatalf("%s: alone: %v", what, err)
				}
				joined, _, err := writePlan(t, slices.Concat(first, rest), &model{mails: dest}, true)
				if want := cmp.Or(code, exit.Usage); exit.CodeOf(err) != want {
					t.Fatalf("%s: %v, want code %d", what, err, want)
				}
				if !bytes.Equal(joined, alone) {
					t.Fatalf("%s: planned\n%s\nwant\n%s", what, joined, alone)
				}
			}
		}
	}
}

// big is a message with parts, of the given byte throughout.
func big(octet byte) mail {
	return mail{"big", string(bytes.Repeat([]byte{octet}, 2<<20+17)), 3, ""}
}

// writeBig writes a message with parts, or the first of its parts.
func writeBig(t testing.TB, w *stream.Writer, m mail, uid uint64, whole bool) {
	t.Helper()
	r := m.record(uid, "INBOX")
	r.DropBody()
	r.SHA256, r.Parts = "", stream.PartCount(r.Size)
	must(t, w.Write(r))
	parts := w.Parts(r)
	if !whole {
		_, err := parts.Write([]byte(m.octets[:1<<20+4]))
		must(t, err)
		return
	}
	_, err := parts.Write([]byte(m.octets))
	must(t, err)
	must(t, parts.Close())
}

// wholeMessages returns what a plan appends, by size, and fails a test whose
// plan is no good stream.
func wholeMessages(t testing.TB, plan []byte) (sizes []int64) {
	t.Helper()
	r := stream.NewReader(bytes.NewReader(plan), false)
	var size int64
	for rec, err := range r.All() {
		must(t, err)
		switch rec := rec.(type) {
		case *stream.Message:
			if size = rec.Size; rec.Parts == 0 {
				sizes = append(sizes, size)
			}
		case *stream.Body:
			if rec.Part == rec.Parts {
				sizes = append(sizes, size)
			}
		}
	}
	slices.Sort(sizes)
	return sizes
}

// A message whose parts end in an abort does not exist: it counts when it comes
// again, and what waited beside it is decided on.
func TestAbortWithinAMessage(t *testing.T) {
	small := []mail{{"k", "aa", 1, "r"}, {"k", "cccc", 2, "r"}}
	huge := big('x')
	var cut, full bytes.Buffer
	for _, out := range []*bytes.Buffer{&cut, &full} {
		w := stream.NewWriter(out, stream.WriterOptions{})
		writeSection(t, w, small, stream.Full, 0, 2)
		writeBig(t, w, huge, 3, out == &full)
		if out == &full {
			must(t, w.End(&stream.End{Listed: 3}))
		} else {
			must(t, w.Abort(&stream.Abort{Command: "imap-fetch", Exit: 75, Text: "enough"}))
		}
		must(t, w.Close())
	}
	size := int64(len(huge.octets))
	elsewhere, another := mail{"k", "zzzz", 7, ""}, mail{"big", "y", 9, ""}
	cases := []struct {
		name        string
		dest        []mail
		alone, then []int64 // sizes, of the cut stream and with the whole one behind it
	}{
		{"nothing there", nil, []int64{2, 4}, []int64{2, 4, size}},
		{"the small ones wait, one in vain", []mail{elsewhere}, []int64{2}, []int64{2, size}},
		{"the large one waits", []mail{another}, []int64{2, 4}, []int64{2, 4}},
		{"all wait", []mail{elsewhere, another}, []int64{2}, []int64{2}},
		{"all are there", append(small, huge), nil, nil},
	}
	for _, c := range cases {
		for _, pipe := range []bool{false, true} {
			for _, more := range []bool{false, true} {
				if pipe && more {
					continue // see TestAPipeCarriesOneStream
				}
				input, want := cut.Bytes(), c.alone
				if more {
					input, want = slices.Concat(cut.Bytes(), full.Bytes()), c.then
				}
				plan, _, err := writePlan(t, input, &model{mails: c.dest}, pipe)
				if exit.CodeOf(err) != exit.Temporary {
					t.Errorf("%s, pipe %v, more %v: %v", c.name, pipe, more, err)
				}
				if got := wholeMessages(t, plan); !slices.Equal(got, want) {
					t.Errorf("%s, pipe %v, more %v: planned %v, want %v", c.name, pipe, more, got, want)
				}
			}
		}
	}
}

// A stream that ends before its first message, or that is an abort alone, takes
// nothing from those beside it.
func TestAbortBeforeTheFirstMessage(t *testing.T) {
	bare := []byte(`{"type":"abort","command":"imap-fetch","exit":69,"text":"no"}` + "\n")
	early := section(t, universe, stream.Full, 0, 0, 69)
	some, full := section(t, universe, stream.Full, 0, 3, 75), section(t, universe, stream.Full, 0, len(universe), 0)
	cases := []struct {
		name   string
		input  [][]byte
		aborts []int
		ended  int
		pipe   bool
	}{
		{"contents, full", [][]byte{early, full}, []int{69}, 1, false},
		{"alone, full", [][]byte{bare, full}, []int{69}, 1, true},
		{"full, alone", [][]byte{full, bare}, []int{69}, 1, true},
		{"some, alone, full", [][]byte{some, bare, full}, []int{75, 69}, 1, false},
		{"some, contents, full, contents", [][]byte{some, early, full, early}, []int{75, 69, 69}, 1, false},
		{"full, contents, some", [][]byte{full, early, some}, []int{69, 75}, 1, false},
	}
	for _, c := range cases {
		for _, pipe := range []bool{false, true} {
			if pipe && !c.pipe {
				continue // see TestAPipeCarriesOneStream
			}
			plan, end, err := writePlan(t, slices.Concat(c.input...), &model{}, pipe)
			what := fmt.Sprintf("%s, pipe %v", c.name, pipe)
			codes, ended := aborts(t, plan)
			if !slices.Equal(codes, c.aborts) || ended != c.ended || int(exit.CodeOf(err)) != codes[len(codes)-1] {
				t.Errorf("%s: aborts %v, %d ends, %+v, %v", what, codes, ended, end, err)
			}
			check(t, what, choose(t, plan, universe), universe)
		}
	}
}

// What was decided on an aborted stream stays so, whoever waits after it for
// the same folder.
func TestAbortedStreamIsDecidedOnOnce(t *testing.T) {
	source := []mail{{"k", "aa", 1, "r"}, {"k", "bbb", 2, "s"}, {"l", "cccc", 1, "r"}}
	dest := []mail{{"k", "yyy", 7, ""}, {"l", "zz", 7, ""}} // rewritten
	part := func(from, to int, code exit.Code) []byte { return section(t, source, stream.Full, from, to, code) }
	input := slices.Concat(part(0, 2, 75), part(0, 2, 0), part(2, 3, 0))
	plan, _, err := writePlan(t, input, &model{mails: dest}, false)
	if exit.CodeOf(err) != exit.Temporary {
		t.Error(err)
	}
	check(t, "three streams", choose(t, plan, source), source[:1])
}

// More messages wait than a file has patience for: the folder is decided on
// when it ends.
func TestMoreWaitersThanPatience(t *testing.T) {
	var source, dest []mail
	for i := range maxPending + 100 {
		m := mail{fmt.Sprint("k", i), fmt.Sprint("octets ", i), 1, ""}
		source = append(source, m)
		if i < maxPending+90 {
			dest = append(dest, mail{m.key, m.octets, 2, ""})
		}
	}
	input := slices.Concat(section(t, source, stream.Headers, 0, maxPending+50, 0),
		section(t, source, stream.Headers, maxPending+50, len(source), 0))
	plan, end, err := writePlan(t, input, &model{mails: dest}, false)
	if err != nil || end.Listed != int64(len(source)) || end.Present != int64(len(dest)) || end.Missing != 10 {
		t.Errorf("%+v, %v", end, err)
	}
	check(t, "many", choose(t, plan, source), source[len(dest):])
}
