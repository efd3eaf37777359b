package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// withTools gives scripts the folder of stream-to-mail and mail-to-stream as
// $TOOLS.
func (b *bench) withTools() *bench {
	b.t.Helper()
	for _, tool := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.t.Skip("SKIPPED: no " + tool)
		}
	}
	tools, err := filepath.Abs(filepath.Join("..", "archive"))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.with("TOOLS", tools)
}

// fileFormats are the formats of mail files, with options of both commands
// that take octets as they are.
var fileFormats = []struct{ format, there, back string }{
	{"maildir", "--keep-line-ends", "--keep-line-ends"},
	{"maildir", "--keep-line-ends --nested", "--keep-line-ends"},
	{"mbox", "--keep-line-ends", "--keep-line-ends"},
	{"eml", "", ""},
}

// TestMailFilesKeepOctets: an archive that went through files is the same
// archive: folders, octets, flags, dates, keys.
func TestMailFilesKeepOctets(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(withUgly(mail(150)))
	for i, body := range fromLines() {
		server.Account("joe").AddMessage("From here", []string{`\Seen`}, day(i), []byte(body))
	}
	b := newBench(t).with("SRC", embedded(server, "joe").options()).withTools()
	b.sh(`imap-fetch $SRC -o mail.zst`).wants(0)
	for i, f := range fileFormats {
		t.Run(f.format+" "+f.there, func(t *testing.T) {
			b := b.with("N", fmt.Sprint(i)).with("F", f.format)
			b.t = t
			b.sh(`$TOOLS/stream-to-mail ` + f.there + ` $F mail.zst files$N`).wants(0)
			b.sh(`$TOOLS/mail-to-stream ` + f.back + ` $F files$N >back$N && imap-list --source back$N --check`).wants(0).says("0 failed")
			b.sh(`imap-diff --report --equal mail.zst back$N >&2`).wants(0)
			b.sh(`$TOOLS/mail-to-stream ` + f.back + ` $F files$N | cmp - back$N`).wants(0)
			sameKeys(t, b.rows("mail.zst"), b.rows(fmt.Sprint("back", i)))
		})
	}
}

// fromLines are messages that an mbox could take for more, or fewer.
func fromLines() []string {
	long := strings.Repeat(">", 1<<17)
	return []string{
		"From joe@example.org Thu Jan  2 03:04:05 2020\r\nSubject: a From_ line\r\n\r\nHello\r\n",
		"Subject: in the text\r\n\r\nFrom joe@example.org Thu Jan  2 03:04:05 2020\r\n\r\nFrom here\r\n>From there\r\n>>From nowhere\r\n> From\r\n>>>\r\n",
		"Subject: at the end\r\n\r\nFrom ",
		"From joe@example.org Thu Jan  2 03:04:05 2020",
		"\nFrom joe@example.org Thu Jan  2 03:04:05 2020\n\n",
		"Status: RO\nX-Status: AF\nX-Keywords: one two\nSubject: has a status of its own\n\nHello\n",
		"Subject: long\r\n\r\n" + long + "From here\r\n" + long + "\r\n" + long + "Fro",
		"Subject: longer\r\n\r\n" + strings.Repeat("x", 1<<17) + "From \n" + long[:1<<16-3] + "From \r\n",
		"", "\n", "\r\n", "\r", "From ",
	}
}

// sameKeys demands that a message has the same key on both sides, whoever
// computed it. UIDs may differ, but not their order.
func sameKeys(t *testing.T, want, got rows) {
	t.Helper()
	keys := func(all rows) (keys []string) {
		for _, r := range all.of("message") {
			keys = append(keys, r.Folder+" "+r.Key)
		}
		slices.Sort(keys)
		return keys
	}
	w, g := keys(want), keys(got)
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s, want %s", g[i], w[i])
		}
	}
	if len(w) != len(g) {
		t.Errorf("%d messages, want %d", len(g), len(w))
	}
}
