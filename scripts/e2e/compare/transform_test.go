package compare

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// everything is every rule that leaves the key alone.
const everything = `--fix bare-lf --fix nul=strip --fix final-crlf --fix header-8bit=mask --fix header-fold --fix header-colon --fix mbox-from=rename --fix message-id --fix long-lines ` +
	`--disarm-read-receipts --header-add 'Received: from old.example; {date}' --header-set 'X-Folder: {folder}' --header-delete X-Junk --internaldate received`

// TestChangedOnce: what was changed on its way is known again by the next run,
// and by a second push of the same plan, whatever the server.
func TestChangedOnce(t *testing.T) {
	t.Parallel()
	for name, start := range harness.Some(t, 2, map[string]func(t *testing.T) harness.Account{
		"embedded": func(t *testing.T) harness.Account {
			return harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
		},
		"without UIDPLUS": func(t *testing.T) harness.Account {
			caps := slices.DeleteFunc(slices.Clone(imaptest.DefaultCaps), func(c string) bool { return c == "UIDPLUS" })
			return harness.Embedded(imaptest.StartServer(t, imaptest.Options{Caps: caps}), "joe")
		},
		"dovecot": func(t *testing.T) harness.Account {
			return harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe")
		},
		"cyrus": func(t *testing.T) harness.Account {
			return harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := exactWorld(t, 40)
			dst := start(t)
			b := harness.Between(t, w.src, dst)
			push := pushing(everything)
			o := b.Sh(push).Wants(3)
			first := o.Receipts()
			arrived := len(dst.Dump(t))
			if n := len(first.Of("appended")); n != arrived || arrived < len(w.held)*9/10 {
				t.Errorf("%d appended, %d are there, of %d\n%s", n, arrived, len(w.held), o)
			}
			for _, r := range first.Of("rejected") {
				if r.Reason == "key-changed" && !strings.HasPrefix(r.Key, "body:") && !strings.HasPrefix(r.Key, "header:") {
					t.Errorf("%+v", r)
				}
			}
			b.Sh(`imap-push ` + everything + ` $DST plan.zst`).Wants(3).Appended(0)
			b.Sh(push).Wants(3).Appended(0)
			b.Sh(strings.Replace(harness.Straight, "imap-push", "imap-push "+everything, 1)).Wants(3).Appended(0)
			if n := len(dst.Dump(t)); n != arrived {
				t.Errorf("%d messages, and %d before", n, arrived)
			}
		})
	}
}

// TestPlanPushedPlainThenChanged: what a run without rules had appended of a
// plan is known to one with rules, and the reverse.
func TestPlanPushedPlainThenChanged(t *testing.T) {
	t.Parallel()
	for _, order := range [][2]string{{"", everything}, {`--header-add 'X-A: {folder}' --disarm-read-receipts`, ""}} {
		_, _, dst, b := harness.InMemory(t, 30)
		b.Sh(`imap-fetch $SRC | imap-diff $DST >plan`).Wants(0)
		b.Sh(`imap-push ` + order[0] + ` --max-bytes 20000 $DST plan`).Wants(75)
		some := len(dst.Dump(t))
		if some == 0 || some == 30 {
			t.Fatalf("%d messages", some)
		}
		b.Sh(`imap-push ` + order[1] + ` $DST plan`).Appended(30 - some)
		if n := len(dst.Dump(t)); n != 30 {
			t.Errorf("%d messages", n)
		}
	}
}

// TestAddedMessageID: two folders into one, with messages of the same UID and
// none with a Message-ID: each has its own, the same in each run.
func TestAddedMessageID(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	plain := func(folder string, n int) []byte {
		return fmt.Appendf(nil, "Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: %s %d\r\n\r\nsame\r\n", folder, n)
	}
	for i := range 3 {
		for _, folder := range []string{"INBOX", "Sent"} {
			server.Account("src").AddMessage(folder, nil, harness.Day(i), plain(folder, i))
		}
	}
	server.Account("src").AddMessage("INBOX", nil, harness.Day(3), harness.Letter("has-one", "x\n"))
	ids := map[string][]string{}
	for _, user := range []string{"one", "two"} {
		dst := harness.Embedded(server, user)
		b := harness.Between(t, harness.Embedded(server, "src"), dst)
		push := `imap-fetch $SRC | imap-diff --map Sent=INBOX $DST | imap-push --fix message-id $DST`
		b.Sh(push).Wants(0).Appended(7)
		for _, e := range dst.DumpOctets(t) {
			line, _, _ := bytes.Cut(e.Octets, []byte("\r\n"))
			ids[user] = append(ids[user], string(line))
		}
		b.Sh(push).Wants(0).Appended(0)
		b.Sh(`imap-fetch $SRC | imap-diff --map Sent=INBOX --report --exit-code $DST`).Wants(0)
	}
	slices.Sort(ids["one"])
	slices.Sort(ids["two"])
	if !slices.Equal(ids["one"], ids["two"]) || len(slices.Compact(ids["one"])) != 7 {
		t.Errorf("%q\n%q", ids["one"], ids["two"])
	}
}

// TestChangedKey: what would not be known again is not appended, unless that is
// asked for; then the receipt has both keys.
func TestChangedKey(t *testing.T) {
	t.Parallel()
	_, _, dst, b := harness.InMemory(t, 10)
	command := `--pipe 'sed s/^Message-ID:/X-ID:/I'`
	o := b.Sh(pushing(command)).Wants(3).Appended(0).Says("--allow rewrite")
	for _, r := range o.Receipts().Of("rejected") {
		if r.Reason != "key-changed" || !strings.Contains(r.Text, "would be changed by") {
			t.Errorf("%+v", r)
		}
	}
	if n := len(dst.Dump(t)); n != 0 {
		t.Errorf("%d arrived", n)
	}
	o = b.Sh(pushing(command + ` --allow rewrite`)).Wants(0).Appended(10)
	for _, r := range o.Receipts().Of("appended") {
		if !strings.HasPrefix(r.SentKey, "origin:") { // what is sent has no Message-ID
			t.Errorf("%+v", r)
		}
	}
	// The same plan knows them.
	b.Sh(`imap-push ` + command + ` --allow rewrite $DST plan.zst`).Wants(0).Appended(0)
	b.Sh(`imap-push --unconditional ` + command + ` $DST mail.zst`).Wants(0).Appended(10)
}

// TestLeftOut: NUL and long lines can be left out, and are then named.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, body := range []string{"a\x00b\n", strings.Repeat("x", 2000) + "\n", "plain\n"} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(i), harness.Letter(fmt.Sprint(i), body))
	}
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, harness.Embedded(server, "src"), dst)
	push := pushing(`--fix nul=skip --max-line 998=skip --rejects rejects`)
	o := b.Sh(push).Wants(3).Appended(1)
	skipped := o.Receipts().Of("skipped")
	if len(skipped) != 2 || skipped[0].Reason != "nul" || skipped[1].Reason != "long-line" {
		t.Errorf("%+v", skipped)
	}
	b.Sh(push).Wants(3).Appended(0)
	b.Sh(`imap-push --fix nul=strip --max-line 998=wrap $DST rejects`).Wants(0).Appended(2)
	b.Sh(pushing("")).Wants(0).Appended(0)
}

// TestRefusedAndWhy: the receipt of a refusal names what is odd in the message,
// and the fixes of those names make it acceptable.
func TestRefusedAndWhy(t *testing.T) {
	t.Parallel()
	src := imaptest.StartServer(t, imaptest.Options{})
	src.Account("joe").AddMessage("INBOX", nil, harness.Day(0), append([]byte("From joe Sat Mar  3 10:11:12 2012\r\nX-Blank : x\r\n"), harness.Letter("nul", "a\x00b\n")...))
	dst := harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
	b := harness.Between(t, harness.Embedded(src, "joe"), dst)
	o := b.Sh(pushing("")).Wants(3)
	r := o.Receipts().Of("rejected")
	if len(r) != 1 || fmt.Sprint(r[0].Anomalies) != "[mbox-from nul header-colon]" {
		t.Fatalf("%+v", r)
	}
	b.Sh(pushing(`--fix mbox-from=drop --fix nul=strip --fix header-colon`)).Wants(0).Appended(1)
	if got := string(dst.DumpOctets(t)[0].Octets); !strings.HasPrefix(got, "X-Blank: x\r\nMessage-ID: <nul@example.org>\r\n") || !strings.HasSuffix(got, "\r\n\r\nab\r\n") {
		t.Errorf("%q", got)
	}
}

// TestBrokenSignature: a receipt says where a signature may not hold any more.
func TestBrokenSignature(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, head := range []string{"DKIM-Signature: v=1; h=from:subject; b=x\r\n", ""} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(i), append([]byte(head), harness.Letter(fmt.Sprint(i), strings.Repeat("word ", 300)+"\n")...))
	}
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	all := b.Sh(pushing(`--max-line 998=wrap`)).Wants(0).Appended(2).Receipts().Of("appended")
	if !all[0].BreaksSignature || all[1].BreaksSignature || fmt.Sprint(all[0].Transforms) != "[fix:long-lines]" {
		t.Errorf("%+v", all)
	}
}

// TestMemoryOfChanges changes one huge message.
func TestMemoryOfChanges(t *testing.T) {
	t.Parallel()
	size := 80 << 20
	if harness.Long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	octets := harness.Huge(size)
	octets[size/2] = 0
	server.Account("src").AddMessage("INBOX", nil, harness.Day(0), octets)
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	b.Sh(`imap-fetch -o mail $SRC && imap-diff -o plan $DST mail`).Wants(0)
	for options, want := range harness.Some(t, 2, map[string][]byte{
		`--header-add 'X-A: b' --max-line 998=wrap --fix bare-lf`: append([]byte("X-A: b\r\n"), octets...),
		`--fix nul=strip --fix final-crlf`:                        bytes.ReplaceAll(octets, []byte{0}, nil),
		`--pipe cat`:                                              octets,
	}) {
		user := fmt.Sprint("user", len(options))
		n := b.With("DST", harness.Embedded(server, user).Options()).Peak(`imap-push ` + options + ` $DST plan`)
		t.Logf("%d MiB: %s", n>>20, options)
		if n > harness.MaxMemory {
			t.Errorf("%s: %d MiB, at most %d", options, n>>20, harness.MaxMemory>>20)
		}
		if got := server.Account(user).Entries(); len(got) != 1 || got[0].SHA256 != imaptest.Sum(want) {
			t.Errorf("%s: another message", options)
		}
	}
}

// TestChangedTwins: of several messages with one key, changed on their way, a
// run that was stopped has appended some: the next appends the others.
func TestChangedTwins(t *testing.T) {
	t.Parallel()
	for form, line := range harness.Some(t, 1, map[string]string{
		"straight": `imap-fetch --headers $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push `,
		"offline":  `imap-fetch $SRC -o mail && imap-diff $DST mail | imap-push `,
		"pipe":     `imap-fetch $SRC | imap-diff $DST | imap-push `,
	}) {
		for name, at := range map[string]func(int) int{"one date": func(int) int { return 0 }, "several dates": func(i int) int { return i }} {
			for first := 1; first < 4; first++ {
				t.Run(fmt.Sprint(form, ", ", name, ", ", first), func(t *testing.T) {
					t.Parallel()
					server := imaptest.StartServer(t, imaptest.Options{})
					for i := range 4 {
						server.Account("src").AddMessage("INBOX", nil, harness.Day(at(i)), harness.Letter("twin", fmt.Sprintf("body %d\n", i)))
					}
					src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
					b := harness.Between(t, src, dst)
					const rule = `--header-add 'X-Folder: {folder}' `
					size := len(harness.Letter("twin", "body 0\n")) + len("X-Folder: INBOX\r\n")
					b.Sh(line + rule + fmt.Sprintf("--max-bytes %d $DST", first*size)).Wants(75).Appended(first)
					b.Sh(line + rule + "$DST").Wants(0).Appended(4 - first)
					bodies := map[string]int{}
					for _, e := range dst.DumpOctets(t) {
						_, body, _ := strings.Cut(string(e.Octets), "\r\n\r\n")
						bodies[body]++
					}
					if len(bodies) != 4 {
						t.Errorf("%v", bodies)
					}
					b.Sh(line + rule + "$DST").Wants(0).Appended(0)
				})
			}
		}
	}
}

// TestChangedAndLost keeps the answers to some APPENDs from imap-push although
// the server has stored the changed messages: they are known for what they are.
func TestChangedAndLost(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("src").Fill(harness.Mail(60))
	for i := range 3 {
		server.Account("src").AddMessage("Twins", nil, harness.Day(0), harness.Letter("twin", fmt.Sprintf("body %d\n", i)))
	}
	src := harness.Embedded(server, "src")
	commands := map[string]string{
		"headers": `--header-add 'X-Folder: {folder}' --header-set 'X-Loop: 1' --internaldate received`,
		"a body":  `--pipe 'cat; echo more'`,
		"a key":   `--pipe 'sed s/^Message-ID:.*/X-No-ID:/' --allow rewrite`,
	}
	for place, start := range harness.Some(t, 1, map[string]func(t *testing.T) harness.Account{
		"embedded": func(t *testing.T) harness.Account {
			return harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "dst")
		},
		"dovecot": func(t *testing.T) harness.Account {
			return harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "dst")
		},
	}) {
		for what, options := range commands {
			t.Run(place+", "+what, func(t *testing.T) {
				t.Parallel()
				dst := start(t)
				proxy := imaptest.NewFaultProxy(t, dst.Addr, imaptest.DropAnswer("APPEND", 2), imaptest.DropAnswer("APPEND", 5))
				b := harness.Between(t, src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
				b.Sh(`imap-fetch $SRC | imap-diff $PROXY | imap-push ` + options + ` $PROXY`).Wants(0).Appended(63)
				if proxy.Fired() == 0 {
					t.Error("the fault did not happen")
				}
				if n := len(dst.Dump(t)); n != 63 {
					t.Errorf("%d messages", n)
				}
			})
		}
	}
}
