package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
	src := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "src")
	src.Fill(t, plainNames(harness.Mail(600)))
	all := src.Dump(t)
	ways := map[string]func(t *testing.T) harness.Account{}
	for name, start := range harness.JoeOn {
		ways[name] = start
		ways[name+" without UIDPLUS"] = func(t *testing.T) harness.Account { return harness.WithoutAPPENDUID(t, start(t)) }
	}
	for name, start := range harness.Some(t, 2, ways) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := harness.Between(t, src, dst)
			b.Sh(`imap-fetch $SRC -o mail.zst && imap-diff $DST -o plan.zst mail.zst`).Wants(0)
			one := b.Start(`imap-push $DST plan.zst`)
			two := b.Start(`imap-push $DST plan.zst`)
			codes := append(one.Wait(2*time.Minute), two.Wait(2*time.Minute)...)
			doubled := len(dst.Dump(t)) - len(all)
			wantsCodes(t, codes, doubled)
			t.Logf("%d of %d messages are there twice\n%s%s", doubled, len(all), one, two)
			if doubled > maxDoubled {
				t.Errorf("more than %d are there twice", maxDoubled)
			}
			b.Sh(`imap-diff --report --exit-code $DST mail.zst`).Wants(0) // nothing is missing
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
	for name, dst := range map[string]harness.Account{
		"dovecot":  harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"embedded": harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work", Messages: letters}, {Path: "Copies"}}})
			b := harness.NewShell(t).With("DST", dst.Options())
			b.Sh(`imap-fetch --headers --folder-rec ` + dst.Wire(t, "Work") + ` $DST -o mail.zst && imap-diff -o plan.zst --map ` + dst.Wire(t, "Work") + `=` + dst.Wire(t, "Copies") + ` $DST mail.zst`).Wants(0)
			one := b.Start(`imap-push --server-copy $DST plan.zst`)
			two := b.Start(`imap-push --server-copy $DST plan.zst`)
			codes := append(one.Wait(2*time.Minute), two.Wait(2*time.Minute)...)
			doubled := len(dst.Dump(t)) - 2*len(letters)
			wantsCodes(t, codes, doubled)
			t.Logf("%d of %d messages are there twice\n%s%s", doubled, len(letters), one, two)
			if doubled > maxDoubled {
				t.Errorf("more than %d are there twice", maxDoubled)
			}
			b.Sh(`imap-diff --report --exit-code --map ` + dst.Wire(t, "Work") + `=` + dst.Wire(t, "Copies") + ` $DST mail.zst`).Wants(0) // nothing is missing
		})
	}
}
