package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// FuzzSplit: a line without spaces has the fields that encoding/csv finds, if both accept it.
func FuzzSplit(f *testing.F) {
	for _, line := range []string{`a,b`, `"a","b""c,",`, `a"b,c`, `"",x`, `,`, `"a`, `"a"b`, `a;b`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" || strings.ContainsAny(line, " \r\n") || strings.HasPrefix(line, "\uFEFF") {
			return
		}
		ours, err := (&listReader{separator: ','}).split(line)
		r := csv.NewReader(strings.NewReader(line))
		if theirs, csvErr := r.Read(); err == nil && csvErr == nil && !slices.Equal(ours, theirs) {
			t.Errorf("%q: %q, encoding/csv has %q", line, ours, theirs)
		} else if csvErr == nil && err != nil {
			t.Errorf("%q: %v", line, err)
		}
	})
}

// FuzzList: a list is refused, or its accounts have ids of their own that are names of files, and options that
// are one word each and print as they are.
func FuzzList(f *testing.F) {
	f.Add("old-host,old-user,old-password-file,new-host,new-user,new-password-file\na,x,p,b,y,q\n")
	f.Add("\uFEFFid;old-account;new-account\r\n../x;~/a;\"b \"\r\n;;\r\n")
	path := filepath.Join(f.TempDir(), "list.csv")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		accounts, err := readList(path, true)
		if err != nil {
			if code := exit.CodeOf(err); code != exit.Usage && code != exit.NoInput {
				t.Errorf("%q: %v (%d)", content, err, code)
			}
			return
		}
		ids := map[string]bool{}
		for _, a := range accounts {
			if ids[a.id] || a.id != filepath.Base(a.id) || strings.HasPrefix(a.id, ".") {
				t.Errorf("%q: the id %q", content, a.id)
			}
			ids[a.id] = true
			for _, option := range slices.Concat(a.old, a.new) {
				if name, value, ok := strings.Cut(option, "="); !ok || !strings.HasPrefix(name, "--") || text.Safe(value) != value {
					t.Errorf("%q: the option %q", content, option)
				}
			}
		}
	})
}
