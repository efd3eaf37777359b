package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// flagged is a letter with these flags.
func flagged(id string, flags ...string) imaptest.Message {
	return imaptest.Message{Octets: harness.Letter(id, "Hi "+id+"\n"), Flags: flags, InternalDate: harness.Day(1)}
}

// sides runs a test from the embedded server to each of the servers.
func sides(t *testing.T, test func(t *testing.T, src, dst harness.Account)) {
	servers(t, func(t *testing.T, dst harness.Account) {
		server := imaptest.StartServer(t, imaptest.Options{})
		server.Account("src").AddMailbox("INBOX")
		test(t, harness.Embedded(server, "src"), dst)
	})
}

// TestFlagsAndKeywords: flags make the round trip; \Recent is never sent; a keyword
// that the folder cannot keep is dropped and counted.
func TestFlagsAndKeywords(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst harness.Account) {
		src.One(t, flagged("1", `\Seen`, `\Answered`), flagged("2", `\Flagged`, "$Forwarded", "Work"), flagged("3", `\Draft`), flagged("4"), flagged("5", `\Deleted`, `$MDNSent`))
		b := harness.Between(t, src, dst)
		b.Sh(harness.PipelineWith("")).Wants(0).Appended(5)
		dst.HaveFlags(t, src.Flags(t)...)
		b.Sh(`imap-fetch -o back $DST && ! zstdcat back | grep -i recent`).Wants(0)
		b.Sh(harness.PipelineWith("--sync-flags exact")).Wants(0).Appended(0).Says("flags of 0 messages")
	})
	server := imaptest.StartServer(t, imaptest.Options{PermanentFlags: []string{`\Seen`, `\Flagged`}})
	src := harness.Letters(imaptest.StartServer(t, imaptest.Options{}), "src", flagged("1", `\Seen`, "NonJunk"), flagged("2", "nonjunk", "Work", `\Draft`))
	server.Account("dst").AddMailbox("INBOX")
	dst := harness.Embedded(server, "dst")
	o := harness.Between(t, src, dst).Sh(harness.PipelineWith("")).Wants(0).Appended(2).Says("does not keep", "Work 1 times")
	dst.HaveFlags(t, `\Seen`, "")
	for i, r := range o.Receipts().Of("appended") {
		if want := []string{"NonJunk", `\Draft nonjunk Work`}[i]; harness.Words(r.DroppedFlags...) != want {
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
	src := harness.Letters(server, "src", flagged("1", `\Seen`, "NonJunk"), flagged("2", `\Answered`), flagged("3", "NonJunk"))
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	o := b.Sh(harness.PipelineWith("")).Wants(0).Appended(3)
	dst.HaveFlags(t, `\Seen NonJunk`, `\Answered`, "NonJunk")
	for _, r := range o.Receipts().Of("appended") {
		if refused := r.UID != 2; refused != slices.Contains(r.DroppedFlags, "NonJunk") {
			t.Errorf("UID %d: dropped flags %q", r.UID, r.DroppedFlags)
		}
	}
	later := o.Receipts().Of("flagged")
	for _, r := range later {
		if r.UID == 2 || len(r.DroppedFlags) > 0 {
			t.Errorf("UID %d: dropped flags %q", r.UID, r.DroppedFlags)
		}
	}
	if len(later) != 2 {
		t.Errorf("%d messages got their flags later", len(later))
	}
	b.Sh(harness.PipelineWith("")).Wants(0).Appended(0)

	// The user's own choice needs no refusal.
	server.Account("other").AddMailbox("INBOX")
	other := harness.Embedded(server, "other")
	o = harness.Between(t, src, other).Sh(`imap-fetch $SRC | imap-diff $DST | imap-push --flags-drop nonjunk --flag-map '\Answered=Done' $DST`).Wants(0).Appended(3)
	other.HaveFlags(t, `\Seen`, "Done", "")
	if strings.Contains(o.Stdout, "dropped_flags") {
		t.Errorf("what is left out on purpose is told as dropped:\n%s", o.Stdout)
	}
}

// TestSyncFlags: a flag that was taken away at the source is taken away
// by exact, kept by add, and nothing is touched by off; two spellings of one
// keyword are one.
func TestSyncFlags(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst harness.Account) {
		src.One(t, flagged("1", `\Seen`), flagged("2", "$MDNSent"), flagged("3", `\Flagged`, "Work"), flagged("4", "New"))
		dst.One(t, flagged("1", `\Flagged`), flagged("2", "$MdnSent"), flagged("3"), flagged("4", "New", "Old"))
		b := harness.Between(t, src, dst)
		before := dst.Flags(t)
		b.Sh(`imap-fetch --headers -o mail $SRC`).Wants(0)
		b.Sh(`imap-diff $DST mail | imap-push $DST`).Wants(0).Appended(0)
		dst.HaveFlags(t, before...)

		o := b.Sh(`imap-diff --sync-flags add --level none $DST mail | tee plan | imap-push $DST`).Wants(0).Appended(0).Says("flags of 2 messages")
		dst.HaveFlags(t, `\Flagged \Seen`, "$MDNSent", `\Flagged Work`, "New Old")
		if n := len(o.Receipts().Of("flagged")); n != 2 {
			t.Errorf("%d receipts say flagged, want 2\n%s", n, o)
		}
		b.Sh(harness.PipelineWith("--sync-flags add")).Wants(0).Says("flags of 0 messages")
		o = b.Sh(`imap-push $DST plan`).Wants(0) // again
		if n := len(o.Receipts().Of("present")); n != 2 {
			t.Errorf("%d receipts say present, want 2\n%s", n, o)
		}

		b.Sh(harness.PipelineWith("--sync-flags exact")).Wants(0).Appended(0).Says("flags of 2 messages")
		dst.HaveFlags(t, src.Flags(t)...)
		b.Sh(harness.PipelineWith("--sync-flags exact")).Wants(0).Says("flags of 0 messages")
		b.Sh(`imap-diff --report --equal $DST mail`).Wants(0)
	})
}

// TestFlagsTakenAway: only by a plan that has come to a good end, and that
// nobody has edited.
func TestFlagsTakenAway(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(server, "src", flagged("1"), flagged("2", `\Seen`), flagged("3"))
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
			dst := harness.Letters(server, user, flagged("1", `\Flagged`), flagged("2"), flagged("3", "Work"))
			b := harness.Between(t, src, dst)
			o := b.Sh(plan + c.script).Wants(c.code)
			dst.HaveFlags(t, c.want...)
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
	src := harness.Letters(server, "src", flagged("1", `\Seen`), flagged("2", `\Seen`))
	for name, c := range map[string]struct {
		change func(dst harness.Account)
		code   int
		want   []string
	}{
		"expunged":            {func(dst harness.Account) { server.Account(dst.User).Expunge("INBOX", 1) }, 3, []string{`\Seen`}},
		"another UIDVALIDITY": {func(dst harness.Account) { server.Account(dst.User).SetUIDValidity("INBOX", 99) }, 3, []string{"", ""}},
		"set meanwhile":       {func(dst harness.Account) { server.Account(dst.User).SetFlags("INBOX", 1, `\Seen`, "Mine") }, 0, []string{`\Seen Mine`, `\Seen`}},
	} {
		t.Run(name, func(t *testing.T) {
			dst := harness.Letters(server, "dst-"+strings.ReplaceAll(name, " ", "-"), flagged("1"), flagged("2"))
			b := harness.Between(t, src, dst)
			b.Sh(`imap-fetch --headers $SRC | imap-diff --sync-flags add -o plan $DST`).Wants(0)
			c.change(dst)
			b.Sh(`imap-push $DST plan`).Wants(c.code)
			dst.HaveFlags(t, c.want...)
		})
	}
}

// TestFlagsOfAPlanForAnother: the UIDs of a plan that was made for another account
// are those of other messages, whose flags are not changed.
func TestFlagsOfAPlanForAnother(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(server, "src", flagged("1", `\Flagged`), flagged("2"))
	other := harness.Letters(server, "other", flagged("8"), flagged("9", `\Seen`))
	b := harness.Between(t, src, harness.Letters(server, "dst", flagged("1"), flagged("2", `\Seen`))).With("OTHER", other.Options())
	for _, how := range []string{"add", "exact"} {
		b.Sh(`imap-fetch --headers $SRC | imap-diff --sync-flags ` + how + ` $DST | imap-push $OTHER >receipts`).
			Wants(3).Says("the plan was made for")
		b.Sh(`grep -q '"reason":"other-account"' receipts`).Wants(0)
		other.HaveFlags(t, "", `\Seen`)
	}
}

// TestLaterFlagsWin: of a full archive and a later one, the flags of the later.
func TestLaterFlagsWin(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(server, "src", flagged("1", `\Flagged`), flagged("2"), flagged("3", `\Seen`))
	b := harness.Between(t, src, harness.Letters(server, "dst", flagged("1"), flagged("2", `\Flagged`), flagged("3")))
	b.Sh(`imap-fetch -o monday $SRC`).Wants(0)
	server.Account("src").SetFlags("INBOX", 1, `\Seen`)
	server.Account("src").SetFlags("INBOX", 2, "Work")
	b.Sh(`imap-fetch --headers -o friday $SRC; imap-fetch -o friday2 $SRC`).Wants(0)
	b.Sh(`cat monday friday2 | imap-diff --sync-flags exact $DST | imap-push $DST`).Wants(0).Appended(0)
	harness.Embedded(server, "dst").HaveFlags(t, `\Seen`, "Work", `\Seen`)
	b.Sh(`cat monday friday2 >both; imap-diff --sync-flags exact -o plan $DST both; zstdcat plan`).Wants(0).Says("flags of 0 messages")
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
			src := harness.Letters(imaptest.StartServer(t, imaptest.Options{}), "src", mail...)
			server.Account("dst").AddMailbox("INBOX")
			dst := harness.Embedded(server, "dst")
			line := imaptest.NewFaultProxy(t, dst.Addr)
			b := harness.Between(t, src, dst.By(line.Addr()))
			o := b.Sh(harness.PipelineWith("")).Wants(0).Appended(20)
			dst.HaveFlags(t, src.Flags(t)...)
			if stored := line.Commands("UID STORE") > 0; stored != c.stores || stored != (len(o.Receipts().Of("flagged")) == 10) {
				t.Errorf("%d STORE\n%s", line.Commands("UID STORE"), o)
			}
		})
	}
}
