package push

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
)

// A plan is pushed a second time, through a line on which the server says odd
// things: what it hides is not appended again.
func TestServersThatHideNewcomers(t *testing.T) {
	const exists = `^\* \d+ EXISTS`
	letters := numbered(5)
	cases := []struct {
		name string
		lie  func(string) string
		want receipt.Result // of every message
	}{
		{"honest", func(line string) string { return line }, receipt.Present},
		{"0 EXISTS", imaptest.Replace(exists, "* 0 EXISTS", -1), receipt.Present},
		{"nothing is shown", hideAll(), receipt.Rejected},
		{"0 EXISTS once", imaptest.Replace(exists, "* 0 EXISTS", 1), receipt.Present},
		{"no UIDNEXT", imaptest.Replace(`^\* OK \[UIDNEXT.*`, "", -1), receipt.Present},
		{"STATUS is refused", imaptest.Replace(`^\* STATUS.*`, "", -1), receipt.Present},
		{"SELECT is refused", imaptest.Replace(`^(\S+) OK (.*\[READ-WRITE\].*)`, "$1 NO $2", -1), receipt.Rejected},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{})
			account := server.Account("joe")
			account.AddMailbox("INBOX")
			line := imaptest.NewFaultProxy(t, server.Addr())
			plan := planFor(t, letters, 0, 0)
			if _, _, err := carryOut(t, line.Addr(), plan, Options{}); err != nil {
				t.Fatal(err)
			}
			line.Rewrite(c.lie)
			before := account.Appends()
			_, receipts, err := carryOut(t, line.Addr(), plan, Options{})
			code := exit.OK
			if c.want == receipt.Rejected {
				code = exit.Partial
			}
			if exit.CodeOf(err) != code || len(receipts) != len(letters) || account.Appends() != before {
				t.Errorf("%v, %d receipts, %d appended", err, len(receipts), account.Appends()-before)
			}
			for _, r := range receipts {
				if r.Result != c.want {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// hideAll makes a folder look empty but for its STATUS.
func hideAll() func(string) string {
	exists, fetch := imaptest.Replace(`^\* \d+ EXISTS`, "* 0 EXISTS", -1), imaptest.Replace(`^\* \d+ FETCH \(UID \d+\)`, "* OK", -1)
	search := imaptest.Replace(`^\* SEARCH.*`, "* SEARCH", -1)
	return func(line string) string { return search(fetch(exists(line))) }
}

// A plan is pushed a second time while the server gives no octets of the third
// message in any way: nobody can tell that it is not one of the plan.
func TestNewcomersThatCannotBeRead(t *testing.T) {
	for what, pattern := range map[string]string{"header": `(HEADER|BODY\.PEEK)`, "octets": `BODY\.PEEK\[\]`} {
		t.Run(what, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{})
			account := server.Account("joe")
			account.AddMailbox("INBOX")
			line := imaptest.NewFaultProxy(t, server.Addr())
			plan := planFor(t, numbered(5), 0, 0)
			if _, _, err := carryOut(t, line.Addr(), plan, Options{}); err != nil {
				t.Fatal(err)
			}
			before := account.Appends()
			line.SetRules(imaptest.CutLine(`UID FETCH ([123]:\S+|3) .*` + pattern).Each())
			_, receipts, err := carryOut(t, line.Addr(), plan, Options{})
			if exit.CodeOf(err) != exit.Partial || len(receipts) != 5 || account.Appends() != before || line.Fired() == 0 {
				t.Errorf("%v, %d receipts, %d appended, %d cuts", err, len(receipts), account.Appends()-before, line.Fired())
			}
			line.SetRules()
			if outcome, _, err := carryOut(t, line.Addr(), plan, Options{}); err != nil || outcome.Present != 5 {
				t.Errorf("%s, %v", outcome, err)
			}
		})
	}
}

// A folder that was emptied since the plan was made hides nothing.
func TestEmptiedFolder(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	for _, l := range numbered(3) {
		account.AddMessage("INBOX", nil, l.arrived(), l.octets())
	}
	for uid := range uint64(3) {
		account.Expunge("INBOX", uid+1)
	}
	outcome, _, err := carryOut(t, server.Addr(), planFor(t, numbered(5), 1001, 4), Options{})
	if err != nil || outcome.Appended != 5 {
		t.Errorf("%s, %v", outcome, err)
	}
}

// A plan that does not say where its knowledge ends is not carried out in a
// folder that was there.
func TestPlanWithoutUIDNEXT(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").AddMailbox("INBOX")
	outcome, receipts, err := carryOut(t, server.Addr(), planFor(t, numbered(2), 1001, 0), Options{})
	if exit.CodeOf(err) != exit.Partial || outcome.Rejected != 2 || !strings.Contains(receipts[0].Text, "make a new plan") {
		t.Errorf("%s, %+v, %v", outcome, receipts, err)
	}
}

// into changes the destination folder of a plan, and asks for it to be created.
func into(plan []byte, name string) []byte {
	plan = bytes.ReplaceAll(plan, []byte(`"target":"INBOX"`), []byte(`"target":"`+name+`"`))
	at := bytes.Index(plan, []byte(`{"type":"message"`))
	return slices.Concat(plan[:at], []byte(`{"type":"create","target":"`+name+`","folder":"INBOX"}`+"\n"), plan[at:])
}

// A folder that the server says is there, and does not list, is another one.
func TestFolderThatIsThereAndNotListed(t *testing.T) {
	letters := numbered(3)
	cases := []struct {
		name, there string
		lie         func(string) string
		code        exit.Code
		create      receipt.Result
		messages    receipt.Result
	}{
		{"other letters", "WORK", nil, exit.Partial, receipt.Rejected, receipt.Rejected},
		{"made meanwhile", "Work", imaptest.Replace(`^\* LIST .* "?Work"?$`, "", 1), exit.OK, receipt.Present, receipt.Appended},
		{"never listed", "Work", imaptest.Replace(`^\* LIST .* "?Work"?$`, "", -1), exit.OK, receipt.Present, receipt.Appended},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := imaptest.StartServer(t, imaptest.Options{FoldCase: true})
			server.Account("joe").AddMailbox(c.there)
			line := imaptest.NewFaultProxy(t, server.Addr())
			if c.lie != nil {
				line.Rewrite(c.lie)
			}
			_, receipts, err := carryOut(t, line.Addr(), into(planFor(t, letters, 0, 0), "Work"), Options{Edited: true})
			if exit.CodeOf(err) != c.code || len(receipts) != 1+len(letters) {
				t.Fatalf("%v, %+v", err, receipts)
			}
			if r := receipts[0]; r.Result != c.create || r.Result == receipt.Rejected && r.Reason != "collides" {
				t.Errorf("%+v", r)
			}
			for _, r := range receipts[1:] {
				if r.Result != c.messages {
					t.Errorf("%+v", r)
				}
			}
			if n := len(server.Account("joe").Messages(c.there)); (n == len(letters)) != (c.messages == receipt.Appended) {
				t.Errorf("%d messages in %s", n, c.there)
			}
		})
	}
}

// deadly cuts the connection whenever one of the letters is announced.
func deadly(letters ...letter) imaptest.Rule {
	var sizes []string
	for _, l := range letters {
		sizes = append(sizes, fmt.Sprint(len(l.octets())))
	}
	return imaptest.CutLine(`\{(` + strings.Join(sizes, "|") + `)\+?\}$`).Each()
}

// A message at which the connection always ends costs itself alone; many of
// them are an outage.
func TestMessageThatEndsTheConnection(t *testing.T) {
	letters := numbered(12)
	for _, literalPlus := range []bool{true, false} {
		for _, bad := range [][]letter{{letters[4]}, {letters[0], letters[11]}, letters[3:8], letters[3:9]} {
			t.Run(fmt.Sprintf("%d, literal plus %v", len(bad), literalPlus), func(t *testing.T) {
				t.Parallel()
				server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: literalPlus})
				account := server.Account("joe")
				account.AddMailbox("INBOX")
				line := imaptest.NewFaultProxy(t, server.Addr(), deadly(bad...))
				outcome, receipts, err := carryOut(t, line.Addr(), planFor(t, letters, 0, 0), Options{sleep: quick})
				got := bodies(account.Messages("INBOX"))
				if len(bad) > maxDeadly {
					if exit.CodeOf(err) != exit.Temporary || exit.HintOf(err) == "" {
						t.Errorf("%v", err)
					}
					if slices.Sort(got); len(slices.Compact(slices.Clone(got))) != len(got) {
						t.Errorf("some are there twice: %v", got)
					}
					return
				}
				var want []string
				for _, l := range letters {
					if !slices.Contains(bad, l) {
						want = append(want, l.body)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				if tries := line.Fired(); tries > len(bad)*(aloneTries+5) {
					t.Errorf("%d connections were lost", tries)
				}
				if exit.CodeOf(err) != exit.Partial || outcome.Failed != int64(len(bad)) || len(receipts) != len(letters) {
					t.Errorf("%s, %d receipts, %v", outcome, len(receipts), err)
				}
				for _, r := range receipts {
					if r.Result == receipt.Failed && r.Reason != "connection-lost" {
						t.Errorf("%+v", r)
					}
				}
			})
		}
	}
}
