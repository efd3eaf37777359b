package list

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// TestTable: columns stand one below the other whatever the names are made of,
// and nothing in them acts on a terminal.
func TestTable(t *testing.T) {
	entries := []Entry{
		{Folder: stream.Folder{Name: "INBOX", Messages: 1234567, Octets: 5_600_000_000, Largest: 25_000_000, LargestUID: 9, Oldest: "2009-03-04T05:06:07+01:00", Newest: "2024-12-31T23:59:59+00:00", Subscribed: true}},
		{Folder: stream.Folder{Name: "受信", Messages: 2, Octets: 700, Largest: 400, LargestUID: 1, Attributes: []string{`\HasNoChildren`, `\Sent`}}},
		{Folder: stream.Folder{Name: "Cafe\u0301", Octets: 0, Namespace: "shared"}},
		{Folder: stream.Folder{Name: "esc\x1b[2J\u202e", Octets: -1, Attributes: []string{"\\X\x1b"}}},
		{Folder: stream.Folder{Name: "[Gmail]", Attributes: []string{`\HasChildren`, `\Noselect`}}},
		{Folder: stream.Folder{Name: "Spam"}, Left: "--exclude '\x1b'"},
		{Folder: stream.Folder{Name: "Closed", ACL: []stream.Grant{}}, Failed: "NO \x07"},
		{Folder: stream.Folder{Name: "Team", ACL: []stream.Grant{{Identifier: "ann\n", Rights: "lrs"}, {Identifier: "bob", Rights: "l"}}}},
	}
	for _, c := range []struct {
		request Request
		want    string
	}{
		{Request{Sizes: true}, `
 messages    size  largest  oldest      newest      folder
1,234,567  5.6 GB  25.0 MB  2009-03-04  2024-12-31  INBOX               subscribed
        2   700 B    400 B  -           -           受信                \Sent
        0     0 B        -  -           -           Cafe` + "\u0301" + `                shared
        0     0 B        -  -           -           esc\x1b[2J\u202e    \X\x1b
        -       -        -  -           -           [Gmail]             skipped: holds no messages itself
        -       -        -  -           -           Spam                skipped: --exclude '\x1b'
        -       -        -  -           -           Closed              failed: NO \x07
        0     0 B        -  -           -           Team                ann\n=lrs bob=l
1,234,569  5.6 GB                                   total of 5 folders
`},
		{Request{}, `
 messages  folder
1,234,567  INBOX               subscribed
        2  受信                \Sent
        0  Cafe` + "\u0301" + `                shared
        0  esc\x1b[2J\u202e    \X\x1b
        -  [Gmail]             skipped: holds no messages itself
        -  Spam                skipped: --exclude '\x1b'
        -  Closed              failed: NO \x07
        0  Team                ann\n=lrs bob=l
1,234,569  total of 5 folders
`},
	} {
		var out strings.Builder
		if err := writeTable(&out, entries, c.request); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + out.String(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// TestRecordsOnATerminal: canonical JSON leaves some characters that act.
func TestRecordsOnATerminal(t *testing.T) {
	folders := []stream.Folder{{Name: "a\u009b2J\u202e", Octets: -1}}
	for terminal, want := range map[bool]string{false: "\"a\u009b2J\u202e\"", true: `"a\u009b2J\u202e"`} {
		var out strings.Builder
		if err := writeRecords(&out, folders, terminal); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v: %q", terminal, out.String())
		}
	}
}
