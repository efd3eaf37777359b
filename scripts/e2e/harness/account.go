package harness

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

// Account is one user's mail at a server; the password is "secret".
type Account struct{ Addr, User string }

// Options are those that reach the account. The connection is not compressed, for
// proxies must understand what is said; on a busy machine it might seem to be a
// slow one.
func (a Account) Options() string {
	return fmt.Sprintf("--host %s --user %s --tls none --compress never", a.Addr, a.User)
}

// By returns the same account by way of another address, such as a proxy's.
func (a Account) By(addr string) Account { return Account{addr, a.User} }

// Dump is the oracle's view of the account.
func (a Account) Dump(t testing.TB) []imaptest.Entry {
	t.Helper()
	entries, err := imaptest.Dump(a.Addr, a.User, "secret")
	if err != nil {
		t.Fatalf("oracle, %s: %v", a.User, err)
	}
	return entries
}

// Fill puts mail into the account and demands that nothing of it is refused
// but the messages of those numbers in the last folder.
func (a Account) Fill(t testing.TB, spec imaptest.Spec, refused ...int) {
	t.Helper()
	refusals, err := imaptest.Populate(a.Addr, a.User, "secret", spec)
	if err != nil {
		t.Fatalf("fill %s: %v", a.User, err)
	}
	for _, r := range refusals {
		if !slices.Contains(refused, r.Index) {
			t.Fatalf("fill %s: %q message %d: %s", a.User, r.Path, r.Index, r.Text)
		}
	}
}

// Folders lists the account's folders as the oracle sees them.
func (a Account) Folders(t testing.TB) []imaptest.Mailbox {
	t.Helper()
	boxes, err := imaptest.Mailboxes(a.Addr, a.User, "secret")
	if err != nil {
		t.Fatalf("oracle, %s: %v", a.User, err)
	}
	return boxes
}

// Settle waits until the STATUS of all folders has been the same for a second,
// for a server may still be working on what a dead client sent.
func (a Account) Settle(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	last, since := "", time.Now()
	for time.Since(since) < time.Second {
		if now := a.Status(t); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to rest", a.User)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Status asks for the STATUS of every folder, on a connection of its own. Not for
// UIDVALIDITY: at Courier it is the clock until somebody has opened the folder.
func (a Account) Status(t testing.TB) string {
	t.Helper()
	boxes := a.Folders(t)
	conn, err := net.Dial("tcp", a.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "a LOGIN %s secret\r\n", a.User)
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
			t.Fatalf("STATUS of %s: %v", a.User, err)
		}
		if strings.HasPrefix(line, "z ") {
			return out.String()
		}
		if strings.HasPrefix(line, "* STATUS") {
			out.WriteString(line)
		}
	}
}

// Equal demands that two accounts hold the same: folders, octets, flags, dates.
func Equal(t testing.TB, src, dst Account) {
	t.Helper()
	Same(t, src.Dump(t), dst.Dump(t))
}

// Same demands that one dump is as the other: folder, octets, flags, dates and
// the order within each folder.
func Same(t testing.TB, want, got []imaptest.Entry) {
	t.Helper()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{}); diff != "" {
		t.Errorf("%d messages, want %d:\n%s", len(got), len(want), Shorten(diff, 4000))
	}
}

// InOrder is Same, and demands the order within each folder too.
func InOrder(t testing.TB, want, got []imaptest.Entry) {
	t.Helper()
	if diff := imaptest.Diff(want, got, imaptest.DiffOptions{Order: true}); diff != "" {
		t.Errorf("%d messages, want %d:\n%s", len(got), len(want), Shorten(diff, 4000))
	}
}

// Embedded is a user's account at a server of this process.
func Embedded(s *imaptest.Server, user string) Account { return Account{s.Addr(), user} }

// Real is a user's account at a Dovecot, Cyrus or Courier.
func Real(r *imaptest.Real, user string) Account { return Account{r.Addr, user} }

// ByKey counts messages by folder and Message-ID, which is what makes them one.
func (a Account) ByKey(t testing.TB) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, e := range a.DumpOctets(t) {
		_, id, _ := strings.Cut(string(e.Octets), "Message-ID: ")
		id, _, _ = strings.Cut(id, "\r\n")
		all[e.Path+" "+id]++
	}
	return all
}

// DumpOctets is Dump, with the octets of the messages.
func (a Account) DumpOctets(t testing.TB) []imaptest.Entry {
	t.Helper()
	entries, err := imaptest.DumpOctets(a.Addr, a.User, "secret")
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Empty removes all that an account holds.
func (a Account) Empty(t testing.TB) {
	t.Helper()
	var commands []string
	boxes := a.Folders(t)
	slices.Reverse(boxes) // those below others first
	for _, box := range boxes {
		if box.Path != "INBOX" {
			commands = append(commands, fmt.Sprintf("UNSUBSCRIBE %q", box.Wire), fmt.Sprintf("DELETE %q", box.Wire))
		}
	}
	a.Tell(t, append(commands, "SELECT INBOX", `UID STORE 1:* +FLAGS.SILENT (\Deleted)`, "EXPUNGE")...)
}

// Expunge removes messages as another client would.
func (a Account) Expunge(t testing.TB, folder string, uids ...int) {
	t.Helper()
	var commands []string
	for _, box := range a.Folders(t) {
		if box.Path == folder {
			commands = []string{fmt.Sprintf("SELECT %q", box.Wire)}
		}
	}
	for _, uid := range uids {
		commands = append(commands, fmt.Sprintf(`UID STORE %d +FLAGS.SILENT (\Deleted)`, uid))
	}
	a.Tell(t, append(commands, "EXPUNGE")...)
}

// Flags are those of each message, in the order of their UIDs: words with blanks
// between them.
func (a Account) Flags(t testing.TB) (all []string) {
	t.Helper()
	for _, e := range a.Dump(t) {
		all = append(all, Words(e.Flags...))
	}
	return all
}

// HaveFlags demands that, without regard to case.
func (a Account) HaveFlags(t testing.TB, want ...string) {
	t.Helper()
	for i := range want {
		want[i] = Words(want[i])
	}
	if got := a.Flags(t); !strings.EqualFold(strings.Join(got, "|"), strings.Join(want, "|")) {
		t.Errorf("%s has flags %q, want %q", a.User, got, want)
	}
}

// Words sorts words without regard to case.
func Words(list ...string) string {
	list = strings.Fields(strings.Join(list, " "))
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return strings.Join(list, " ")
}

// Holds demands what an account holds: "folder subject", in order.
func (a Account) Holds(t testing.TB, want ...string) {
	t.Helper()
	var got []string
	for _, e := range a.DumpOctets(t) {
		_, subject, _ := strings.Cut(string(e.Octets), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		got = append(got, e.Path+" "+subject)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %q, want %q", a.User, got, want)
	}
}

// One puts messages into INBOX.
func (a Account) One(t testing.TB, messages ...imaptest.Message) {
	t.Helper()
	a.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: messages}}})
}

// Wire spells a folder as the account's server does.
func (a Account) Wire(t testing.TB, folder string) string {
	t.Helper()
	for _, box := range a.Folders(t) {
		if box.Path == folder {
			return fmt.Sprintf("%q", box.Wire)
		}
	}
	t.Fatalf("%s has no folder %s", a.User, folder)
	return ""
}
