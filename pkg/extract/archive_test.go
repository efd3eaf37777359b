package extract

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// fileOf is an archive that can be read twice, pipeOf one that cannot.
func fileOf(data []byte) *Archive {
	again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(data), false), nil }
	return &Archive{In: stream.NewReader(bytes.NewReader(data), false), Again: again}
}

func pipeOf(data []byte) *Archive {
	return &Archive{In: stream.NewReader(bytes.NewReader(data), false)}
}

// extractOf returns the plain stream that is taken of an archive.
func extractOf(t testing.TB, a *Archive, opt export.Options) ([]byte, error) {
	t.Helper()
	return exporttest.Plain(t, func(w *stream.Writer) error { return Run(a, opt, w) })
}

// mailbox is an account with small, ugly and large messages.
func mailbox(t testing.TB) (addr string, account *imaptest.Account) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account = server.Account("joe")
	account.FillVaried(exporttest.Arrived)
	return server.Addr(), account
}

// Without a choice, nothing is changed but what the program is called.
func TestArchiveIsPassedOn(t *testing.T) {
	addr, _ := mailbox(t)
	data := archiveOf(t, addr)
	other := bytes.ReplaceAll(data, []byte(`"user":"joe"`), []byte(`"user":"ann"`))
	twice := slices.Concat(data, data)
	for name, c := range map[string][]byte{"one": data, "two": twice} {
		for kind, a := range map[string]*Archive{"file": fileOf(c), "pipe": pipeOf(c)} {
			got, err := extractOf(t, a, exporttest.Options(t, stream.Full))
			if err != nil || !bytes.Equal(got, c) {
				t.Errorf("%s, %s: %v, %d octets, want %d", name, kind, err, len(got), len(c))
			}
		}
	}
	if _, err := extractOf(t, fileOf(other), exporttest.Options(t, stream.Full)); exit.CodeOf(err) != exit.Data {
		t.Errorf("another user under the same hash: %v", err)
	}
}

// What a choice takes of an archive is what it says, judged here by hand.
func TestArchiveChoice(t *testing.T) {
	addr, account := mailbox(t)
	data := archiveOf(t, addr)
	entries := account.Entries()
	raw := func(text string) search.Criteria {
		c, err := search.Skip(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	has := func(e imaptest.Entry, flag string) bool { return slices.Contains(e.Flags, flag) }
	octets := map[string][]byte{}
	for id, b := range exporttest.Read(t, data).Octets {
		octets[id] = b
	}
	holds := func(e imaptest.Entry, text string) bool {
		return bytes.Contains(octets[fmt.Sprint(e.Folder, "/", e.UID)], []byte(text))
	}
	day := func(y, m, d int) search.Date {
		date, err := search.ParseDate(fmt.Sprintf("%04d-%02d-%02d", y, m, d))
		if err != nil {
			t.Fatal(err)
		}
		return date
	}
	cases := []struct {
		name    string
		folders folder.Selection
		choice  export.MessageFilter
		want    func(imaptest.Entry) bool
		skipped func(imaptest.Entry) bool
	}{
		{name: "folder", folders: folder.Selection{Names: []string{"Dated"}}, want: func(e imaptest.Entry) bool { return e.Folder == "Dated" }},
		{name: "unseen", choice: export.MessageFilter{Criteria: exporttest.Parse(t, "UNSEEN")}, want: func(e imaptest.Entry) bool { return !has(e, `\Seen`) }},
		{name: "since", choice: export.MessageFilter{Criteria: search.Since(day(2021, 1, 2))}, want: func(e imaptest.Entry) bool { return !e.InternalDate.Before(exporttest.Arrived.AddDate(1, 0, 0)) }},
		{name: "ages", choice: export.MessageFilter{Criteria: search.MaxAge(time.Hour, exporttest.Arrived.AddDate(2, 0, 0))}, want: func(e imaptest.Entry) bool {
			return !e.InternalDate.Before(exporttest.Arrived.AddDate(2, 0, 0).Add(-time.Hour))
		}},
		{name: "size", choice: export.MessageFilter{Criteria: search.MinSize(1100000)}, want: func(e imaptest.Entry) bool { return e.Size >= 1100000 }},
		{name: "uid", choice: export.MessageFilter{Criteria: exporttest.Parse(t, "UID 2:4,*")}, want: func(e imaptest.Entry) bool {
			last := !slices.ContainsFunc(entries, func(o imaptest.Entry) bool { return o.Folder == e.Folder && o.UID > e.UID })
			return e.UID >= 2 && e.UID <= 4 || last
		}},
		{name: "header", choice: export.MessageFilter{Criteria: exporttest.Parse(t, `FROM "jürgen 3"`)}, want: func(e imaptest.Entry) bool { return holds(e, "J=C3=BCrgen_3") }},
		{name: "late header", choice: export.MessageFilter{Criteria: exporttest.Parse(t, `HEADER Message-ID late@x`)}, want: func(e imaptest.Entry) bool { return holds(e, "<late@x>") }},
		{name: "body of a large message", choice: export.MessageFilter{Criteria: exporttest.Parse(t, `BODY "the needle"`)}, want: func(e imaptest.Entry) bool { return holds(e, "the needle") }},
		{name: "not in the body", folders: folder.Selection{Names: []string{"Dated"}}, choice: export.MessageFilter{Criteria: exporttest.Parse(t, `NOT BODY "needle"`)}, want: func(e imaptest.Entry) bool { return e.Folder == "Dated" && !holds(e, "needle") }},
		{name: "skip", choice: export.MessageFilter{Skip: raw("Subject: s1[0-9]\r\n|needle")}, want: func(e imaptest.Entry) bool {
			return !holds(e, "\r\nSubject: s1") && !holds(e, "needle") || holds(e, "Subject: s1\r\n")
		}, skipped: func(e imaptest.Entry) bool { return true }},
		{name: "skip and search", folders: folder.Selection{Names: []string{"Dated"}}, choice: export.MessageFilter{Criteria: exporttest.Parse(t, "SEEN"), Skip: raw("number 3")}, want: func(e imaptest.Entry) bool {
			return e.Folder == "Dated" && has(e, `\Seen`) && !holds(e, "number 3")
		}, skipped: func(e imaptest.Entry) bool { return has(e, `\Seen`) }},
	}
	for _, c := range cases {
		for _, content := range []stream.Content{stream.Full, stream.Headers} {
			t.Run(fmt.Sprint(c.name, ", ", content), func(t *testing.T) {
				opt := exporttest.Options(t, content)
				opt.Folders, opt.Messages, opt.Filters = c.folders, c.choice, []string{c.name}
				out, err := extractOf(t, fileOf(data), opt)
				if err != nil {
					t.Fatal(err)
				}
				g := exporttest.Read(t, out)
				var want, skipped []string
				left := int64(0)
				for _, e := range entries {
					id := fmt.Sprint(e.Folder, "/", e.UID)
					switch {
					case c.want(e):
						want = append(want, id)
						if content == stream.Full && !bytes.Equal(g.Octets[id], octets[id]) {
							t.Errorf("%s: %d octets, want %d", id, len(g.Octets[id]), len(octets[id]))
						}
					case c.folders.Takes(folder.Candidate{Name: e.Folder, Delimiter: "/"}):
						if left++; c.skipped != nil && c.skipped(e) {
							skipped = append(skipped, id)
						}
					}
				}
				if !slices.Equal(g.Order, want) {
					t.Errorf("%v, want %v", g.Order, want)
				}
				if len(want) == 0 || len(want) == len(entries) {
					t.Error("the case shows nothing")
				}
				if !slices.Equal(g.Skipped, skipped) || g.End.Excluded != left || g.End.Skipped != int64(len(skipped)) {
					t.Errorf("%v skipped, want %v; %+v, want %d left out", g.Skipped, skipped, g.End, left)
				}
				if content == stream.Headers && len(g.Octets) > 0 {
					t.Errorf("%d bodies", len(g.Octets))
				}
			})
		}
	}
}

// A message whose octets are not its own is failed, whatever is chosen: a new
// archive vouches for them.
func TestDamagedMessageInAnArchive(t *testing.T) {
	addr, _ := mailbox(t)
	data := archiveOf(t, addr)
	bad := bytes.Replace(data, []byte("number 7"), []byte("number 8"), 1)   // small
	bad = bytes.Replace(bad, []byte("the needle"), []byte("The needle"), 1) // in the last part of a large one
	g := exporttest.Read(t, data)
	small, large := "", ""
	for id, octets := range g.Octets {
		switch {
		case bytes.Contains(octets, []byte("number 7")):
			small = id
		case bytes.Contains(octets, []byte("the needle")):
			large = id
		}
	}
	for _, criteria := range []string{"BODY number", "BODY needle", "NOT BODY xyz", "TEXT zzzz"} {
		opt := exporttest.Options(t, stream.Full)
		opt.Messages.Criteria = exporttest.Parse(t, criteria)
		out, err := extractOf(t, fileOf(bad), opt)
		if exit.CodeOf(err) != exit.Partial {
			t.Errorf("%s: %v", criteria, err)
		}
		for id, reason := range failedOf(t, out) {
			if reason != stream.ReasonDamaged || id != small && id != large {
				t.Errorf("%s: %s %s", criteria, id, reason)
			}
		}
		if n := len(failedOf(t, out)); n != 2 {
			t.Errorf("%s: %d failed", criteria, n)
		}
	}
	out, err := extractOf(t, fileOf(bad), exporttest.Options(t, stream.Full))
	if exit.CodeOf(err) != exit.Partial || len(failedOf(t, out)) != 2 {
		t.Errorf("without a choice: %v, failed %v", err, failedOf(t, out))
	}
}

// failedOf returns the failed records of a stream whose bodies nobody looks at.
func failedOf(t testing.TB, data []byte) map[string]stream.Reason {
	t.Helper()
	failed := map[string]stream.Reason{}
	for in := stream.NewReader(bytes.NewReader(data), false); ; {
		rec, err := in.Next()
		if err == io.EOF {
			return failed
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := rec.(*stream.Failed); ok {
			failed[fmt.Sprint(f.Folder, "/", f.UID)] = f.Reason
		}
	}
}

// A cut archive is taken as far as it is whole.
func TestCutArchive(t *testing.T) {
	addr, _ := mailbox(t)
	data := archiveOf(t, addr)
	lines := slices.Collect(bytes.Lines(data))
	for n := 0; n < len(lines); n += 1 + len(lines)/25 {
		for _, content := range []stream.Content{stream.Full, stream.Headers} {
			opt := exporttest.Options(t, content)
			opt.Messages.Criteria = exporttest.Parse(t, "NOT BODY zzzz")
			cut := append(bytes.Join(lines[:n], nil), lines[n][:len(lines[n])/2]...)
			out, err := extractOf(t, pipeOf(cut), opt)
			if exit.CodeOf(err) != exit.Data {
				t.Errorf("%d lines: %v", n, err)
			}
			want, got := whole(lines[:n]), whole(slices.Collect(bytes.Lines(out)))
			if content == stream.Headers {
				got = bytes.Count(out, []byte(`{"type":"message"`))
			}
			if got != want {
				t.Errorf("%d lines, %s: %d messages, want %d", n, content, got, want)
			}
		}
	}
}

// whole counts the messages that stand in lines with all their octets.
func whole(lines [][]byte) (n int) {
	for _, l := range lines {
		switch {
		case bytes.HasPrefix(l, []byte(`{"type":"message"`)) && bytes.Contains(l, []byte(`,"body`)), bytes.HasPrefix(l, []byte(`{"type":"body"`)) && bytes.Contains(l, []byte(`"sha256"`)):
			n++
		}
	}
	return n
}

// rewritten passes the records of a stream through change, which may return
// none, and gives them a fitting end.
func rewritten(t testing.TB, data []byte, change func(stream.Record) []stream.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	listed := int64(0)
	for in := stream.NewReader(bytes.NewReader(data), true); ; {
		rec, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range change(rec) {
			switch r := r.(type) {
			case *stream.Message:
				listed++
				err = w.Write(r)
			case *stream.End:
				err = w.End(&stream.End{Listed: listed})
				listed = 0
			case *stream.Abort:
				err = w.Abort(r)
			default:
				err = w.Write(r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A message whose parts ended in a failure when the archive was made is failed
// here as well, and counted once.
func TestArchiveOfAFailure(t *testing.T) {
	addr, _ := mailbox(t)
	taken := ""
	data := rewritten(t, archiveOf(t, addr), func(r stream.Record) []stream.Record {
		b, ok := r.(*stream.Body)
		switch {
		case !ok || b.Folder != "Dated":
			return []stream.Record{r}
		case b.Part == 3:
			taken = fmt.Sprint(b.Folder, "/", b.UID)
			return []stream.Record{&stream.Failed{Folder: b.Folder, UID: b.UID, Reason: stream.ReasonTruncated}}
		case b.Part > 3:
			return nil
		}
		return []stream.Record{r}
	})
	for criteria, wants := range map[string]bool{"ALL": true, "SUBJECT hay": true, "BODY stack": true, "BODY needle": true, "SUBJECT other": false, "UID 1": false} {
		for _, content := range []stream.Content{stream.Full, stream.Headers} {
			opt := exporttest.Options(t, content)
			opt.Messages.Criteria = exporttest.Parse(t, criteria)
			out, err := extractOf(t, fileOf(data), opt)
			if (exit.CodeOf(err) == exit.Partial) != wants {
				t.Errorf("%s, %s: %v", criteria, content, err)
			}
			g := exporttest.Read(t, out)
			if (g.Failed[taken] == stream.ReasonTruncated) != wants || g.End.Listed != g.End.Emitted+g.End.Failed || g.End.Failed > 1 {
				t.Errorf("%s, %s: %v, %+v", criteria, content, g.Failed, g.End)
			}
		}
	}
}

// Flags are those of the last stream, wherever the octets are.
func TestArchiveLaterFlags(t *testing.T) {
	addr, account := mailbox(t)
	first := archiveOf(t, addr)
	account.SetFlags("Dated", 1, `\Seen`, "$Done") // had none
	account.SetFlags("Dated", 2)                   // was \Seen
	second := archiveOf(t, addr)
	onlyFlags := rewritten(t, second, func(r stream.Record) []stream.Record { // as a delta would have it
		switch r := r.(type) {
		case *stream.Message:
			if r.Folder != "Dated" || r.UID > 2 {
				return nil
			}
			r.DropBody()
		case *stream.Body:
			return nil
		}
		return []stream.Record{r}
	})
	for criteria, wants := range map[string][2]bool{"KEYWORD $Done": {true, false}, "UNSEEN UID 1:2": {false, true}, "KEYWORD $Done BODY number": {true, false}, "UID 1:2 UNSEEN BODY number": {false, true}} {
		for name, data := range map[string][]byte{"full": slices.Concat(first, second), "delta": slices.Concat(first, onlyFlags)} {
			opt := exporttest.Options(t, stream.Full)
			opt.Folders.Names = []string{"Dated"}
			opt.Messages.Criteria = exporttest.Parse(t, criteria)
			out, err := extractOf(t, fileOf(data), opt)
			if err != nil {
				t.Fatal(err)
			}
			g := exporttest.Read(t, out)
			for i, want := range wants {
				id := fmt.Sprint("Dated/", i+1)
				if n := strings.Count(strings.Join(g.Order, " ")+" ", id+" "); (n == 2) != want || (n == 0) == want || want && len(g.Octets[id]) == 0 {
					t.Errorf("%s, %s: %s stands %d times, with %d octets", criteria, name, id, n, len(g.Octets[id]))
				}
			}
			if _, err := extractOf(t, pipeOf(data), opt); exit.CodeOf(err) != exit.Usage {
				t.Errorf("%s, %s, pipe: %v", criteria, name, err)
			}
		}
	}
}

// A stream that goes on where another ended says so of what became of that one.
func TestArchiveBase(t *testing.T) {
	addr, _ := mailbox(t)
	first := archiveOf(t, addr)
	hash := endOf(t, first).Hash
	delta := rewritten(t, first, func(r stream.Record) []stream.Record {
		if b, ok := r.(*stream.Begin); ok {
			b.Base = hash
		}
		return []stream.Record{r}
	})
	opt := exporttest.Options(t, stream.Headers)
	opt.Folders.Names = []string{"Dated"}
	out, err := extractOf(t, pipeOf(slices.Concat(first, delta)), opt)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.Index(out[1:], []byte(`{"type":"begin"`)) + 1
	if now := endOf(t, out[:half]).Hash; now == hash || !bytes.Contains(out[half:], []byte(`"base":"`+now+`"`)) {
		t.Errorf("the first ends with %s, the second begins with %.700s", now, out[half:])
	}
}

func endOf(t testing.TB, data []byte) *stream.End {
	t.Helper()
	return exporttest.Read(t, data).End
}

// An abort passes on, and so does its code; a plan is no archive.
func TestArchiveThatStopped(t *testing.T) {
	addr, _ := mailbox(t)
	data := archiveOf(t, addr)
	seen := 0
	stopped := rewritten(t, data, func(r stream.Record) []stream.Record {
		if _, ok := r.(*stream.Message); ok {
			seen++
		}
		switch {
		case seen == 10:
			seen++
			return []stream.Record{&stream.Abort{Command: "imap-fetch", Exit: 69, Text: "away"}}
		case seen > 10:
			return nil
		}
		return []stream.Record{r}
	})
	out, err := extractOf(t, fileOf(stopped), exporttest.Options(t, stream.Full))
	if exit.CodeOf(err) != 69 || !bytes.Equal(out, stopped) {
		t.Errorf("%v, %d octets, want %d", err, len(out), len(stopped))
	}
	alone := []byte(`{"type":"abort","command":"imap-fetch","exit":77,"text":"no"}` + "\n")
	if out, err := extractOf(t, pipeOf(alone), exporttest.Options(t, stream.Full)); exit.CodeOf(err) != 77 || !bytes.Equal(out, alone) {
		t.Errorf("%v: %s", err, out)
	}
	plan := rewritten(t, data, func(r stream.Record) []stream.Record {
		if b, ok := r.(*stream.Begin); ok {
			b.Plan = true
		}
		return []stream.Record{r}
	})
	if _, err := extractOf(t, fileOf(plan), exporttest.Options(t, stream.Full)); exit.CodeOf(err) != exit.Usage {
		t.Errorf("a plan: %v", err)
	}
}

// A stream without bodies can be chosen from by what its records say.
func TestArchiveWithoutBodies(t *testing.T) {
	addr, _ := mailbox(t)
	data, err := exportOf(t, addr, exporttest.Options(t, stream.Headers))
	if err != nil {
		t.Fatal(err)
	}
	full := archiveOf(t, addr)
	for criteria, code := range map[string]exit.Code{
		`FROM "Jürgen 1"`: exit.OK, "SUBJECT s1": exit.OK, "SENTSINCE 1-Jan-2020 FLAGGED": exit.OK, "LARGER 100000": exit.OK,
		"TO joe": exit.Usage, "BODY number": exit.Usage, "TEXT number": exit.Usage,
	} {
		opt := exporttest.Options(t, stream.Full)
		opt.Folders.Names = []string{"Dated"}
		opt.Messages.Criteria = exporttest.Parse(t, criteria)
		got, err := extractOf(t, fileOf(data), opt)
		if exit.CodeOf(err) != code {
			t.Errorf("%s: %v", criteria, err)
		}
		if err != nil {
			continue
		}
		want, err := extractOf(t, fileOf(full), opt)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := exporttest.Read(t, got), exporttest.Read(t, want); !slices.Equal(g.Order, w.Order) || len(w.Order) == 0 || g.End.Excluded != w.End.Excluded {
			t.Errorf("%s: %v, with bodies %v", criteria, g.Order, w.Order)
		}
	}
}

// Whatever is in an archive, nothing breaks: a stream comes out that is whole
// or that says why not.
func TestArchiveWhateverItHolds(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i := range 6 {
		server.Account("joe").AddMessage("INBOX", []string{`\Seen`}[:i%2], exporttest.Arrived, fmt.Appendf(nil, "Subject: s%d\r\n\r\nbody %d", i, i))
		server.Account("joe").AddMessage("Large", nil, exporttest.Arrived, slices.Concat(fmt.Appendf(nil, "Subject: s%d\r\n\r\n", i), bytes.Repeat([]byte("x"), stream.PartSize+i), []byte("needle")[:i]))
	}
	data := archiveOf(t, server.Addr())
	lines := slices.Collect(bytes.Lines(data))
	extra := [][]byte{
		[]byte(`{"type":"failed","folder":"Large","uidvalidity":1002,"uid":3,"reason":"truncated"}` + "\n"), []byte(`{"type":"failed","folder":"Nowhere","reason":"refused"}` + "\n"),
		[]byte(`{"type":"expunged","folder":"INBOX","uidvalidity":1001,"uid":3}` + "\n"), []byte(`{"type":"skipped","folder":"INBOX","uidvalidity":1001,"uid":3,"reason":"content"}` + "\n"),
		[]byte(`{"type":"weather","sky":"blue"}` + "\n"), []byte(`{"type":"abort","command":"x","exit":75,"text":""}` + "\n"), lines[0], lines[len(lines)-1],
	}
	random := rand.New(rand.NewPCG(4711, 2))
	choices := []string{"ALL", "SEEN", "UID 1:3", "SUBJECT s1", "BODY needle", "NOT BODY body", "UID *"}
	for i := range 50 {
		all := slices.Clone(lines)
		if i%3 == 0 {
			all = slices.Concat(lines, lines)
		}
		for range 1 + random.IntN(4) {
			at := random.IntN(len(all))
			switch random.IntN(4) {
			case 0:
				all = slices.Delete(all, at, at+1)
			case 1:
				all = slices.Insert(all, at, extra[random.IntN(len(extra))])
			case 2:
				to := random.IntN(len(all))
				all[at], all[to] = all[to], all[at]
			default:
				all[at] = bytes.Replace(all[at], []byte("x"), []byte("y"), 1)
			}
		}
		broken := bytes.Join(all, nil)
		edited := i%2 == 0
		opt := exporttest.Options(t, []stream.Content{stream.Full, stream.Headers}[random.IntN(2)])
		opt.Warn, opt.Edited = func(string, ...any) {}, edited
		opt.Messages.Criteria = exporttest.Parse(t, choices[random.IntN(len(choices))])
		if random.IntN(3) == 0 {
			opt.Folders.Names = []string{"Large"}
		}
		again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(broken), edited), nil }
		in, _ := again()
		out, err := extractOf(t, &Archive{In: in, Again: again}, opt)
		switch code := exit.CodeOf(err); code {
		case exit.OK, exit.Partial, exit.Temporary:
			r := stream.NewReader(bytes.NewReader(out), false)
			for err = nil; err == nil; {
				_, err = r.Next()
			}
			if err != io.EOF {
				t.Errorf("round %d: what came out is not whole: %v", i, err)
			}
		case exit.Data, exit.Usage:
		default:
			t.Errorf("round %d: %v, code %d", i, err, code)
		}
		selection, _ := again()
		var discard bytes.Buffer
		w := stream.NewWriter(&discard, stream.WriterOptions{})
		if err := RunSelect(fileOf(data), opt, selection, w); !slices.Contains([]exit.Code{exit.OK, exit.Partial, exit.Temporary, exit.Data, exit.Usage}, exit.CodeOf(err)) {
			t.Errorf("round %d, selected: %v", i, err)
		}
		w.Close()
	}
}
