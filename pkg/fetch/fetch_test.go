package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

var arrived = time.Date(2020, 1, 2, 3, 4, 5, 0, time.FixedZone("", 2*3600))

func connection(t testing.TB, addr string) imapconn.Options {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.None, Timeout: 20 * time.Second, MaxWait: 10 * time.Millisecond, Password: func(context.Context) (string, error) { return "secret", nil }}
	conn.Port, _ = strconv.Atoi(port)
	return conn
}

func options(t testing.TB, content stream.Content) Options {
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Tool: "test", Content: content, Recipe: recipe, Warn: t.Logf, Progress: progress.None{}}
}

// exportOf returns the plain stream of an account.
func exportOf(t testing.TB, addr string, opt Options, change ...func(*imapconn.Options)) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	conn := connection(t, addr)
	for _, f := range change {
		f(&conn)
	}
	err := Run(t.Context(), conn, opt, w, nil)
	if closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return out.Bytes(), err
}

// got is what a stream holds, message by message.
type got struct {
	order   []string // folder/uid
	octets  map[string][]byte
	keys    map[string]string
	failed  map[string]stream.Reason
	gone    map[string]bool
	skipped []string
	end     *stream.End
}

func read(t testing.TB, data []byte) *got {
	t.Helper()
	g := &got{octets: map[string][]byte{}, keys: map[string]string{}, failed: map[string]stream.Reason{}, gone: map[string]bool{}}
	r := stream.NewReader(bytes.NewReader(data), false)
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *stream.Message:
			id := fmt.Sprint(rec.Folder, "/", rec.UID)
			g.order = append(g.order, id)
			g.keys[id] = rec.Key
			if rec.HasBody() {
				if g.octets[id], err = rec.AppendBody([]byte{}); err != nil {
					t.Fatal(err)
				}
			}
		case *stream.Body:
			id := fmt.Sprint(rec.Folder, "/", rec.UID)
			if g.octets[id], err = rec.AppendOctets(g.octets[id]); err != nil {
				t.Fatal(err)
			}
			if rec.Part == rec.Parts && imaptest.Sum(g.octets[id]) != rec.SHA256 {
				t.Errorf("%s: the parts are not what the sha256 says", id)
			}
		case *stream.Failed:
			g.failed[fmt.Sprint(rec.Folder, "/", rec.UID)] = rec.Reason
		case *stream.Expunged:
			g.gone[fmt.Sprint(rec.Folder, "/", rec.UID)] = true
		case *stream.Skipped:
			g.skipped = append(g.skipped, fmt.Sprint(rec.Folder, "/", rec.UID))
		case *stream.End:
			g.end = rec
		}
	}
}

// fill puts ugly, large and keyless mail into an account.
func fill(account *imaptest.Account) {
	for _, c := range imaptest.Ugly() {
		account.AddMessage("INBOX", []string{`\Seen`}, arrived, c.Octets)
	}
	line := "a line of a large message, as long as lines are in mail\r\n"
	large := "Message-ID: <large@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\n" + strings.Repeat(line, 9<<20/len(line))
	account.AddMessage("Großes", nil, arrived, []byte(large))
	account.AddMessage("Großes", nil, arrived, []byte(large[:2<<20]))
	account.AddMessage("Großes", nil, arrived, bytes.Repeat([]byte{0xff, 0}, 3<<20)) // no header: the key is the body's
	account.AddMessage("Großes", nil, arrived, []byte(strings.Repeat("X-Filler: x\r\n", 500000)+"Message-ID: <late@x>\r\n\r\nbody"))
}

func TestExportIsWhatTheServerHas(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	fill(account)
	data, err := exportOf(t, server.Addr(), options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	g := read(t, data)
	entries := account.Entries()
	if len(g.order) != len(entries) || g.end.Listed != int64(len(entries)) || g.end.Emitted != g.end.Listed {
		t.Errorf("%d messages, want %d; %+v", len(g.order), len(entries), g.end)
	}
	for _, e := range entries {
		id := fmt.Sprint(e.Folder, "/", e.UID)
		if octets, ok := g.octets[id]; !ok || imaptest.Sum(octets) != e.SHA256 {
			t.Errorf("%s: %d octets, want %d", id, len(octets), e.Size)
		}
	}
	if again, err := exportOf(t, server.Addr(), options(t, stream.Full)); err != nil || !bytes.Equal(again, data) {
		t.Errorf("the same state gave another stream (%v)", err)
	}
	t.Run("headers have the same keys", func(t *testing.T) {
		data, err := exportOf(t, server.Addr(), options(t, stream.Headers))
		if err != nil {
			t.Fatal(err)
		}
		h := read(t, data)
		if len(h.octets) != 0 {
			t.Errorf("%d bodies", len(h.octets))
		}
		for id, key := range g.keys {
			if h.keys[id] != key {
				t.Errorf("%s: key %q without the body, %q with it", id, h.keys[id], key)
			}
		}
	})
}

func TestChosenFolders(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMessage("A", nil, arrived, []byte("Subject: a\r\n\r\n"))
	server.Account("joe").AddMessage("B", nil, arrived, []byte("Subject: b\r\n\r\n"))
	opt := options(t, stream.Full)
	opt.Folders = folder.Selection{Names: []string{"B", "Nowhere"}}
	data, err := exportOf(t, server.Addr(), opt)
	if exit.CodeOf(err) != exit.Partial {
		t.Errorf("%v", err)
	}
	g := read(t, data)
	if len(g.order) != 1 || g.order[0] != "B/1" || g.failed["Nowhere/0"] != stream.ReasonNoFolder {
		t.Errorf("%v, %v", g.order, g.failed)
	}
}

// selectOf runs the second fetch of the straight-through pipeline.
func selectOf(t testing.TB, addr string, data []byte) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	err := RunSelect(t.Context(), connection(t, addr), options(t, stream.Full), stream.NewReader(bytes.NewReader(data), false), w)
	if closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return out.Bytes(), err
}

func TestSelect(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	fill(account)
	data, err := exportOf(t, server.Addr(), options(t, stream.Headers))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("gives every body", func(t *testing.T) {
		out, err := selectOf(t, server.Addr(), data)
		if err != nil {
			t.Fatal(err)
		}
		g := read(t, out)
		for _, e := range account.Entries() {
			id := fmt.Sprint(e.Folder, "/", e.UID)
			if octets, ok := g.octets[id]; !ok || imaptest.Sum(octets) != e.SHA256 {
				t.Errorf("%s: %d octets, want %d", id, len(octets), e.Size)
			}
		}
	})
	t.Run("never a wrong body", func(t *testing.T) {
		account.Expunge("INBOX", 1)
		account.SetUIDValidity("Großes", 4711)
		out, err := selectOf(t, server.Addr(), data)
		if exit.CodeOf(err) != exit.Partial {
			t.Errorf("%v", err)
		}
		g := read(t, out)
		if !g.gone["INBOX/1"] {
			t.Error("what was expunged is not gone")
		}
		for uid := 1; uid <= 4; uid++ {
			if id := fmt.Sprint("Großes/", uid); g.failed[id] != stream.ReasonUIDValidity || g.octets[id] != nil {
				t.Errorf("%s: %s, %d octets", id, g.failed[id], len(g.octets[id]))
			}
		}
		if e := g.end; e.Listed != e.Emitted+e.Expunged+e.Failed {
			t.Errorf("the sum is wrong: %+v", e)
		}
	})
	t.Run("not another message's body", func(t *testing.T) {
		other := imaptest.StartServer(t, imaptest.Options{})
		for i := range 3 {
			other.Account("joe").AddMessage("INBOX", nil, arrived, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\nx", i))
		}
		data, err := exportOf(t, other.Addr(), options(t, stream.Headers))
		if err != nil {
			t.Fatal(err)
		}
		second := imaptest.StartServer(t, imaptest.Options{})
		for i := range 3 {
			second.Account("joe").AddMessage("INBOX", nil, arrived, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\nx", 2-i))
		}
		out, err := selectOf(t, second.Addr(), data)
		g := read(t, out)
		if exit.CodeOf(err) != exit.Partial || len(g.octets) != 1 || g.failed["INBOX/1"] != stream.ReasonKey || g.failed["INBOX/3"] != stream.ReasonKey {
			t.Errorf("%v: %v, %d bodies", err, g.failed, len(g.octets))
		}
	})
}

// portless is a plain stream without what depends on the port of its server.
func portless(data []byte) []byte {
	return regexp.MustCompile(`(?m)"port":\d+,|"hash":"[0-9a-f]+"\}$`).ReplaceAll(data, nil)
}

// The connection breaks again and again; the stream is the same.
func TestBrokenConnections(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	fill(server.Account("joe"))
	want, err := exportOf(t, server.Addr(), options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	places := []int64{700, 5000, 90000, 1 << 20, 5 << 20, 11 << 20}
	if testing.Short() {
		places = places[1:2]
	}
	for _, after := range places {
		proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.HangUpAfter(imaptest.ToClient, after))
		got, err := exportOf(t, proxy.Addr(), options(t, stream.Full))
		if err != nil {
			t.Errorf("cut after %d octets: %v", after, err)
		} else if !bytes.Equal(portless(got), portless(want)) {
			t.Errorf("cut after %d octets: the stream differs", after)
		}
		if proxy.Fired() != 1 {
			t.Errorf("cut after %d octets: fired %d times", after, proxy.Fired())
		}
	}
}
