package faults

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestMemory moves one huge message, and many small ones.
func TestMemory(t *testing.T) {
	t.Parallel()
	size := 80 << 20
	if harness.Long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	account := server.Account("src")
	account.AddMessage("INBOX", nil, harness.Day(0), harness.Huge(size))
	for i, m := range imaptest.GenerateMixed(5, 300) {
		account.AddMessage("Mixed", m.Flags, harness.Day(i), m.Octets)
	}
	want := account.Entries()
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	for _, c := range []string{
		`imap-fetch --headers -o headers $SRC`,
		`imap-fetch -o mail $SRC`,
		`imap-diff -o plan $DST mail`,
		`imap-push $DST plan`,
		`imap-diff --report --equal -o report $DST mail`,
	} {
		n := b.Peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > harness.MaxMemory {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, harness.MaxMemory>>20)
		}
	}
	got := server.Account("dst").Entries()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{}); diff != "" {
		t.Error(harness.Shorten(diff, 1000))
	}
}

// TestMemoryOnDovecot does it with real servers, in the straight-through form.
func TestMemoryOnDovecot(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	src, dst := harness.Real(r, "src"), harness.Real(r, "dst")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: []imaptest.Message{{Octets: harness.Huge(80 << 20), InternalDate: harness.Day(0)}}}}})
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --headers $SRC -o headers && imap-diff $DST -o plan headers`).Wants(0)
	for _, c := range []string{`imap-fetch --select plan -o mail $SRC`, `imap-push $DST mail`} {
		n := b.Peak(c)
		t.Logf("%d MiB: %s", n>>20, c)
		if n > harness.MaxMemory {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, harness.MaxMemory>>20)
		}
	}
	harness.Equal(t, src, dst)
}

// manifest makes a stream without bodies: n messages in a few folders, with
// keys of their own from the first on.
func manifest(t *testing.T, first, n int) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	var out, frame []byte
	sum, records := sha256.New(), 0
	write := func(format string, args ...any) {
		start := len(frame)
		frame = fmt.Appendf(frame, format+"\n", args...)
		sum.Write(frame[start:])
		if records++; len(frame) > 2<<20 {
			out, frame = enc.EncodeAll(frame, out), frame[:0]
		}
	}
	const folders = 3
	write(`{"type":"begin","format":"imap-stream","version":1,"tool":"test","content":"headers","plan":false,"user":"joe","host":"old.example","key":"message-id,date","filters":[],"labels":{}}`)
	for f := range folders {
		write(`{"type":"folder","name":"Folder %d","delimiter":"/","attributes":[],"subscribed":true,"uidvalidity":%d,"uidnext":%d,"messages":%d}`, f, f+7, n+1, n/folders)
	}
	octets := 0
	for i := range n {
		key := sha256.Sum256(fmt.Append(nil, first+i))
		size := 1000 + i%100_000
		octets += size
		write(`{"type":"message","folder":"Folder %d","uidvalidity":%d,"uid":%d,"key":"recipe:%x","flags":["\\Seen"],"internaldate":"%s","size":%d,"received":"%x","header":{"Message-ID":"<%x@example.net>","Date":"Mon, 01 Jan 2007 00:02:38 +0000","Subject":"No %d"}}`,
			i*folders/n, i*folders/n+7, i+1, key[:16], harness.Day(i%9000).Format(time.RFC3339), size, key[:8], key[16:], i)
	}
	frame = fmt.Appendf(frame, `{"type":"end","listed":%d,"emitted":%d,"expunged":0,"failed":0,"folders_failed":0,"octets":%d,"records":%d,"hash":"%x"}`+"\n", n, n, octets, records, sum.Sum(nil))
	return enc.EncodeAll(frame, out)
}

// oneFrame packs a stream into one frame.
func oneFrame(t *testing.T, stream []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestMemoryOfIndex compares streams of many messages: 64 MiB, and 64 octets
// for each message of the destination.
func TestMemoryOfIndex(t *testing.T) {
	t.Parallel()
	messages := harness.Rounds(120_000, 400_000)
	b := harness.NewShell(t)
	b.Write("monday", manifest(t, 0, messages))
	b.Write("other", manifest(t, messages, messages))
	for _, name := range []string{"monday", "other"} { // as zstd(1) packs them
		b.Write(name+"-one", oneFrame(t, b.Read(name)))
	}
	for _, c := range harness.SomeOf(t, 2, [][]string{
		{`imap-diff -o plan monday monday`},
		{`cat monday`, `imap-diff -o plan - monday`},
		{`imap-diff -o plan monday other`},
		{`cat monday`, `imap-diff -o plan - other`},
		{`imap-diff -o plan monday-one other-one`},
		{`imap-diff --report --format ndjson -o report monday other`},
	}) {
		n := b.Peak(c...)
		t.Logf("%d MiB: %s", n>>20, c)
		if limit := int64(harness.MaxMemory + 64*messages); n > limit {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, limit>>20)
		}
	}
}

// TestMemoryOfAccountIndex does it with an account.
func TestMemoryOfAccountIndex(t *testing.T) {
	t.Parallel()
	messages := harness.Rounds(100_000, 300_000)
	server := imaptest.StartServer(t, imaptest.Options{})
	for i := range messages {
		server.Account("dst").AddMessage("INBOX", nil, harness.Day(0).Add(time.Duration(i)*time.Second), fmt.Appendf(nil, "Message-ID: <%d@example.net>\r\nDate: Mon, 01 Jan 2007 00:02:38 +0000\r\n\r\nx\r\n", i))
	}
	b := harness.Between(t, harness.Embedded(server, "dst"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch --headers -o source $SRC`).Wants(0)
	n := b.Peak(`imap-diff -o plan $DST source`)
	if limit := int64(harness.MaxMemory + 64*messages); n > limit {
		t.Errorf("%d MiB, at most %d", n>>20, limit>>20)
	}
	t.Logf("%d MiB", n>>20)
}

// TestMemoryOfIdentity: what else imap-diff remembers of messages takes about as
// much again.
func TestMemoryOfIdentity(t *testing.T) {
	t.Parallel()
	messages := harness.Rounds(100_000, 200_000)
	b := harness.NewShell(t)
	b.Write("monday", manifest(t, 0, messages))
	b.Write("other", manifest(t, messages, messages))
	receipts := []byte(`{"type":"begin","format":"imap-receipts","version":1,"source":{"user":"joe","host":"old.example"},"destination":{"user":"joe","host":"old.example"}}` + "\n")
	for i := range messages {
		f := i * 3 / messages
		receipts = fmt.Appendf(receipts, `{"type":"receipt","result":"appended","folder":"Folder %d","uidvalidity":%d,"uid":%d,"target":"Folder %d","target_uidvalidity":%d,"target_uid":%d,"time":""}`+"\n", f, f+7, i+1, f, f+7, i+1)
	}
	b.Write("receipts", receipts)
	for _, c := range harness.SomeOf(t, 3, [][]string{
		{`imap-diff --dedup account --dedup folder -o plan monday monday`},
		{`cat monday`, `imap-diff --dedup account -o plan - other`},
		{`imap-diff --match account -o plan monday other`},
		{`imap-diff --receipts receipts -o plan monday other`},
		{`imap-diff --receipts receipts -o plan monday monday`},
	}) {
		n := b.Peak(c...)
		t.Logf("%d MiB: %s", n>>20, c)
		if limit := int64(harness.MaxMemory + 2*64*messages); n > limit {
			t.Errorf("%s: %d MiB, at most %d", c, n>>20, limit>>20)
		}
	}
}
