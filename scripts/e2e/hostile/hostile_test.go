package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// commands is a text that does harm where a server takes it for commands.
var commands = strings.Repeat("e1 CREATE pwned\r\ne2 CREATE INBOX.pwned\r\n. CREATE pwned\r\n", 20) + "e3 DELETE Sent\r\ne4 LOGOUT\r\n"

// badFlags are flags that servers refuse, or that try to end the flag list.
var badFlags = []string{
	`\Bogus`, `\Recent`, `\`, `\\Seen`, "", " ", "a b", "(", ")", "x) {3+}", "{10+}", "{10}", `"quoted"`, `back\slash`, "*", "%", "]", "[TRYCREATE]", "ünï", "🙂",
	"x\r\ne5 CREATE pwned", "x\ne5 CREATE pwned", "\x00", "x\x00", "NIL", "~{3}", strings.Repeat("k", 51), strings.Repeat("k", 60), strings.Repeat("k", 64), strings.Repeat("k", 200),
	strings.Repeat("k", 5000), "a/b", "a=b", "a:b", "a,b", "a&b", "a'b", "<a>", "a;b", "$Forwarded", "\x7f", "\u2028", "\\Seen\r\n", "\\Seen) \"01-Jan-2001 00:00:00 +0000\" {1+}\r\nx",
}

// badDates try the same with the date.
var badDates = []string{
	"", "yesterday", "2012-13-45T99:99:99Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "2012-01-01T00:00:00+99:99", "2012-01-01T00:00:00.5+23:59",
	"2012-01-01T00:00:00Z\" {3+}\r\ne6 CREATE pwned\r\n", "01-Jan-2012 00:00:00 +0000",
}

// badNames try the same with the destination folder.
var badNames = []string{
	"x\r\ne7 CREATE pwned", "x\" {3+}\r\ne7 CREATE pwned", "x\x00y", "", "\"", "\\", "*", "%", "../../../../tmp/pwned", "/etc/passwd", "&", "&AAA-", "a//b", "~root", strings.Repeat("long", 100), strings.Repeat("deep/", 60) + "x", "\x1b]52;c;AAAA\x07", "\u202egpj.exe", "{5+}", "(", "NIL",
}

// destinations are servers that understand flags in their own ways.
func destinations(t *testing.T) map[string]harness.Account {
	return map[string]harness.Account{
		"dovecot":       harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":         harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
		"synchronising": harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe"),
		"literal plus":  harness.Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "joe"),
	}
}

// hostile fills a source with n messages full of commands.
func hostile(t *testing.T, n int) harness.Account {
	server := imaptest.StartServer(t, imaptest.Options{})
	for i := range n {
		server.Account("src").AddMessage("Sent", []string{`\Seen`}, harness.Day(i), append(harness.Letter(fmt.Sprintf("hostile-%d", i), ""), commands...))
	}
	return harness.Embedded(server, "src")
}

// unharmed demands that no command was carried out, and that every message is
// there once, octet for octet.
func unharmed(t *testing.T, src, dst harness.Account, folders ...string) {
	t.Helper()
	for _, box := range dst.Folders(t) {
		if box.Path != "INBOX" && !slices.Contains(folders, box.Path) {
			t.Errorf("folder %q was created", box.Path)
		}
	}
	if diff := imaptest.Diff(src.Dump(t), dst.Dump(t), imaptest.DiffOptions{IgnoreFlags: true, IgnoreDates: true}); diff != "" {
		t.Error(harness.Shorten(diff, 2000))
	}
}

// pushEdited pushes a plan of n hostile messages, as edit has changed each of
// them, to all destinations. edit may say that records stand before it.
func pushEdited(t *testing.T, n int, edit func(i int, message harness.Object) []harness.Object, judge func(t *testing.T, o *harness.Outcome, src, dst harness.Account)) {
	src := hostile(t, n)
	for name, dst := range destinations(t) {
		t.Run(name, func(t *testing.T) {
			b := harness.Between(t, src, dst)
			i := 0
			b.Write("evil", harness.EditPlan(t, b, func(r harness.Object) (before []harness.Object) {
				if r["type"] == "message" {
					before = edit(i, r)
					i++
				}
				return before
			}))
			o := b.Sh(`imap-push --edited $DST evil`)
			if o.Exit != 0 && o.Exit != 3 {
				t.Errorf("%s", o)
			}
			judge(t, o, src, dst)
		})
	}
}

// TestFlagsAreNoCommands edits the flags of a plan.
func TestFlagsAreNoCommands(t *testing.T) {
	t.Parallel()
	n := 3 * len(badFlags)
	pushEdited(t, n, func(i int, message harness.Object) []harness.Object {
		flags := []any{badFlags[i%len(badFlags)]}
		switch i / len(badFlags) {
		case 1:
			flags = []any{`\Seen`, flags[0], "$Label1"}
		case 2:
			flags = []any{`\Seen`}
			for _, f := range badFlags[:i%len(badFlags)] {
				flags = append(flags, f)
			}
		}
		message["flags"] = flags
		return nil
	}, func(t *testing.T, o *harness.Outcome, src, dst harness.Account) {
		o.Wants(0).Appended(n)
		unharmed(t, src, dst, "Sent")
	})
}

// TestDatesAreNoCommands edits the dates.
func TestDatesAreNoCommands(t *testing.T) {
	t.Parallel()
	pushEdited(t, len(badDates), func(i int, message harness.Object) []harness.Object {
		message["internaldate"] = badDates[i]
		return nil
	}, func(t *testing.T, o *harness.Outcome, src, dst harness.Account) {
		for _, box := range dst.Folders(t) {
			if strings.Contains(box.Path, "pwned") {
				t.Errorf("folder %q was created", box.Path)
			}
		}
		if o.Exit == 0 {
			unharmed(t, src, dst, "Sent")
		}
	})
}

// TestNamesAreNoCommands edits the folders that messages go to.
func TestNamesAreNoCommands(t *testing.T) {
	t.Parallel()
	pushEdited(t, len(badNames), func(i int, message harness.Object) (before []harness.Object) {
		message["target"] = badNames[i]
		if i > 0 {
			return nil
		}
		for _, name := range badNames {
			if name != "" { // the stream is damaged then
				before = append(before, harness.Object{"type": "create", "target": name}, harness.Object{"type": "subscribe", "target": name})
			}
		}
		return before
	}, func(t *testing.T, o *harness.Outcome, src, dst harness.Account) {
		if strings.ContainsAny(o.Stderr, "\x1b\x07\u202e") {
			t.Errorf("stderr holds what a terminal obeys: %q", o.Stderr)
		}
		for _, box := range dst.Folders(t) {
			if strings.Contains(box.Path, "pwned") && !strings.Contains(box.Path, "tmp") && !strings.HasPrefix(box.Path, "x") {
				t.Errorf("folder %q was created", box.Path)
			}
		}
		end := o.Receipts().End(t)
		if end.Appended+end.Rejected+end.Failed != len(badNames) {
			t.Errorf("%+v", end)
		}
		if n := len(dst.Dump(t)); n != end.Appended {
			t.Errorf("%d messages arrived, the receipts say %d", n, end.Appended)
		}
	})
}

// TestRefusedFlag: a server that answers NO to a message for its flags, with a
// message that would do harm if it were taken for commands.
func TestRefusedFlag(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, PermanentFlags: []string{`\Seen`, `\Deleted`}})
	server2 := imaptest.StartServer(t, imaptest.Options{})
	for i := range 20 {
		flags := [][]string{{`\Seen`}, {`\Flagged`, "$Label1"}, {"Custom"}, nil}[i%4]
		server2.Account("src").AddMessage("Sent", flags, harness.Day(i), append(harness.Letter(fmt.Sprintf("refused-%d", i), ""), commands...))
	}
	src, dst := harness.Embedded(server2, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	o := b.Sh(harness.Straight).Wants(0).Appended(20)
	unharmed(t, src, dst, "Sent")
	for _, r := range o.Receipts().Of("appended") {
		if want := [][]string{{"$Label1", `\Flagged`}, {"Custom"}, nil, nil}[(r.UID+2)%4]; !slices.Equal(sorted(r.DroppedFlags), want) {
			t.Errorf("UID %d: dropped %q, want %q", r.UID, r.DroppedFlags, want)
		}
	}
	b.Sh(harness.Straight).Wants(0).Appended(0)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
