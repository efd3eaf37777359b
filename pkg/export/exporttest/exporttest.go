// Package exporttest helps to test the exports of accounts and archives.
package exporttest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Arrived is when the first message of an account came.
var Arrived = time.Date(2020, 1, 2, 3, 4, 5, 0, time.FixedZone("", 2*3600))

// Options exports the given content, and logs warnings.
func Options(t testing.TB, content stream.Content) export.Options {
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err != nil {
		t.Fatal(err)
	}
	return export.Options{
		Tool: "test", Content: content, Recipe: recipe, Warn: t.Logf, Progress: progress.None{},
	}
}

// Plain returns the uncompressed stream that run writes, and its error.
func Plain(t testing.TB, run func(*stream.Writer) error) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	err := run(w)
	if closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return out.Bytes(), err
}

// Parse parses criteria of SEARCH.
func Parse(t testing.TB, text string) search.Criteria {
	t.Helper()
	c, err := search.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Connection returns the options that connect to the account joe of an embedded
// server.
func Connection(t testing.TB, addr string) imapconn.Options {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe",
		TLS:     imapconn.TLSOptions{Mode: imapconn.None},
		Network: imapconn.NetworkOptions{Timeout: 20 * time.Second},
		Retry:   imapconn.RetryOptions{MaxWait: 10 * time.Millisecond},
		Login:   imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	return conn
}

// Got is what a stream holds, message by message.
type Got struct {
	Order    []string // folder/uid
	Octets   map[string][]byte
	Keys     map[string]string
	Failed   map[string]stream.Reason
	Expunged map[string]bool
	Skipped  []string
	End      *stream.End
}

// Read reads a plain stream, which must be whole.
func Read(t testing.TB, data []byte) *Got {
	t.Helper()
	g := &Got{Octets: map[string][]byte{}, Keys: map[string]string{}, Failed: map[string]stream.Reason{},
		Expunged: map[string]bool{}}
	for rec, err := range stream.NewReader(bytes.NewReader(data), false).All() {
		if err != nil {
			t.Fatal(err)
		}
		switch rec := rec.(type) {
		case *stream.Message:
			id := fmt.Sprint(rec.Folder, "/", rec.UID)
			g.Order = append(g.Order, id)
			g.Keys[id] = rec.Key
			if rec.HasBody() {
				if g.Octets[id], err = rec.AppendBody([]byte{}); err != nil {
					t.Fatal(err)
				}
			}
		case *stream.Body:
			id := fmt.Sprint(rec.Folder, "/", rec.UID)
			if g.Octets[id], err = rec.AppendOctets(g.Octets[id]); err != nil {
				t.Fatal(err)
			}
			if rec.Part == rec.Parts && imaptest.Sum(g.Octets[id]) != rec.SHA256 {
				t.Errorf("%s: the parts are not what the sha256 says", id)
			}
		case *stream.Failed:
			g.Failed[fmt.Sprint(rec.Folder, "/", rec.UID)] = rec.Reason
		case *stream.Expunged:
			g.Expunged[fmt.Sprint(rec.Folder, "/", rec.UID)] = true
		case *stream.Skipped:
			g.Skipped = append(g.Skipped, fmt.Sprint(rec.Folder, "/", rec.UID))
		case *stream.End:
			g.End = rec
		}
	}
	return g
}
