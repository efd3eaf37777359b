package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A list may name so many folders that their names do not fit into a stream's begin.
func TestSelectManyFolders(t *testing.T) {
	for _, n := range []int{1, 30000} {
		folders := make([]stream.Folder, n)
		for i := range folders {
			folders[i] = stream.Folder{Name: fmt.Sprintf("%s/%d", strings.Repeat("x", 80), i), Delimiter: "/", Octets: -1}
		}
		var list bytes.Buffer
		if err := stream.WriteFolders(&list, folders); err != nil {
			t.Fatal(err)
		}
		var opt fetch.Options
		if err := listed(&opt, "list", bufio.NewReaderSize(&list, 256<<10)); err != nil {
			t.Fatal(err)
		}
		w := stream.NewWriter(io.Discard, stream.WriterOptions{})
		err := w.Write(&stream.Begin{Content: stream.Headers, Key: headerkey.Default, Filters: opt.Filters})
		if err != nil || len(opt.Folders.Names) != n {
			t.Errorf("%d folders: %d are chosen, %v", n, len(opt.Folders.Names), err)
		}
		if named := slices.Contains(opt.Filters, "folder="+folders[0].Name); named != (n == 1) {
			t.Errorf("%d folders: named %v, filters %d", n, named, len(opt.Filters))
		}
	}
}
