package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// flagged is a letter with these flags.
func flagged(id string, flags ...string) imaptest.Message {
	return imaptest.Message{Octets: letter(id, "Hi "+id+"\n"), Flags: flags, InternalDate: day(1)}
}

// sides runs a test from the embedded server to each of the servers.
func sides(t *testing.T, test func(t *testing.T, src, dst account)) {
	servers(t, func(t *testing.T, dst account) {
		server := imaptest.StartServer(t, imaptest.Options{})
		server.Account("src").AddMailbox("INBOX")
		test(t, embedded(server, "src"), dst)
	})
}

// TestFlagsAndKeywords: flags make the round trip; \Recent is never sent; a keyword
// that the folder cannot keep is dropped and counted.
func TestFlagsAndKeywords(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst account) {
		src.one(t, flagged("1", `\Seen`, `\Answered`), flagged("2", `\Flagged`, "$Forwarded", "Work"), flagged("3", `\Draft`), flagged("4"), flagged("5", `\Deleted`, `$MDNSent`))
		b := between(t, src, dst)
		b.sh(by("")).wants(0).appended(5)
		dst.haveFlags(t, src.flags(t)...)
		b.sh(`imap-fetch -o back $DST && ! zstdcat back | grep -i recent`).wants(0)
		b.sh(by("--sync-flags exact")).wants(0).appended(0).says("flags of 0 messages")
	})
	server := imaptest.StartServer(t, imaptest.Options{PermanentFlags: []string{`\Seen`, `\Flagged`}})
	src := letters(imaptest.StartServer(t, imaptest.Options{}), "src", flagged("1", `\Seen`, "NonJunk"), flagged("2", "nonjunk", "Work", `\Draft`))
	server.Account("dst").AddMailbox("INBOX")
	dst := embedded(server, "dst")
	o := between(t, src, dst).sh(by("")).wants(0).appended(2).says("does not keep", "Work 1 times")
	dst.haveFlags(t, `\Seen`, "")
	for i, r := range o.receipts().of("appended") {
		if want := []string{"NonJunk", `\Draft nonjunk Work`}[i]; words(r.DroppedFlags...) != want {
			t.Errorf("receipt %d says that %q were dropped, want %q", i, r.DroppedFlags, want)
		}
	}
}

// TestRefusedFlags: a message whose flags are refused with APPEND arrives
// with those that are not, and gets the others when the run ends.
func TestRefusedFlags(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnAppend: func(_, _ string, m imaptest.Message) error {
		if slices.ContainsFunc(m.Flags, func(f string) bool { return strings.EqualFold(f, "NonJunk") }) {
			return &imap.Error{Type: imap.StatusResponseTypeBad, Text: "Invalid flag list"}
		}
		return nil
	}})
	server.Account("dst").AddMailbox("INBOX")
	src := letters(server, "src", flagged("1", `\Seen`, "NonJunk"), flagged("2", `\Answered`), flagged("3", "NonJunk"))
	dst := embedded(server, "dst")
	b := between(t, src, dst)
	o := b.sh(by("")).wants(0).appended(3)
	dst.haveFlags(t, `\Seen NonJunk`, `\Answered`, "NonJunk")
	for _, r := range o.receipts().of("appended") {
		if refused := r.UID != 2; refused != slices.Contains(r.DroppedFlags, "NonJunk") {
			t.Errorf("UID %d: dropped flags %q", r.UID, r.DroppedFlags)
		}
	}
	later := o.receipts().of("flagged")
	for _, r := range later {
		if r.UID == 2 || len(r.DroppedFlags) > 0 {
			t.Errorf("UID %d: dropped flags %q", r.UID, r.DroppedFlags)
		}
	}
	if len(later) != 2 {
		t.Errorf("%d messages got their flags later", len(later))
	}
	b.sh(by("")).wants(0).appended(0)

	// The user's own choice needs no refusal.
	server.Account("other").AddMailbox("INBOX")
	other := embedded(server, "other")
	o = between(t, src, other).sh(`imap-fetch $SRC | imap-diff $DST | imap-push --flags-drop nonjunk --flag-map '\Answered=Done' $DST`).wants(0).appended(3)
	other.haveFlags(t, `\Seen`, "Done", "")
	if strings.Contains(o.stdout, "dropped_flags") {
		t.Errorf("what is left out on purpose is told as dropped:\n%s", o.stdout)
	}
}

// TestSyncFlags: a flag that was taken away at the source is taken away
// by exact, kept by add, and nothing is touched by off; two spellings of one
// keyword are one.
func TestSyncFlags(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst account) {
		src.one(t, flagged("1", `\Seen`), flagged("2", "$MDNSent"), flagged("3", `\Flagged`, "Work"), flagged("4", "New"))
		dst.one(t, flagged("1", `\Flagged`), flagged("2", "$MdnSent"), flagged("3"), flagged("4", "New", "Old"))
		b := between(t, src, dst)
		before := dst.flags(t)
		b.sh(`imap-fetch --headers -o mail $SRC`).wants(0)
		b.sh(`imap-diff $DST mail | imap-push $DST`).wants(0).appended(0)
		dst.haveFlags(t, before...)

		o := b.sh(`imap-diff --sync-flags add --level none $DST mail | tee plan | imap-push $DST`).wants(0).appended(0).says("flags of 2 messages")
		dst.haveFlags(t, `\Flagged \Seen`, "$MDNSent", `\Flagged Work`, "New Old")
		if n := len(o.receipts().of("flagged")); n != 2 {
			t.Errorf("%d receipts say flagged, want 2\n%s", n, o)
		}
		b.sh(by("--sync-flags add")).wants(0).says("flags of 0 messages")
		o = b.sh(`imap-push $DST plan`).wants(0) // again
		if n := len(o.receipts().of("present")); n != 2 {
			t.Errorf("%d receipts say present, want 2\n%s", n, o)
		}

		b.sh(by("--sync-flags exact")).wants(0).appended(0).says("flags of 2 messages")
		dst.haveFlags(t, src.flags(t)...)
		b.sh(by("--sync-flags exact")).wants(0).says("flags of 0 messages")
		b.sh(`imap-diff --report --equal $DST mail`).wants(0)
	})
}

// TestFlagsTakenAway: only by a plan that has come to a good end, and that
// nobody has edited.
func TestFlagsTakenAway(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", flagged("1"), flagged("2", `\Seen`), flagged("3"))
	plan := `imap-fetch --headers -o mail --restart $SRC; imap-diff --sync-flags exact --level none $DST mail >plan; `
	for name, c := range map[string]struct {
		script string
		code   int
		want   []string
	}{
		"whole":             {`imap-push $DST plan`, 0, []string{"", `\Seen`, ""}},
		"a short dry run":   {`imap-push -n $DST plan`, 0, []string{`\Flagged`, "", "Work"}},
		"a dry run":         {`imap-push --dry-run $DST plan`, 0, []string{`\Flagged`, "", "Work"}},
		"cut":               {`head -n -1 plan | imap-push $DST`, 65, []string{`\Flagged`, `\Seen`, "Work"}},
		"aborted":           {`(head -n -1 plan; echo '{"type":"abort","command":"x","exit":3,"text":"x"}') | imap-push $DST`, 3, []string{`\Flagged`, `\Seen`, "Work"}},
		"edited":            {`grep -v '"uid":1,' plan | imap-push --edited $DST`, 3, []string{`\Flagged`, `\Seen`, "Work"}},
		"not as it claims":  {`grep -v '"uid":1,' plan | imap-push $DST`, 65, []string{`\Flagged`, `\Seen`, "Work"}},
		"another stream":    {`cat plan plan | head -n -1 | imap-push $DST`, 65, []string{`\Flagged`, `\Seen`, "Work"}},
		"twice":             {`cat plan plan | imap-push $DST`, 0, []string{"", `\Seen`, ""}},
		"edited at the top": {`imap-fetch --headers --level none $SRC | jq -c . | sed 3d | imap-diff --edited --sync-flags exact $DST`, 64, []string{`\Flagged`, "", "Work"}},
	} {
		t.Run(name, func(t *testing.T) {
			user := "dst-" + strings.ReplaceAll(name, " ", "-")
			dst := letters(server, user, flagged("1", `\Flagged`), flagged("2"), flagged("3", "Work"))
			b := between(t, src, dst)
			o := b.sh(plan + c.script).wants(c.code)
			dst.haveFlags(t, c.want...)
			if t.Failed() {
				t.Log(o)
			}
		})
	}
}

// TestFlagsOfWhom: no message but the one that imap-diff saw is touched.
func TestFlagsOfWhom(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", flagged("1", `\Seen`), flagged("2", `\Seen`))
	for name, c := range map[string]struct {
		change func(dst account)
		code   int
		want   []string
	}{
		"expunged":            {func(dst account) { server.Account(dst.user).Expunge("INBOX", 1) }, 3, []string{`\Seen`}},
		"another UIDVALIDITY": {func(dst account) { server.Account(dst.user).SetUIDValidity("INBOX", 99) }, 3, []string{"", ""}},
		"set meanwhile":       {func(dst account) { server.Account(dst.user).SetFlags("INBOX", 1, `\Seen`, "Mine") }, 0, []string{`\Seen Mine`, `\Seen`}},
	} {
		t.Run(name, func(t *testing.T) {
			dst := letters(server, "dst-"+strings.ReplaceAll(name, " ", "-"), flagged("1"), flagged("2"))
			b := between(t, src, dst)
			b.sh(`imap-fetch --headers $SRC | imap-diff --sync-flags add -o plan $DST`).wants(0)
			c.change(dst)
			b.sh(`imap-push $DST plan`).wants(c.code)
			dst.haveFlags(t, c.want...)
		})
	}
}

// TestFlagsOfAPlanForAnother: the UIDs of a plan that was made for another account
// are those of other messages, whose flags are not changed.
func TestFlagsOfAPlanForAnother(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", flagged("1", `\Flagged`), flagged("2"))
	other := letters(server, "other", flagged("8"), flagged("9", `\Seen`))
	b := between(t, src, letters(server, "dst", flagged("1"), flagged("2", `\Seen`))).with("OTHER", other.options())
	for _, how := range []string{"add", "exact"} {
		b.sh(`imap-fetch --headers $SRC | imap-diff --sync-flags ` + how + ` $DST | imap-push $OTHER >receipts`).
			wants(3).says("the plan was made for")
		b.sh(`grep -q '"reason":"other-account"' receipts`).wants(0)
		other.haveFlags(t, "", `\Seen`)
	}
}

// TestLaterFlagsWin: of a full archive and a later one, the flags of the later.
func TestLaterFlagsWin(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := letters(server, "src", flagged("1", `\Flagged`), flagged("2"), flagged("3", `\Seen`))
	b := between(t, src, letters(server, "dst", flagged("1"), flagged("2", `\Flagged`), flagged("3")))
	b.sh(`imap-fetch -o monday $SRC`).wants(0)
	server.Account("src").SetFlags("INBOX", 1, `\Seen`)
	server.Account("src").SetFlags("INBOX", 2, "Work")
	b.sh(`imap-fetch --headers -o friday $SRC; imap-fetch -o friday2 $SRC`).wants(0)
	b.sh(`cat monday friday2 | imap-diff --sync-flags exact $DST | imap-push $DST`).wants(0).appended(0)
	embedded(server, "dst").haveFlags(t, `\Seen`, "Work", `\Seen`)
	b.sh(`cat monday friday2 >both; imap-diff --sync-flags exact -o plan $DST both; zstdcat plan`).wants(0).says("flags of 0 messages")
}

// TestForgottenFlags: what a server forgets after APPEND is set again by STORE,
// and only then is anything stored.
func TestForgottenFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options imaptest.Options
		stores  bool
	}{
		"forgets":     {imaptest.Options{ForgetFlags: []string{`\Flagged`, "work"}}, true},
		"does not":    {imaptest.Options{}, false},
		"MULTIAPPEND": {imaptest.Options{LiteralPlus: true, ForgetFlags: []string{`\Flagged`, "work"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := imaptest.StartServer(t, c.options)
			var mail []imaptest.Message
			for i := range 20 {
				mail = append(mail, flagged(fmt.Sprint(i), [][]string{{`\Seen`}, {`\Flagged`}, {}, {`\Seen`, "Work"}}[i%4]...))
			}
			src := letters(imaptest.StartServer(t, imaptest.Options{}), "src", mail...)
			server.Account("dst").AddMailbox("INBOX")
			dst := embedded(server, "dst")
			line := imaptest.NewFaultProxy(t, dst.addr)
			b := between(t, src, dst.by(line.Addr()))
			o := b.sh(by("")).wants(0).appended(20)
			dst.haveFlags(t, src.flags(t)...)
			if stored := line.Commands("UID STORE") > 0; stored != c.stores || stored != (len(o.receipts().of("flagged")) == 10) {
				t.Errorf("%d STORE\n%s", line.Commands("UID STORE"), o)
			}
		})
	}
}
