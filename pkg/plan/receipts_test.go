package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// said writes the receipts of a run from joe@old to joe@new.
func said(t testing.TB, edit func(*receipt.Begin), all ...receipt.Receipt) string {
	t.Helper()
	begin := receipt.Begin{Type: receipt.TypeBegin, Format: receipt.Format, Version: 1,
		Source: account.Account{User: "joe", Host: "old"}, Destination: account.Account{User: "joe", Host: "new"}}
	if edit != nil {
		edit(&begin)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	must(t, enc.Encode(begin))
	for _, x := range all {
		x.Type = receipt.TypeReceipt
		must(t, enc.Encode(x))
	}
	return out.String()
}

// went is the receipt of a message that went from INBOX to INBOX.
func went(uid, landed jsonnum.Uint64) receipt.Receipt {
	return receipt.Receipt{Result: receipt.Appended, Folder: "INBOX", UIDValidity: 1, UID: uid, Target: "INBOX",
		TargetUIDValidity: 9, TargetUID: landed}
}

// planBy returns what is planned beside receipts.
func planBy(t testing.TB, source []mail, dest diff.Destination, pipe bool, receipts string) ([]string, error) {
	t.Helper()
	data := export(t, source, stream.Full)
	again := func() (*stream.Reader, error) { return stream.NewReader(bytes.NewReader(data), false), nil }
	if pipe {
		again = nil
	}
	opt := Options{Options: diff.Options{Warn: t.Logf, Progress: progress.None{}}}
	opt.Receipts = &diff.Receipts{Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(receipts)),
			nil
	}}
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	_, err := Run(t.Context(), opt, stream.NewReader(bytes.NewReader(data), false), again, dest, w)
	must(t, w.Close())
	var octets []string
	r := stream.NewReader(&out, false)
	for {
		rec, readErr := r.Next()
		if readErr != nil {
			if readErr != io.EOF && err == nil {
				t.Fatal(readErr)
			}
			return octets, err
		}
		if m, ok := rec.(*stream.Message); ok {
			body, err := m.AppendBody(nil)
			must(t, err)
			octets = append(octets, string(body))
		}
	}
}

// What a receipt names is present while it is there, whatever its key is now.
func TestReceiptsNameWhatIsThere(t *testing.T) {
	source := universe
	all := []receipt.Receipt{}
	var there []mail
	for i, m := range source {
		there = append(there, mail{"rewritten " + m.key + fmt.Sprint(i), "X" + m.octets, 40, "other"})
		all = append(all, went(jsonnum.Uint64(i+1), jsonnum.Uint64(i+1)))
	}
	other := func(edit func(*receipt.Receipt)) string {
		list := make([]receipt.Receipt, len(all))
		for i, x := range all {
			edit(&x)
			list[i] = x
		}
		return said(t, nil, list...)
	}
	stale := went(1, 3)
	stale.TargetUIDValidity = 8
	for name, c := range map[string]struct {
		receipts string
		there    []mail
		want     []mail
	}{
		"none":                      {"", there, source},
		"all":                       {said(t, nil, all...), there, nil},
		"killed":                    {said(t, nil, all...) + `{"type":"rec`, there, nil},
		"all but one":               {said(t, nil, all[1:]...), there, source[:1]},
		"the last is gone":          {said(t, nil, all...), there[:6], source[6:]},
		"everything is gone":        {said(t, nil, all...), nil, source},
		"a rehearsal":               {said(t, func(b *receipt.Begin) { b.DryRun = true }, all...), there, source},
		"of another source":         {said(t, func(b *receipt.Begin) { b.Source.User = "ann" }, all...), there, source},
		"to another destination":    {said(t, func(b *receipt.Begin) { b.Destination.Host = "x" }, all...), there, source},
		"another UIDVALIDITY here":  {other(func(x *receipt.Receipt) { x.UIDValidity = 2 }), there, source},
		"another UIDVALIDITY there": {other(func(x *receipt.Receipt) { x.TargetUIDValidity = 8 }), there, source},
		"another folder there":      {other(func(x *receipt.Receipt) { x.Target = "Sent" }), there, source},
		"another folder here":       {other(func(x *receipt.Receipt) { x.Folder = "Sent" }), there, source},
		"rejected":                  {other(func(x *receipt.Receipt) { x.Result = receipt.Rejected }), there, source},
		"present": {other(func(x *receipt.Receipt) { x.Result, x.Key = receipt.Present, "recipe:00" }),
			there, nil},
		"no UIDPLUS": {other(func(x *receipt.Receipt) { x.TargetUID, x.TargetUIDValidity = 0, 0 }), there,
			source},
		"a later run says another UID": {said(t, nil,
			append([]receipt.Receipt{went(1, 100), went(2, 1)}, append(all, went(2, 2))...)...), there, nil},
		"an old one names another's": {said(t, nil, append([]receipt.Receipt{stale}, all[1:]...)...), there, source[:1]},
		"two name one":               {said(t, nil, went(1, 1), went(2, 1)), there, source[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pipe := range []bool{false, true} {
				got, err := planBy(t, source, &model{mails: c.there}, pipe, c.receipts)
				must(t, err)
				check(t, fmt.Sprint("pipe ", pipe), got, c.want)
			}
		})
	}
}

// The receipt of a change of flags names a message that imap-diff has paired by its
// look. It may be another one.
func TestFlagsAreNoProof(t *testing.T) {
	x, y := mail{"k", "aa", 1, "r"}, mail{"k", "bb", 1, "r"}
	for _, result := range []receipt.Result{receipt.Flagged, receipt.Present} {
		flags := went(1, 1)
		flags.Result = result
		for _, pipe := range []bool{false, true} {
			got, err := planBy(t, []mail{x, y}, &model{mails: []mail{y}}, pipe, said(t, nil, flags))
			must(t, err)
			check(t, fmt.Sprint("the second is there, pipe ", pipe), got, []mail{x})
		}
	}
}

// A message is kept for the one that its receipt names, as long as that one is
// there to have it.
func TestReservedForTheRightful(t *testing.T) {
	x, y := mail{"k", "aa", 1, "r"}, mail{"k", "bb", 1, "r"}
	for _, pipe := range []bool{false, true} {
		got, err := planBy(t, []mail{x, y}, &model{mails: []mail{y}}, pipe, said(t, nil, went(2, 1)))
		must(t, err)
		check(t, "the second is there", got, []mail{x})
		got, err = planBy(t, []mail{x}, &model{mails: []mail{x}}, pipe, said(t, nil, went(7, 1)))
		must(t, err)
		check(t, "the named one is gone here", got, nil)
	}
}

// Receipts that are none end the run before anything is planned.
func TestDamagedReceipts(t *testing.T) {
	for _, text := range []string{"hello\n", said(t, nil, went(1, 1)) + "x\n" + said(t, nil)} {
		if got, err := planBy(t, universe, &model{}, false, text); exit.CodeOf(err) != exit.Data || len(got) > 0 {
			t.Errorf("planned %v, %v", got, err)
		}
	}
}

// A message that receipts know and whose parts do not all come is counted once.
func TestCarriedAndBroken(t *testing.T) {
	source := shelves(t, shelf{"INBOX", []mail{{"l", "large!", 2, ""}, {"k", "aa", 1, ""}}})
	for _, pipe := range []bool{false, true} {
		dest := &model{mails: []mail{{"l", "rewritten", 2, ""}, {"k", "aa", 1, ""}}}
		opt := Options{}
		opt.Receipts = &diff.Receipts{Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(said(t, nil, went(1, 1)))), nil
		}}
		got, end := fates(t, opt, source, dest, pipe)
		if strings.Join(got, ",") != "!INBOX 1" || end.Listed != 2 || end.Present != 1 || end.Failed != 1 {
			t.Errorf("pipe %v: %q, %+v", pipe, got, end)
		}
	}
}

// recorded returns the receipts that a run writes of what is there.
func recorded(t testing.TB, source []mail, dest diff.Destination, pipe bool) string {
	t.Helper()
	var out bytes.Buffer
	fates(t, Options{WriteReceipts: &out}, export(t, source, stream.Full), dest, pipe)
	return out.String()
}

// What is there was paired by its look. Its receipts never make a message count as
// there that is not, and one that is there as missing, when one of those that look
// alike has gone, or has come later. They hold where a server has changed a message
// that nothing else could be.
func TestRecordsArePairedByLook(t *testing.T) {
	x, y, other := mail{"k", "aa", 1, "r"}, mail{"k", "bb", 1, "r"}, mail{"l", "cc", 1, "r"}
	rewritten := func(m mail) mail { return mail{"rewritten " + m.key, "X" + m.octets, m.date, m.received} }
	for name, c := range map[string]struct {
		source, dest   []mail // when receipts were written
		later, laterAt []mail
		want           []mail
	}{
		"nothing has changed": {[]mail{x, y, other}, []mail{y, x, other}, []mail{x, y, other}, []mail{y, x, other},
			nil},
		"the second is gone":           {[]mail{x, y}, []mail{y, x}, []mail{x, y}, []mail{y}, []mail{x}},
		"the rightful one comes later": {[]mail{x}, []mail{y}, []mail{x, y}, []mail{y}, []mail{x}},
		"rewritten": {[]mail{x, other}, []mail{x, other}, []mail{x, other},
			[]mail{rewritten(x), rewritten(other)}, nil},
		"rewritten, and one is gone": {[]mail{x, y}, []mail{y, x}, []mail{x, y}, []mail{rewritten(y)}, []mail{x, y}},
		"equal ones are rewritten":   {[]mail{x, x}, []mail{x, x}, []mail{x, x}, []mail{rewritten(x), rewritten(x)}, nil},
	} {
		for _, pipe := range []bool{false, true} {
			receipts := recorded(t, c.source, &model{mails: c.dest}, pipe)
			got, err := planBy(t, c.later, &model{mails: c.laterAt}, pipe, receipts)
			must(t, err)
			t.Run(fmt.Sprint(name, ", pipe ", pipe), func(t *testing.T) { check(t, "", got, c.want) })
		}
	}
}
