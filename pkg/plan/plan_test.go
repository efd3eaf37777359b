package plan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/match"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// mail is a message of the model: what it is, and what can be seen of it.
type mail struct {
	key      string // after a colon, if it is not of the recipe's rung
	octets   string // what it is
	date     int
	received string
}

func (m mail) String() string { return fmt.Sprintf("%s/%s/%d/%s", m.key, m.octets, m.date, m.received) }

func (m mail) record(uid uint64, folder string) *stream.Message {
	rung, key, ok := strings.Cut(m.key, ":")
	if !ok {
		rung, key = "recipe", m.key
	}
	r := &stream.Message{Folder: folder, UIDValidity: 1, UID: uid,
		Key:          rung + fmt.Sprintf(":%x", sha256.Sum256([]byte(key)))[:33],
		InternalDate: fmt.Sprintf("2020-01-02T03:04:%02dZ", m.date)}
	if m.received != "" {
		r.Received = fmt.Sprintf("%016x", sha256.Sum256([]byte(m.received)))[:16]
	}
	r.SetBody([]byte(m.octets))
	return r
}

// export writes the stream of an account with one folder.
func export(t testing.TB, mails []mail, content stream.Content) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	looks := map[string]int{}
	for _, m := range mails {
		looks[fmt.Sprint(m.date, len(m.octets))]++
	}
	must(t, w.Write(&stream.Begin{Content: content, User: "joe", Host: "old", Key: headerkey.Default, Delimiter: "/"}))
	must(t, w.Write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 1, UIDNext: uint64(len(mails) + 1),
		Messages: uint32(len(mails)), Octets: -1}))
	for i, m := range mails {
		r := m.record(uint64(i+1), "INBOX")
		r.Twin = looks[fmt.Sprint(m.date, len(m.octets))] > 1
		if content == stream.Headers {
			r.DropBody()
			r.SHA256 = ""
		}
		must(t, w.Write(r))
	}
	must(t, w.End(&stream.End{Listed: int64(len(mails))}))
	must(t, w.Close())
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// model is a destination account: its index tells what a server tells without
// being asked for more, its prover the rest.
type model struct {
	mails  []mail
	target *diff.Target
	broken string
	bodies int // that were read
}

func (d *model) Open(headerkey.Recipe) error {
	if d.target == nil {
		d.target = &diff.Target{Name: "INBOX", UIDValidity: 9, UIDNext: uint64(len(d.mails) + 1),
			Messages: uint32(len(d.mails))}
	}
	return nil
}
func (d *model) Account() account.Account             { return account.Of("joe", "new", 0) }
func (d *model) Namespace() folder.Namespace          { return folder.Namespace{Delimiter: "/"} }
func (d *model) Folders() []*diff.Target              { return []*diff.Target{d.target} }
func (d *model) Levels() []*diff.Target               { return nil }
func (d *model) Seek([]string) (bool, error)          { return false, nil }
func (d *model) FoldsCase() (folder.CaseSense, error) { return folder.CaseKept, nil }
func (d *model) Close()                               {}
func (d *model) Load(_ *diff.Target, add func(match.Message)) (match.EvidenceReader, error) {
	if d.broken != "" {
		return nil, &diff.Unreadable{Text: d.broken}
	}
	for i, m := range d.mails {
		e := match.EvidenceOf(m.record(uint64(i+1), "INBOX"))
		e.Received, e.Known, e.SHA = 0, 0, [16]byte{}
		add(match.Message{Evidence: e})
	}
	return d, nil
}

func (d *model) ReadReceived(es []*match.Entry) error {
	for _, e := range es {
		e.SetReceived(d.mails[e.UID()-1].record(1, "INBOX").Received)
	}
	return nil
}

func (d *model) ReadDigests(es []*match.Entry) error {
	for _, e := range es {
		d.bodies++
		e.SetSHA(d.mails[e.UID()-1].record(1, "INBOX").SHA256)
	}
	return nil
}

func (d *model) ReadLoose(e *match.Entry) (*headerkey.Loose, error) {
	return headerkey.LooseOf(strings.NewReader(d.mails[e.UID()-1].octets))
}

// choose does what imap-push does with messages that are tied: order is the
// source's mail by UID.
func choose(t testing.TB, plan []byte, order []mail) (appended []string) {
	t.Helper()
	there := map[uint64][]stream.Tied{}
	r := stream.NewReader(bytes.NewReader(plan), false)
	for rec, err := range r.All() {
		must(t, err)
		switch m := rec.(type) {
		case *stream.Tie:
			if _, known := there[m.ID]; !known { // each stream has it
				there[m.ID] = slices.Clone(m.There)
			}
		case *stream.Message:
			octets := order[m.UID-1].octets
			if m.Tie == nil {
				appended = append(appended, octets)
				continue
			}
			list, known := there[m.Tie.ID]
			if !known {
				t.Fatalf("no record of tie %d stands before UID %d", m.Tie.ID, m.UID)
			}
			sum, err := headerkey.LooseOf(strings.NewReader(octets))
			must(t, err)
			i := slices.IndexFunc(list, func(x stream.Tied) bool {
				return x.Digest == fmt.Sprintf("%x", sum.Whole) && (x.Date == 0 || x.Date == int64(match.Seconds(m.InternalDate)))
			})
			if i < 0 {
				appended = append(appended, octets)
			} else {
				there[m.Tie.ID] = slices.Delete(list, i, i+1)
			}
		}
	}
	return appended
}

// planOf returns what a plan would append, in its order.
func planOf(t testing.TB, source []byte, dest diff.Destination, pipe bool) ([]string, *stream.End, error) {
	t.Helper()
	plan, end, err := writePlan(t, source, dest, pipe)
	var octets []string
	r := stream.NewReader(bytes.NewReader(plan), false)
	for rec, readErr := range r.All() {
		if readErr != nil {
			if err == nil {
				t.Fatalf("our own plan: %v", readErr)
			}
			return octets, end, err
		}
		if m, ok := rec.(*stream.Message); ok && m.HasBody() {
			body, err := m.AppendBody(nil)
			must(t, err)
			octets = append(octets, string(body))
		}
	}
	return octets, end, err
}

func writePlan(t testing.TB, source []byte, dest diff.Destination, pipe bool) ([]byte, *stream.End, error) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(source), false), nil }
	if pipe {
		again = nil
	}
	opt := Options{Options: diff.Options{Warn: t.Logf, Progress: progress.None{}}}
	end, err := Run(t.Context(), opt, stream.NewReader(bytes.NewReader(source), false), again, dest, w)
	must(t, w.Close())
	return out.Bytes(), end, err
}

// universe holds messages of one key that share everything, or all but one
// thing, and some of another key.
var universe = []mail{
	{"k", "aa", 1, "r"}, {"k", "aa", 1, "r"}, // the same twice
	{"k", "bb", 1, "r"},  // other bytes, nothing else to see
	{"k", "cc", 1, "s"},  // came another way
	{"k", "dd", 2, "r"},  // at another time
	{"k", "eee", 1, "r"}, // of another size
	{"l", "aa", 1, "r"},  // another key
}

// From any starting subset, in any order of the source, exactly what is not
// there is planned: no message is lost, none is doubled.
func TestAnySubsetAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	runs := 0
	for mask := range 1 << len(universe) {
		var source []mail
		for i, m := range universe {
			if mask&(1<<i) != 0 {
				source = append(source, m)
			}
		}
		for have := range 1 << len(source) {
			if len(source) > 3 && rnd.IntN(8) > 0 {
				continue
			}
			order := slices.Clone(source)
			rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			var dest, want []mail
			for i, m := range source {
				if have&(1<<i) != 0 {
					dest = append(dest, m)
				} else {
					want = append(want, m)
				}
			}
			rnd.Shuffle(len(dest), func(i, j int) { dest[i], dest[j] = dest[j], dest[i] })
			data := export(t, order, stream.Full)
			for _, pipe := range []bool{false, true} {
				got, end, err := planOf(t, data, &model{mails: dest}, pipe)
				if err != nil {
					t.Fatalf("source %v, destination %v, pipe %v: %v", order, dest, pipe, err)
				}
				check(t, fmt.Sprintf("source %v, destination %v, pipe %v", order, dest, pipe), got, want)
				if end.Listed != int64(len(source)) || end.Present != int64(len(dest)) || end.Missing != int64(len(want)) {
					t.Fatalf("source %v, destination %v, pipe %v: counts %+v", order, dest, pipe, end)
				}
				runs++
			}
			// Without bodies the number is right, and the choice is left to whoever
			// has them.
			for _, pipe := range []bool{false, true} {
				plan, end, err := writePlan(t, export(t, order, stream.Headers), &model{mails: dest}, pipe)
				if err != nil || end.Missing != int64(len(want)) || end.Present != int64(len(dest)) {
					t.Fatalf("headers: source %v, destination %v: want %d, %+v, %v", order, dest, len(want), end, err)
				}
				check(t, fmt.Sprintf("headers: source %v, destination %v, pipe %v", order, dest, pipe), choose(t, plan, order),
					want)
			}
		}
	}
	t.Logf("%d comparisons", runs)
}

func check(t *testing.T, what string, got []string, want []mail) {
	t.Helper()
	var octets []string
	for _, m := range want {
		octets = append(octets, m.octets)
	}
	slices.Sort(octets)
	got = slices.Clone(got)
	slices.Sort(got)
	if !slices.Equal(got, octets) {
		t.Fatalf("%s: planned %v, want %v", what, got, octets)
	}
}

// A destination that rewrites every byte and date still has as many. Which of them
// are missing cannot be told here, so that all go to whoever has more evidence.
func TestRewrittenDestination(t *testing.T) {
	source := slices.Clone(universe)
	var dest []mail
	for _, m := range source {
		dest = append(dest, mail{m.key, "X" + m.octets, 40, "other"})
	}
	for _, pipe := range []bool{false, true} {
		if got, _, err := planOf(t, export(t, source, stream.Full), &model{mails: dest}, pipe); len(got) != 0 || err != nil {
			t.Errorf("all there: planned %v, %v", got, err)
		}
		if got, end, err := planOf(t, export(t, source, stream.Full), &model{mails: dest[:4]}, pipe); len(got) != 6 ||
			err != nil || end.Missing != 3 || end.Present != 4 {
			t.Errorf("four there: planned %v, %v, %+v", got, err, end)
		}
	}
}

// What is equal needs no body to be read, however often it stands there.
func TestBodiesAreReadOnlyWhereItMatters(t *testing.T) {
	source := []mail{{"k", "aa", 1, "r"}, {"k", "aa", 1, "r"}, {"k", "aa", 1, "r"}, {"m", "x", 1, ""}, {"n", "y", 2, ""}}
	d := &model{mails: source}
	if got, _, err := planOf(t, export(t, source, stream.Full), d, false); len(got) != 0 || err != nil || d.bodies != 0 {
		t.Errorf("planned %v, %v, %d bodies read", got, err, d.bodies)
	}
}

// Many messages with one key costs no more than one with many.
func TestCrowdIsLinear(t *testing.T) {
	var source []mail
	for i := range 20000 {
		source = append(source, mail{"cron", fmt.Sprintf("%05d", i), i % 7, ""})
	}
	dest := slices.Clone(source[:19990])
	slices.Reverse(dest)
	got, _, err := planOf(t, export(t, source, stream.Full), &model{mails: dest}, true)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "crowd", got, source[19990:])
}

func TestUnreadableTargetFailsItsMessages(t *testing.T) {
	for _, pipe := range []bool{false, true} {
		got, end, err := planOf(t, export(t, universe, stream.Full), &model{broken: "NO go away"}, pipe)
		if len(got) != 0 || exit.CodeOf(err) != exit.Partial || end.Failed != int64(len(universe)) || end.Present != 0 {
			t.Errorf("pipe %v: planned %v, %+v, %v", pipe, got, end, err)
		}
	}
}

func TestDamagedSourceIsActedOnAsFarAsItIsWhole(t *testing.T) {
	data := export(t, universe, stream.Full)
	for _, pipe := range []bool{false, true} {
		cut := data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1] // without its end
		got, end, err := planOf(t, cut, &model{}, pipe)
		if exit.CodeOf(err) != exit.Data || len(got) != len(universe) || end != nil {
			t.Errorf("pipe %v: planned %v, %v, %v", pipe, got, end, err)
		}
	}
}

func TestConcatenationCountsOnce(t *testing.T) {
	data := export(t, universe, stream.Full)
	twice := append(slices.Clone(data), data...)
	got, end, err := planOf(t, twice, &model{}, false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "twice the same", got, universe)
	if end.Listed != int64(len(universe)) {
		t.Errorf("listed %d", end.Listed)
	}
}

// Of a message that stands twice the later flags win, where the source can be
// read twice; with other bytes it is damage.
func TestConcatenationLaterFlags(t *testing.T) {
	data := export(t, universe[:1], stream.Full)
	later := strings.NewReplacer(`"flags":[]`, `"flags":["\\Flagged"]`).Replace(string(data))
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	both := string(data) + later
	open := func() (*stream.Reader, error) { return stream.NewReader(strings.NewReader(both), true), nil }
	in, _ := open()
	if _, err := Run(t.Context(), Options{Options: diff.Options{Warn: t.Logf, Progress: progress.None{}}}, in, open,
		&model{}, w); err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
	if !strings.Contains(out.String(), `"flags":["\\Flagged"]`) || strings.Count(out.String(), `"type":"message"`) != 1 {
		t.Errorf("%s", out.String())
	}
	other := export(t, []mail{{"k", "zz", 1, "r"}}, stream.Full)
	if _, _, err := planOf(t, append(slices.Clone(data), other...), &model{}, false); exit.CodeOf(err) != exit.Data {
		t.Errorf("the same message with other octets: %v", err)
	}
}

// In a report the later flags are compared, on either side.
func TestReportLaterFlags(t *testing.T) {
	first := export(t, universe[:2], stream.Full)
	later := []byte(strings.NewReplacer(`"flags":[]`, `"flags":["\\Flagged"]`).Replace(string(first)))
	both := slices.Concat(first, later)
	open := func(b []byte) *stream.Reader { return stream.NewReader(bytes.NewReader(b), true) }
	for _, test := range []struct {
		source, against []byte
		flags           int64
	}{{both, later, 0}, {later, both, 0}, {both, first, 2}, {first, both, 2}, {both, both, 0}} {
		opt := report.Options{Options: diff.Options{Edited: true, Warn: t.Logf, Progress: progress.None{},
			Repeats: diff.ReadRepeats(open(test.source))}}
		sum, err := report.Run(t.Context(), opt, open(test.source),
			diff.NewArchive(open(test.against), diff.ReadRepeats(open(test.against))),
			report.NewText(io.Discard, func(s string) string { return s }))
		if err != nil || sum.Flags != test.flags || sum.Listed != 2 {
			t.Errorf("%+v, %v, want %d with other flags", sum, err, test.flags)
		}
	}
}

func TestArchiveAgainstArchive(t *testing.T) {
	a, b := export(t, universe, stream.Full), export(t, universe[2:], stream.Full)
	dest := diff.NewArchive(stream.NewReader(bytes.NewReader(b), false), nil)
	got, _, err := planOf(t, a, dest, false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "archive", got, universe[:2])
	sum, err := report.Run(context.Background(),
		report.Options{Options: diff.Options{Warn: t.Logf, Progress: progress.None{}}},
		stream.NewReader(bytes.NewReader(b), false), diff.NewArchive(stream.NewReader(bytes.NewReader(a), false), nil),
		report.NewText(io.Discard, func(s string) string { return s }))
	if err != nil || sum.Missing != 0 || sum.Extra != 2 || sum.Equal() {
		t.Errorf("%+v, %v", sum, err)
	}
}

// What a stream has failed records of is not equal to anything, on either side.
func TestReportOfFailures(t *testing.T) {
	whole := export(t, universe, stream.Full)
	for _, record := range []string{
		`{"type":"failed","folder":"INBOX","uidvalidity":7,"uid":99,"reason":"refused","text":"no"}`,
		`{"type":"failed","folder":"Other","reason":"refused","text":"no"}`} {
		at := bytes.LastIndex(whole, []byte(`{"type":"end"`))
		lacks := slices.Concat(whole[:at], []byte(record+"\n"), whole[at:])
		for _, test := range []struct {
			source, against []byte
			failed          int64
		}{{whole, lacks, 1}, {lacks, whole, 1}, {whole, whole, 0}} {
			in, against := stream.NewReader(bytes.NewReader(test.source), true),
				stream.NewReader(bytes.NewReader(test.against), true)
			sum, err := report.Run(t.Context(), report.Options{Options: diff.Options{Edited: true, Warn: t.Logf,
				Progress: progress.None{}}}, in, diff.NewArchive(against, nil),
				report.NewText(io.Discard, func(s string) string { return s }))
			if sum == nil || sum.Failed != test.failed || sum.Equal() != (test.failed == 0) ||
				(exit.CodeOf(err) == exit.Partial) != (test.failed > 0) {
				t.Errorf("%s: %+v, %v", record, sum, err)
			}
		}
	}
}

// broken writes a stream whose large message fails half way.
func broken(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	must(t, w.Write(&stream.Begin{Content: stream.Full, User: "joe", Host: "old", Key: headerkey.Default, Delimiter: "/"}))
	must(t, w.Write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 1, UIDNext: 9, Messages: 2, Octets: -1}))
	m := mail{"k", "", 1, ""}.record(1, "INBOX")
	m.DropBody()
	m.SHA256, m.Size, m.Parts = "", 3<<20, 3
	must(t, w.Write(m))
	p := w.Parts(m)
	_, err := p.Write(make([]byte, 1<<20+100))
	must(t, err)
	must(t, w.Write(&stream.Failed{Folder: "INBOX", UIDValidity: 1, UID: 1, Reason: stream.ReasonTruncated}))
	must(t, w.Write(mail{"l", "other", 1, ""}.record(2, "INBOX")))
	must(t, w.End(&stream.End{Listed: 2}))
	must(t, w.Close())
	return out.Bytes()
}

// A message that was taken back counts once, as failed, whoever waits for it.
func TestFailureTakesTheMessageBack(t *testing.T) {
	for _, dest := range [][]mail{nil, {{"k", "yy", 7, ""}}, {{"k", "yy", 7, ""}, {"l", "other", 1, ""}}} {
		for _, pipe := range []bool{false, true} {
			got, end, err := planOf(t, broken(t), &model{mails: dest}, pipe)
			if exit.CodeOf(err) != exit.Partial || end.Failed != 1 || end.Listed != 2 ||
				end.Listed != end.Present+end.Emitted+end.Failed {
				t.Errorf("%d there, pipe %v: %v, %+v, %v", len(dest), pipe, got, end, err)
			}
		}
	}
}

// An archive does not have what failed half way into it.
func TestArchiveLacksWhatFailed(t *testing.T) {
	source := export(t, []mail{{"k", "whole", 1, ""}, {"l", "other", 1, ""}}, stream.Full)
	got, _, err := planOf(t, source, diff.NewArchive(stream.NewReader(bytes.NewReader(broken(t)), false), nil), false)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "archive with a failure", got, []mail{{octets: "whole"}})
}
