package connect

import (
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
)

// FuzzAccountFile: a file of connection options is read or refused, and holds
// nothing that it may not.
func FuzzAccountFile(f *testing.F) {
	f.Add("host old.example\nuser joe\n# c\n\npassword-file ~/x\ntls-pin sha256:00")
	f.Add("\ufeffhunter2\r\nhost\tx\nhost y\naccount z\ntls-insecure\nno-id")
	f.Fuzz(func(t *testing.T, text string) {
		file := &accountFile{path: "/dir/file"}
		if err := file.parse(text); err != nil {
			if strings.Contains(err.Error(), "hunter2") && strings.HasPrefix(strings.TrimSpace(text), "hunter2") {
				t.Errorf("a password is repeated: %v", err)
			}
			return
		}
		known := cli.FlagsByName(Flags())
		for _, line := range file.lines {
			if known[line.name] == nil || slices.Contains(notInFiles, line.name) || strings.ContainsAny(line.value, "\n") {
				t.Errorf("%+v", line)
			}
		}
	})
}
