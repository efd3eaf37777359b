package plan

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/report"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// reportInto reports on folders that all go to Old, and returns what is printed.
func reportInto(t *testing.T, source []byte) string {
	t.Helper()
	opt := report.Options{Options: diff.Options{Edited: true, Warn: func(string, ...any) {}, Progress: progress.None{},
		Mapping: folder.Rules{Entries: []folder.Entry{{All: true, Target: "Old"}}}}}
	var out strings.Builder
	_, err := report.Run(t.Context(), opt, stream.NewReader(bytes.NewReader(source), true),
		diff.NewArchive(stream.NewReader(bytes.NewReader(shelves(t, shelf{name: "Old"})), true), nil),
		report.NewText(&out, func(s string) string { return s }))
	must(t, err)
	return out.String()
}

// A folder whose name is a part of another's, after a comma, is named too, and each once.
func TestReportNamesFoldersWithCommas(t *testing.T) {
	source := shelves(t, shelf{name: "A, B"}, shelf{name: "B"})
	if got := reportInto(t, append(source, source...)); !strings.Contains(got, "A, B, B -> Old: 0 listed") {
		t.Error(got)
	}
}

// Memory grows with the folders of one destination folder, not with their square.
func TestReportOfManyFoldersIntoOne(t *testing.T) {
	many := make([]shelf, 4000)
	for i := range many {
		many[i].name = fmt.Sprintf("Folder %04d", i)
	}
	source := shelves(t, many...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	reportInto(t, source)
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 64 {
		t.Errorf("%d folders: %d MiB allocated in all", len(many), used)
	}
}

// A list of folders is a choice of folders, however long it is.
func TestFilterOfManyFolders(t *testing.T) {
	if !choosesFolders("folders=2000, sha256=00") || choosesFolders("search=ALL") {
		t.Error("the filter of a long list does not choose folders")
	}
}
