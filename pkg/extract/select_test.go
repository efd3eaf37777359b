package extract

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func selectFrom(t testing.TB, a *Archive, selection []byte) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	err := RunSelect(a, exporttest.Options(t, stream.Full), stream.NewReader(bytes.NewReader(selection), false), w)
	if closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return out.Bytes(), err
}

// A selection gets its bodies from a file as it would from the account.
func TestSelectFromAnArchive(t *testing.T) {
	addr, account := mailbox(t)
	headers, err := exportOf(t, addr, exporttest.Options(t, stream.Headers))
	if err != nil {
		t.Fatal(err)
	}
	data := archiveOf(t, addr)
	want, err := selectOf(t, addr, headers)
	if err != nil {
		t.Fatal(err)
	}
	odd := rewritten(t, headers, func(r stream.Record) []stream.Record {
		if m, ok := r.(*stream.Message); ok && m.UID%2 == 0 {
			return nil
		}
		return []stream.Record{r}
	})
	wantOdd, err := selectOf(t, addr, odd)
	if err != nil {
		t.Fatal(err)
	}
	half := func(keep bool) []byte { // a full stream and a later one
		return rewritten(t, data, func(r stream.Record) []stream.Record {
			last := false
			switch r := r.(type) {
			case *stream.Message:
				last = r.UID > 5
			case *stream.Body:
				last = r.UID > 5
			default:
				return []stream.Record{r}
			}
			if last != keep {
				return nil
			}
			return []stream.Record{r}
		})
	}
	joined := slices.Concat(half(false), half(true))
	for name, c := range map[string]struct {
		archive         *Archive
		selection, want []byte
	}{
		"all, file": {fileOf(data), headers, want}, "all, pipe": {pipeOf(data), headers, want},
		"odd, file": {fileOf(data), odd, wantOdd}, "odd, pipe": {pipeOf(data), odd, wantOdd},
		"two streams": {fileOf(joined), headers, want}, "the archive itself": {fileOf(data), data, data},
		"twice": {fileOf(data), slices.Concat(headers, odd), slices.Concat(want, wantOdd)},
	} {
		got, err := selectFrom(t, c.archive, c.selection)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %v, %d octets, want %d", name, err, len(got), len(c.want))
		}
	}
	if _, err := selectFrom(t, pipeOf(joined), headers); exit.CodeOf(err) != exit.Usage {
		t.Errorf("another order in a pipe: %v", err)
	}

	t.Run("never a wrong body", func(t *testing.T) {
		last := account.AddMessage("Dated", nil, exporttest.Arrived, []byte("Message-ID: <new@x>\r\n\r\nnew"))
		changed, err := exportOf(t, addr, exporttest.Options(t, stream.Headers))
		if err != nil {
			t.Fatal(err)
		}
		changed = rewritten(t, changed, func(r stream.Record) []stream.Record {
			switch r := r.(type) {
			case *stream.Folder:
				if r.Name == "INBOX" {
					r.UIDValidity += 7
				}
			case *stream.Message:
				if r.Folder == "INBOX" {
					r.UIDValidity += 7
				}
				if r.Folder == "Dated" && r.UID == 3 {
					r.Key = "recipe:00000000000000000000000000000000"
				}
			}
			return []stream.Record{r}
		})
		out, err := selectFrom(t, fileOf(data), changed)
		if exit.CodeOf(err) != exit.Partial {
			t.Error(err)
		}
		g := exporttest.Read(t, out)
		for id, reason := range map[string]stream.Reason{"INBOX/1": stream.ReasonUIDValidity, "Dated/3": stream.ReasonKey, fmt.Sprint("Dated/", last): stream.ReasonNotReturned} {
			if g.Failed[id] != reason || g.Octets[id] != nil {
				t.Errorf("%s: %q, want %q", id, g.Failed[id], reason)
			}
		}
		if g.End.Listed != g.End.Emitted+g.End.Failed || g.End.Emitted == 0 {
			t.Errorf("%+v", g.End)
		}
	})
	t.Run("another account", func(t *testing.T) {
		as := func(data []byte, user string) []byte {
			return rewritten(t, data, func(r stream.Record) []stream.Record {
				if b, ok := r.(*stream.Begin); ok {
					b.User = user
				}
				return []stream.Record{r}
			})
		}
		lied := rewritten(t, as(data, "ann"), func(r stream.Record) []stream.Record {
			if m, ok := r.(*stream.Message); ok && m.Parts == 0 {
				m = m.Clone()
				m.SetBody([]byte("another body under the same key"))
				return []stream.Record{m}
			}
			return []stream.Record{r}
		})
		if got, err := selectFrom(t, fileOf(slices.Concat(lied, data)), headers); err != nil || !bytes.Equal(got, want) {
			t.Errorf("two accounts: %v, %d octets, want %d", err, len(got), len(want))
		}
		if got, err := selectFrom(t, fileOf(as(data, "ann")), headers); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the account by another name: %v, %d octets, want %d", err, len(got), len(want))
		}
		for name, a := range map[string]*Archive{"a pipe": pipeOf(as(data, "ann")), "two of others": fileOf(slices.Concat(as(data, "ann"), as(data, "bob")))} {
			if _, err := selectFrom(t, a, headers); exit.CodeOf(err) != exit.Usage {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("a cut archive", func(t *testing.T) {
		out, err := selectFrom(t, fileOf(data[:len(data)/2]), headers)
		if exit.CodeOf(err) != exit.Data || whole(slices.Collect(bytes.Lines(out))) == 0 {
			t.Errorf("%v, %d octets", err, len(out))
		}
	})
}
