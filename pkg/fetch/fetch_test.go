package fetch

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func options(t testing.TB, content stream.Content) Options {
	return Options{Options: exporttest.Options(t, content)}
}

// exportOf returns the plain stream of an account.
func exportOf(t testing.TB, addr string, opt Options, change ...func(*imapconn.Options)) ([]byte, error) {
	t.Helper()
	conn := exporttest.Connection(t, addr)
	for _, f := range change {
		f(&conn)
	}
	return exporttest.Plain(t, func(w *stream.Writer) error { return Run(t.Context(), conn, opt, w, nil) })
}

// fill puts ugly, large and keyless mail into an account.
func fill(account *imaptest.Account) {
	for _, c := range imaptest.Ugly() {
		account.AddMessage("INBOX", []string{`\Seen`}, exporttest.Arrived, c.Octets)
	}
	line := "a line of a large message, as long as lines are in mail\r\n"
	large := "Message-ID: <large@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\n" + strings.Repeat(line, 9<<20/len(line))
	account.AddMessage("Großes", nil, exporttest.Arrived, []byte(large))
	account.AddMessage("Großes", nil, exporttest.Arrived, []byte(large[:2<<20]))
	account.AddMessage("Großes", nil, exporttest.Arrived, bytes.Repeat([]byte{0xff, 0}, 3<<20)) // no header: the key is the body's
	account.AddMessage("Großes", nil, exporttest.Arrived, []byte(strings.Repeat("X-Filler: x\r\n", 500000)+"Message-ID: <late@x>\r\n\r\nbody"))
}

func TestExportIsWhatTheServerHas(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	fill(account)
	data, err := exportOf(t, server.Addr(), options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	g := exporttest.Read(t, data)
	entries := account.Entries()
	if len(g.Order) != len(entries) || g.End.Listed != int64(len(entries)) || g.End.Emitted != g.End.Listed {
		t.Errorf("%d messages, want %d; %+v", len(g.Order), len(entries), g.End)
	}
	for _, e := range entries {
		id := fmt.Sprint(e.Folder, "/", e.UID)
		if octets, ok := g.Octets[id]; !ok || imaptest.Sum(octets) != e.SHA256 {
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
		h := exporttest.Read(t, data)
		if len(h.Octets) != 0 {
			t.Errorf("%d bodies", len(h.Octets))
		}
		for id, key := range g.Keys {
			if h.Keys[id] != key {
				t.Errorf("%s: key %q without the body, %q with it", id, h.Keys[id], key)
			}
		}
	})
}

func TestChosenFolders(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMessage("A", nil, exporttest.Arrived, []byte("Subject: a\r\n\r\n"))
	server.Account("joe").AddMessage("B", nil, exporttest.Arrived, []byte("Subject: b\r\n\r\n"))
	opt := options(t, stream.Full)
	opt.Folders = folder.Selection{Names: []string{"B", "Nowhere"}}
	data, err := exportOf(t, server.Addr(), opt)
	if exit.CodeOf(err) != exit.Partial {
		t.Errorf("%v", err)
	}
	g := exporttest.Read(t, data)
	if len(g.Order) != 1 || g.Order[0] != "B/1" || g.Failed["Nowhere/0"] != stream.ReasonNoFolder {
		t.Errorf("%v, %v", g.Order, g.Failed)
	}
}

// selectOf runs the second fetch of the straight-through pipeline.
func selectOf(t testing.TB, addr string, data []byte) ([]byte, error) {
	t.Helper()
	return exporttest.Plain(t, func(w *stream.Writer) error {
		in := stream.NewReader(bytes.NewReader(data), false)
		return RunSelect(t.Context(), exporttest.Connection(t, addr), options(t, stream.Full), in, w)
	})
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
		g := exporttest.Read(t, out)
		for _, e := range account.Entries() {
			id := fmt.Sprint(e.Folder, "/", e.UID)
			if octets, ok := g.Octets[id]; !ok || imaptest.Sum(octets) != e.SHA256 {
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
		g := exporttest.Read(t, out)
		if !g.Expunged["INBOX/1"] {
			t.Error("what was expunged is not gone")
		}
		for uid := 1; uid <= 4; uid++ {
			if id := fmt.Sprint("Großes/", uid); g.Failed[id] != stream.ReasonUIDValidity || g.Octets[id] != nil {
				t.Errorf("%s: %s, %d octets", id, g.Failed[id], len(g.Octets[id]))
			}
		}
		if e := g.End; e.Listed != e.Emitted+e.Expunged+e.Failed {
			t.Errorf("the sum is wrong: %+v", e)
		}
	})
	t.Run("not another message's body", func(t *testing.T) {
		other := imaptest.StartServer(t, imaptest.Options{})
		for i := range 3 {
			other.Account("joe").AddMessage("INBOX", nil, exporttest.Arrived, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\nx", i))
		}
		data, err := exportOf(t, other.Addr(), options(t, stream.Headers))
		if err != nil {
			t.Fatal(err)
		}
		second := imaptest.StartServer(t, imaptest.Options{})
		for i := range 3 {
			second.Account("joe").AddMessage("INBOX", nil, exporttest.Arrived, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\nx", 2-i))
		}
		out, err := selectOf(t, second.Addr(), data)
		g := exporttest.Read(t, out)
		if exit.CodeOf(err) != exit.Partial || len(g.Octets) != 1 || g.Failed["INBOX/1"] != stream.ReasonKey || g.Failed["INBOX/3"] != stream.ReasonKey {
			t.Errorf("%v: %v, %d bodies", err, g.Failed, len(g.Octets))
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
