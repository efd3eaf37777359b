package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// maxDoubled is how many messages two runs of one plan may append twice: the
// first batches of both are on their way before either can see the other.
const maxDoubled = 100

// plainNames renames the folder whose name Cyrus refuses.
func plainNames(spec imaptest.Spec) imaptest.Spec {
	for i := range spec.Folders {
		spec.Folders[i].Path = strings.NewReplacer(`"`, "", `\`, "").Replace(spec.Folders[i].Path)
	}
	return spec
}

// wantsCodes demands the exit code 0, or 3 where messages are there twice.
func wantsCodes(t *testing.T, codes []int, doubled int) {
	t.Helper()
	for _, code := range codes {
		if code != 0 && (code != 3 || doubled == 0) {
			t.Errorf("exit codes %v, %d messages are there twice", codes, doubled)
		}
	}
}

// TestTwoRunsOfOnePlan has two imap-push processes carry out one plan at the
// same time: no message is missing, and few are there twice.
func TestTwoRunsOfOnePlan(t *testing.T) {
	t.Parallel()
	src := embedded(imaptest.StartServer(t, imaptest.Options{}), "src")
	src.fill(t, plainNames(mail(600)))
	all := src.dump(t)
	ways := map[string]func(t *testing.T) account{}
	for name, start := range joeOn {
		ways[name] = start
		ways[name+" without UIDPLUS"] = func(t *testing.T) account { return withoutAPPENDUID(t, start(t)) }
	}
	for name, start := range some(t, 2, ways) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := between(t, src, dst)
			b.sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).wants(0)
			one := b.start(`imap-push $DST plan.zst`)
			two := b.start(`imap-push $DST plan.zst`)
			codes := append(one.wait(2*time.Minute), two.wait(2*time.Minute)...)
			doubled := len(dst.dump(t)) - len(all)
			wantsCodes(t, codes, doubled)
			t.Logf("%d of %d messages are there twice\n%s%s", doubled, len(all), one, two)
			if doubled > maxDoubled {
				t.Errorf("more than %d are there twice", maxDoubled)
			}
			b.sh(`imap-diff --report --exit-code $DST mail.zst`).wants(0) // nothing is missing
		})
	}
}

// TestTwoServerCopiesOfOnePlan has two imap-push --server-copy carry out one plan
// at the same time: no message is missing, and few are there twice.
func TestTwoServerCopiesOfOnePlan(t *testing.T) {
	t.Parallel()
	letters := make([]imaptest.Message, 400)
	for i := range letters {
		letters[i].Octets = fmt.Appendf(nil, "Message-ID: <%d@x.example>\r\nSubject: %d\r\n\r\nHi\r\n", i, i)
	}
	for name, dst := range map[string]account{
		"dovecot":  real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"embedded": embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters}, {Path: "Copies"}}})
			b := newBench(t).with("DST", dst.options())
			b.sh(`imap-fetch --headers --folder-rec ` + dst.wire(t, "Work") + ` $DST -o mail.zst && imap-diff -o plan.zst --map ` + dst.wire(t, "Work") + `=` + dst.wire(t, "Copies") + ` $DST mail.zst`).wants(0)
			one := b.start(`imap-push --server-copy $DST plan.zst`)
			two := b.start(`imap-push --server-copy $DST plan.zst`)
			codes := append(one.wait(2*time.Minute), two.wait(2*time.Minute)...)
			doubled := len(dst.dump(t)) - 2*len(letters)
			wantsCodes(t, codes, doubled)
			t.Logf("%d of %d messages are there twice\n%s%s", doubled, len(letters), one, two)
			if doubled > maxDoubled {
				t.Errorf("more than %d are there twice", maxDoubled)
			}
			b.sh(`imap-diff --report --exit-code --map ` + dst.wire(t, "Work") + `=` + dst.wire(t, "Copies") + ` $DST mail.zst`).wants(0) // nothing is missing
		})
	}
}
