package extract

import (
	"bytes"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// exportOf returns the plain stream of an account.
func exportOf(t testing.TB, addr string, opt export.Options) ([]byte, error) {
	t.Helper()
	return exporttest.Plain(t, func(w *stream.Writer) error {
		return fetch.Run(t.Context(), exporttest.Connection(t, addr), fetch.Options{Options: opt}, w, nil)
	})
}

func archiveOf(t testing.TB, addr string) []byte {
	t.Helper()
	data, err := exportOf(t, addr, exporttest.Options(t, stream.Full))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// selectOf returns the plain stream of what a stream names of an account.
func selectOf(t testing.TB, addr string, data []byte) ([]byte, error) {
	t.Helper()
	return exporttest.Plain(t, func(w *stream.Writer) error {
		in := stream.NewReader(bytes.NewReader(data), false)
		opt := fetch.Options{Options: exporttest.Options(t, stream.Full)}
		return fetch.RunSelect(t.Context(), exporttest.Connection(t, addr), opt, in, w)
	})
}
