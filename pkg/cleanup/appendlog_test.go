package cleanup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// octetsOf is the sha256 of the message with a UID at the destination.
func octetsOf(uid uint64) string { return fmt.Sprintf("%064x", sha256.Sum256(fmt.Append(nil, uid))) }

// One message of the destination stands for one of the source, whatever
// receipts say, and only under its own UID and UIDVALIDITY.
func TestConfirm(t *testing.T) {
	const key = "recipe:0123456789abcdef0123456789abcdef"
	shown := func(uids ...uint64) *diff.Archive {
		var out bytes.Buffer
		w := stream.NewWriter(&out, stream.WriterOptions{Level: frame.None})
		records := []stream.Record{
			&stream.Begin{Content: stream.Headers, User: "joe", Host: "new", Key: headerkey.Default, Delimiter: "/"},
			&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 7, UIDNext: 100, Octets: -1},
		}
		for _, uid := range uids {
			records = append(records, &stream.Message{Folder: "INBOX", UIDValidity: 7, UID: uid, Key: key,
				InternalDate: "2020-01-02T03:04:05Z", SHA256: octetsOf(uid)})
		}
		for _, r := range records {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		recipe, err := headerkey.ParseRecipe(headerkey.Default)
		a := diff.NewArchive(stream.NewReader(&out, false), nil)
		if err := errors.Join(err, w.End(&stream.End{Listed: int64(len(uids))}), w.Close(), a.Open(recipe)); err != nil {
			t.Fatal(err)
		}
		return a
	}
	told := func(folder string, uid, target jsonnum.Uint64) receipt.Receipt {
		return receipt.Receipt{Result: receipt.Appended, Folder: folder, UIDValidity: 3, UID: uid, Key: key,
			Target: "INBOX", TargetUIDValidity: 7, TargetUID: target}
	}
	sent := func(uid, as jsonnum.Uint64) receipt.Receipt {
		r := told("A", uid, 0)
		r.SentSHA256 = octetsOf(uint64(as))
		return r
	}
	with := func(r receipt.Receipt, change func(*receipt.Receipt)) receipt.Receipt {
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		dest     *diff.Archive
		receipts []receipt.Receipt
		want     int // messages of the source that are confirmed
	}{
		"one":                  {shown(5), []receipt.Receipt{told("A", 1, 5)}, 1},
		"one, told twice":      {shown(5), []receipt.Receipt{told("A", 1, 5), told("A", 1, 5)}, 1},
		"two for one":          {shown(5), []receipt.Receipt{told("A", 1, 5), told("A", 2, 5)}, 1},
		"two folders' for one": {shown(5), []receipt.Receipt{told("A", 1, 5), told("B", 1, 5)}, 1},
		"pushed again":         {shown(9), []receipt.Receipt{told("A", 1, 5), told("A", 1, 9)}, 1},
		"another UID":          {shown(6), []receipt.Receipt{told("A", 1, 5)}, 0},
		"another UIDVALIDITY": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.TargetUIDValidity = 8 })}, 0},
		"another folder": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Target = "Other" })}, 0},
		"another key": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Key = "recipe:00000000000000000000000000000000" })}, 0},
		"no key": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Key = "" })}, 0},
		"sent with another key": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Key, r.SentKey = "recipe:00000000000000000000000000000000", key })}, 1},
		"sent with a key not there": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.SentKey = "recipe:00000000000000000000000000000000" })}, 0},
		"rejected": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Result = receipt.Rejected })}, 0},
		"found to be there": {shown(5), []receipt.Receipt{with(told("A", 1, 5),
			func(r *receipt.Receipt) { r.Result = receipt.Present })}, 0},
		"said to be there": {shown(5), []receipt.Receipt{with(told("A", 1, 0),
			func(r *receipt.Receipt) { r.Result = receipt.Present })}, 0},
		"without UIDs, by key alone":   {shown(5, 6), []receipt.Receipt{told("A", 1, 0), told("A", 2, 0)}, 0},
		"without UIDs, by octets":      {shown(5, 6), []receipt.Receipt{sent(1, 5), sent(2, 6)}, 2},
		"without UIDs, a stranger":     {shown(5, 6), []receipt.Receipt{sent(1, 5), sent(2, 7)}, 1},
		"more without UIDs than there": {shown(5), []receipt.Receipt{sent(1, 5), sent(2, 5)}, 1},
		"with and without":             {shown(5), []receipt.Receipt{sent(2, 5), told("A", 1, 5)}, 1},
	} {
		d := &appendLog{created: map[string]bool{}, numbers: map[string]uint32{}}
		for i := range c.receipts {
			d.add(&c.receipts[i])
		}
		if err := d.confirm(c.dest); err != nil {
			t.Fatal(err)
		}
		if d.sort(atSource); len(d.all) != c.want {
			t.Errorf("%s: %d are confirmed, want %d", name, len(d.all), c.want)
		}
	}
}

// Whatever receipt tells that the source may not have a message any more, its copy is
// the only one.
func TestTakeMoved(t *testing.T) {
	const (
		begin = `{"type":"begin","format":"imap-receipts","version":1,` +
			`"source":{"user":"joe","host":"%s"},"destination":{"user":"joe","host":"%s"}%s}`
		carried = `{"type":"receipt","result":"appended","folder":"INBOX","uidvalidity":3,"uid":1,` +
			`"key":"recipe:0123456789abcdef0123456789abcdef","target":"INBOX","target_uidvalidity":7,"target_uid":5}`
		at = `"target":"INBOX","target_uidvalidity":3,"target_uid":1`
	)
	old, new := account.Account{User: "joe", Host: "old"}, account.Account{User: "joe", Host: "new"}
	for answer, want := range map[string]int{
		`{"type":"receipt","result":"deleted",` + at + `}`:                                1,
		`{"type":"receipt","result":"expunged",` + at + `}`:                               1,
		`{"type":"receipt","result":"failed","reason":"in-doubt",` + at + `}`:             1,
		`{"type":"receipt","result":"failed","reason":"removed-too",` + at + `}`:          1,
		`{"type":"receipt","result":"removed","target":"INBOX","target_uidvalidity":3}`:   1,
		`{"type":"deleting","target":"INBOX","target_uidvalidity":3,"target_uids":[2,1]}`: 1,
		`{"type":"deleting","target":"INBOX","target_uidvalidity":3,"target_uids":[2]}`:   0,
		`{"type":"deleting","target":"INBOX","target_uidvalidity":3}`:                     1,
		`{"type":"deleting","target":"INBOX","target_uidvalidity":4}`:                     0,
		`{"type":"receipt","result":"skipped","reason":"blocked",` + at + `}`:             0,
		`{"type":"receipt","result":"expunged","folder":"INBOX","uid":9,` + at + `}`:      0, // of the source of that run
		`{"type":"receipt","result":"expunged",` + strings.Replace(at, "3", "4", 1) + `}`: 0,
	} {
		for dry, want := range map[string]int{"": want, `,"dry_run":true`: 0} {
			receipts := fmt.Sprintf(begin+"\n"+carried+"\n"+begin+"\n"+answer+"\n", "old", "new", "", "new", "old", dry)
			d, err := readAppendLog(strings.NewReader(receipts), &old, new)
			if err != nil {
				t.Fatal(err)
			}
			if moved := d.takeMoved(); len(moved) != want || len(d.all) != 1-want {
				t.Errorf("%s%s: %d are moved, want %d", answer, dry, len(moved), want)
			}
		}
	}
}
