package promises

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// stepCase is a migration by files, one of whose commands is stopped, or has a
// system call fail, at one step. The destination becomes what the source is:
// messages are appended, deleted and get other flags.
type stepCase struct {
	kind    string // of the destination
	options string // of imap-push
	src     harness.Account
	mail    []byte // what imap-fetch makes of the source; nil until that is known
	want    []imaptest.Entry
	fresh   func(testing.TB) harness.Account // an account that is empty
}

// stepCommands are the three that write something, and what they write.
var stepCommands = []struct{ line, makes string }{
	{"imap-fetch -o mail $SRC", "mail"},
	{"imap-diff --sync-flags exact --delete-extra=all -o plan $DST mail", "plan"},
	{"imap-push --allow delete --max-delete 100% @OPTIONS $DST plan >>receipts", "receipts"},
}

// TestFaultAtEveryStep kills each command before, within and after each system
// call by which it reaches outside of itself, and has each of these calls fail
// once; then the same migration ends well, and a third run has nothing to do.
// A plain run takes a sample of all that.
func TestFaultAtEveryStep(t *testing.T) {
	t.Parallel()
	src := harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "src")
	src.Fill(t, stepMail())
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	users := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"}
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: users})
	idle := make(chan harness.Account, len(users))
	for _, user := range users {
		idle <- harness.Real(cyrus, user)
	}
	var used atomic.Int64
	for _, c := range []*stepCase{
		{kind: "dovecot", fresh: func(testing.TB) harness.Account { return harness.Real(dovecot, fmt.Sprint("u", used.Add(1))) }},
		{kind: "cyrus", fresh: func(t testing.TB) harness.Account {
			a := <-idle
			t.Cleanup(func() { idle <- a })
			a.Empty(t)
			return a
		}},
	} {
		for _, name := range []string{"multi", "single"} {
			c := *c
			c.src, c.want = src, src.Dump(t)
			if name == "single" {
				c.options = "--disable-cap MULTIAPPEND"
			}
			for i := range stepCommands {
				if i == 0 && (c.kind != "dovecot" || name != "multi") || i == 1 && name != "multi" {
					continue // the same as before
				}
				t.Run(fmt.Sprintf("%s-%s-%s", c.kind, name, strings.Fields(stepCommands[i].line)[0]), func(t *testing.T) { c.tries(t, i) })
			}
		}
	}
}

// stepMail is a mailbox that makes every kind of step.
func stepMail() imaptest.Spec {
	twin := imaptest.Message{Octets: harness.Letter("twin", "the same\n"), Flags: []string{`\Seen`}, InternalDate: harness.Day(1)}
	large := imaptest.Message{Octets: harness.Letter("large", strings.Repeat("0123456789\n", 8000)), InternalDate: harness.Day(2)}
	return imaptest.Spec{Folders: []imaptest.Folder{
		{Path: "INBOX", Messages: append(imaptest.Generate(31, 3), twin, twin)},
		{Path: "Archive/2019", Subscribed: true, Messages: append(imaptest.Generate(32, 2), large)},
		{Path: "Empty"},
	}}
}

// stepHave is what the destination holds before: a message of the source with
// other flags, one of the twins, and two messages that the source lacks.
func stepHave() imaptest.Spec {
	mail := stepMail()
	first, twin := mail.Folders[0].Messages[0], mail.Folders[0].Messages[3]
	first.Flags = []string{`\Flagged`, "$Label1"}
	return imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: append(imaptest.Generate(33, 2), first, twin)}}}
}

// tries gives one command all faults, or in a plain run some.
func (c *stepCase) tries(t *testing.T, command int) {
	b, dst, _ := c.prepare(t, command)
	steps, status := c.trace(t, b, command, imaptest.Fault{})
	if status.ExitStatus() != 0 {
		t.Fatalf("without a fault: exit %d", status.ExitStatus())
	}
	if command == 2 {
		harness.Same(t, c.want, dst.Dump(t))
	}
	clean := b.Read(stepCommands[command].makes)
	faults := harness.SomeOf(t, []int{2, 1, 2}[command], faultsAt(steps))
	for _, f := range faults {
		what := fmt.Sprintf("%v (%v of %d)", f, steps[f.N-1], len(steps))
		t.Run(strings.ReplaceAll(what, "/", "|"), func(t *testing.T) {
			t.Parallel()
			c.try(t, command, f, clean)
		})
	}
	t.Logf("%d steps, %d faults", len(steps), len(faults))
}

// faultsAt are all faults of a command that makes these steps. Before a step is
// after the one before it.
func faultsAt(steps []imaptest.Step) (all []imaptest.Fault) {
	for i, s := range steps {
		n := i + 1
		if n == 1 {
			all = append(all, imaptest.Fault{N: n, What: imaptest.KillBefore})
		}
		if s.Writes() {
			all = append(all, imaptest.Fault{N: n, What: imaptest.KillHalf})
		}
		all = append(all, imaptest.Fault{N: n, What: imaptest.KillAfter}, imaptest.Fault{N: n, What: imaptest.Fail, Errno: errnoOf(s, n)})
	}
	return all
}

// errnoOf is the error with which a step fails.
func errnoOf(s imaptest.Step, n int) syscall.Errno {
	switch {
	case s.On == "socket":
		return syscall.ECONNRESET
	case s.Writes() && n%2 == 0:
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// prepare makes a shell, and a destination, as they are before a command. The
// line to the destination tells when its server is at rest.
func (c *stepCase) prepare(t *testing.T, command int) (*harness.Shell, harness.Account, *imaptest.FaultProxy) {
	dst := c.fresh(t)
	if command > 0 {
		dst.Fill(t, stepHave())
	}
	line := imaptest.NewFaultProxy(t, dst.Addr)
	b := harness.Between(t, c.src, dst.By(line.Addr()))
	for i, earlier := range stepCommands[:command] {
		if i == 0 && c.mail != nil {
			b.Write("mail", c.mail)
			continue
		}
		b.Sh(earlier.line).Wants(0)
	}
	if command > 0 && c.mail == nil {
		c.mail = b.Read("mail")
	}
	return b, dst, line
}

// trace runs a command with a fault.
func (c *stepCase) trace(t *testing.T, b *harness.Shell, command int, fault imaptest.Fault) ([]imaptest.Step, syscall.WaitStatus) {
	t.Helper()
	run := exec.Command("sh", "-c", "exec "+strings.Replace(stepCommands[command].line, "@OPTIONS", c.options, 1))
	// The commands find their files by names without a folder, and one processor
	// makes their steps come in the same order.
	run.Dir, run.Env = b.Dir, append(b.Environ(), "GOMAXPROCS=1")
	stderr, err := os.Create(b.Path("stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	run.Stderr = stderr
	dir, err := filepath.EvalSymlinks(b.Dir)
	if err != nil {
		t.Fatal(err)
	}
	fault.AfterExec = true // of the shell
	steps, status, err := imaptest.Trace(run, dir, fault, nil)
	if errors.Is(err, imaptest.ErrNoTrace) {
		t.Skip("SKIPPED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return steps, status
}

// try has one fault befall a command, and the migration done once more.
func (c *stepCase) try(t *testing.T, command int, fault imaptest.Fault, clean []byte) {
	b, dst, line := c.prepare(t, command)
	_, status := c.trace(t, b, command, fault)
	code := status.ExitStatus()
	said := string(b.Read("stderr"))
	if killed := fault.What != imaptest.Fail; killed && !status.Signaled() && code != 0 || !killed && !slices.Contains([]int{0, 3, 65, 69, 73, 74, 75, 76}, code) {
		t.Errorf("exit %d, %v\n%s", code, status.Signaled(), said)
	}
	if !line.Rest(30 * time.Second) {
		t.Fatal("the line does not come to rest")
	}
	if status.Exited() && code == 0 {
		c.claims(t, command, b, dst, clean)
	}
	c.again(t, command, b, dst, clean)
	if t.Failed() {
		t.Logf("the command with the fault: exit %d\n%s", code, said)
	}
}

// claims holds a command that ended with 0 against what it says to have done.
func (c *stepCase) claims(t *testing.T, command int, b *harness.Shell, dst harness.Account, clean []byte) {
	switch command {
	case 0:
		if !b.Exists("mail") || !bytes.Equal(b.Read("mail"), clean) {
			t.Error("imap-fetch ended with 0, and the file is not what it is without a fault")
		}
	case 1:
		b.Sh(strings.Replace(stepCommands[2].line, "@OPTIONS", c.options, 1)).Wants(0)
		harness.Same(t, c.want, dst.Dump(t))
	case 2:
		harness.Same(t, c.want, dst.Dump(t))
	}
}

// again does the whole migration twice more, from the export on if that is whole.
func (c *stepCase) again(t *testing.T, command int, b *harness.Shell, dst harness.Account, clean []byte) {
	if command == 0 {
		b.Sh(stepCommands[0].line).Wants(0)
		c.claims(t, 0, b, dst, clean)
		return
	}
	var lines []string
	for _, each := range stepCommands[1:] {
		lines = append(lines, strings.Replace(each.line, "@OPTIONS", c.options, 1))
	}
	script := strings.Join(lines, " && ")
	b.Sh(script).Wants(0)
	after := dst.Dump(t)
	harness.Same(t, c.want, after)
	if command == 1 {
		return // nothing was under way at the destination
	}
	size := int64(len(b.Read("receipts")))
	b.Sh(script).Wants(0)
	if diff := changed(after, dst.Dump(t)); diff != "" {
		t.Errorf("a run with nothing to do has changed the destination:\n%s", diff)
	}
	if end := wholeLines(t, b, size).End(t); end.Appended+end.Rejected+end.Failed != 0 {
		t.Errorf("a run with nothing to do: %+v", end)
	}
}
