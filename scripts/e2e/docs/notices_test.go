package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// linked is a line of go version -m: a module, and its version.
var linked = regexp.MustCompile(`(?m)^\s+dep\s+(\S+)\s+(\S+)`)

// TestNotices: scripts/notices has the licence of every module that is linked into
// the commands, and that of Go.
func TestNotices(t *testing.T) {
	t.Parallel()
	script := exec.Command(filepath.Join(harness.Root, "scripts", "notices"))
	script.Stderr = os.Stderr
	out, err := script.Output()
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	title := ""
	lines := strings.SplitAfter(string(out), "\n")
	for i, line := range lines {
		if i+1 < len(lines) && line != "\n" && strings.Trim(lines[i+1], "=\n") == "" && len(lines[i+1]) == len(line) {
			title = strings.TrimSpace(line)
		}
		sections[title] += line
	}
	versions, err := exec.Command("go", "version", "-m", harness.Binaries).Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := linked.FindAllStringSubmatch(string(versions), -1)
	if len(modules) < 4*5 {
		t.Fatalf("%d modules are linked: %s", len(modules), versions)
	}
	titles := []string{"Go, "}
	for _, m := range modules {
		titles = append(titles, m[1]+" "+m[2])
	}
	for _, title := range titles {
		found := false
		for name, text := range sections {
			found = found || strings.HasPrefix(name, title) && strings.Contains(strings.ToLower(text), "copyright") && len(text) > 500
		}
		if !found {
			t.Errorf("%s has no licence in the notices", title)
		}
	}
}
