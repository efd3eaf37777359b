package e2e

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// account is one user's mail at a server; the password is "secret".
type account struct{ addr, user string }

// options are those that reach the account. The line is not compressed, for
// proxies must understand what is said; on a busy machine it might seem to be a
// slow one.
func (a account) options() string {
	return fmt.Sprintf("--host %s --user %s --tls none --compress never", a.addr, a.user)
}

// by returns the same account by way of another address, such as a proxy's.
func (a account) by(addr string) account { return account{addr, a.user} }

// dump is the oracle's view of the account.
func (a account) dump(t testing.TB) []imaptest.Entry {
	t.Helper()
	entries, err := imaptest.Dump(a.addr, a.user, "secret")
	if err != nil {
		t.Fatalf("oracle, %s: %v", a.user, err)
	}
	return entries
}

// fill puts mail into the account and demands that nothing of it is refused
// but the messages of those numbers in the last folder.
func (a account) fill(t testing.TB, spec imaptest.Spec, refused ...int) {
	t.Helper()
	refusals, err := imaptest.Populate(a.addr, a.user, "secret", spec)
	if err != nil {
		t.Fatalf("fill %s: %v", a.user, err)
	}
	for _, r := range refusals {
		if !slices.Contains(refused, r.Index) {
			t.Fatalf("fill %s: %q message %d: %s", a.user, r.Path, r.Index, r.Text)
		}
	}
}

// folders lists the account's folders as the oracle sees them.
func (a account) folders(t testing.TB) []imaptest.Mailbox {
	t.Helper()
	boxes, err := imaptest.Mailboxes(a.addr, a.user, "secret")
	if err != nil {
		t.Fatalf("oracle, %s: %v", a.user, err)
	}
	return boxes
}

// settle waits until the STATUS of all folders has been the same for a second,
// for a server may still be working on what a dead client sent.
func (a account) settle(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	last, since := "", time.Now()
	for time.Since(since) < time.Second {
		if now := a.status(t); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to rest", a.user)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// status asks for the STATUS of every folder, on a connection of its own. Not for
// UIDVALIDITY: at Courier it is the clock until somebody has opened the folder.
func (a account) status(t testing.TB) string {
	t.Helper()
	boxes := a.folders(t)
	conn, err := net.Dial("tcp", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "a LOGIN %s secret\r\n", a.user)
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, box := range boxes {
		if box.Selectable() {
			fmt.Fprintf(conn, "b STATUS \"%s\" (MESSAGES UIDNEXT)\r\n", quote.Replace(box.Wire))
		}
	}
	fmt.Fprint(conn, "z NOOP\r\n")
	var out strings.Builder
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("STATUS of %s: %v", a.user, err)
		}
		if strings.HasPrefix(line, "z ") {
			return out.String()
		}
		if strings.HasPrefix(line, "* STATUS") {
			out.WriteString(line)
		}
	}
}

// equal demands that two accounts hold the same: folders, octets, flags, dates.
func equal(t testing.TB, src, dst account) {
	t.Helper()
	same(t, src.dump(t), dst.dump(t))
}

// same demands that one dump is as the other: folder, octets, flags, dates and
// the order within each folder.
func same(t testing.TB, want, got []imaptest.Entry) {
	t.Helper()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{}); diff != "" {
		t.Errorf("%d messages, want %d:\n%s", len(got), len(want), limit(diff, 4000))
	}
}

// inOrder is same, and demands the order within each folder too.
func inOrder(t testing.TB, want, got []imaptest.Entry) {
	t.Helper()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{Order: true}); diff != "" {
		t.Errorf("%d messages, want %d:\n%s", len(got), len(want), limit(diff, 4000))
	}
}

func embedded(s *imaptest.Server, user string) account { return account{s.Addr(), user} }
func real(r *imaptest.Real, user string) account       { return account{r.Addr, user} }

// byKey counts messages by folder and Message-ID, which is what makes them one.
func (a account) byKey(t testing.TB) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, e := range a.dumpOctets(t) {
		_, id, _ := strings.Cut(string(e.Octets), "Message-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		all[e.Path+" "+id]++
	}
	return all
}

// dumpOctets is dump with octets.
func (a account) dumpOctets(t testing.TB) []imaptest.Entry {
	t.Helper()
	entries, err := imaptest.DumpOctets(a.addr, a.user, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// empty removes all that an account holds.
func (a account) empty(t testing.TB) {
	t.Helper()
	var commands []string
	boxes := a.folders(t)
	slices.Reverse(boxes) // those below others first
	for _, box := range boxes {
		if box.Path != "INBOX" {
			commands = append(commands, fmt.Sprintf("UNSUBSCRIBE %q", box.Wire), fmt.Sprintf("DELETE %q", box.Wire))
		}
	}
	a.tell(t, append(commands, "SELECT INBOX", `UID STORE 1:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE")...)
}

// expunge removes messages as another client would.
func (a account) expunge(t testing.TB, folder string, uids ...int) {
	t.Helper()
	var commands []string
	for _, box := range a.folders(t) {
		if box.Path == folder {
			commands = []string{fmt.Sprintf("SELECT %q", box.Wire)}
		}
	}
	for _, uid := range uids {
		commands = append(commands, fmt.Sprintf(`UID STORE %d +FLAGS.SILENT (\Deleted)`, uid))
	}
	a.tell(t, append(commands, "EXPUNGE")...)
}

// flags are those of each message, in the order of their UIDs: words with blanks
// between them.
func (a account) flags(t testing.TB) (all []string) {
	t.Helper()
	for _, e := range a.dump(t) {
		all = append(all, words(e.Flags...))
	}
	return all
}

// haveFlags demands that, without regard to case.
func (a account) haveFlags(t testing.TB, want ...string) {
	t.Helper()
	for i := range want {
		want[i] = words(want[i])
	}
	if got := a.flags(t); !strings.EqualFold(strings.Join(got, "|"), strings.Join(want, "|")) {
		t.Errorf("%s has flags %q, want %q", a.user, got, want)
	}
}

// words sorts words without regard to case.
func words(list ...string) string {
	list = strings.Fields(strings.Join(list, " "))
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return strings.Join(list, " ")
}

// holds demands what an account holds: "folder subject", in order.
func (a account) holds(t testing.TB, want ...string) {
	t.Helper()
	var got []string
	for _, e := range a.dumpOctets(t) {
		_, subject, _ := strings.Cut(string(e.Octets), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		got = append(got, e.Path+" "+subject)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %q, want %q", a.user, got, want)
	}
}

// one puts messages into INBOX.
func (a account) one(t testing.TB, messages ...imaptest.Message) {
	t.Helper()
	a.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: messages}}})
}

// wire spells a folder as the account's server does.
func (a account) wire(t testing.TB, folder string) string {
	t.Helper()
	for _, box := range a.folders(t) {
		if box.Path == folder {
			return fmt.Sprintf("%q", box.Wire)
		}
	}
	t.Fatalf("%s has no folder %s", a.user, folder)
	return ""
}
