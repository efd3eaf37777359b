package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// everything is every rule that leaves the key alone.
const everything = `--fix bare-lf --fix nul=strip --fix final-crlf --fix header-8bit=mask --fix header-fold --fix header-colon --fix mbox-from=rename --fix message-id --fix long-lines ` +
	`--disarm-read-receipts --header-add 'Received: from old.example; {date}' --header-set 'X-Folder: {folder}' --header-delete X-Junk --internaldate received`

// TestChangedOnce: what was changed on its way is known again by the next run,
// and by a second push of the same plan, whatever the server.
func TestChangedOnce(t *testing.T) {
	t.Parallel()
	for name, start := range some(t, 2, map[string]func(t *testing.T) account{
		"embedded": func(t *testing.T) account { return embedded(imaptest.StartServer(t, imaptest.Options{}), "joe") },
		"without UIDPLUS": func(t *testing.T) account {
			caps := slices.DeleteFunc(slices.Clone(imaptest.DefaultCaps), func(c string) bool { return c == "UIDPLUS" })
			return embedded(imaptest.StartServer(t, imaptest.Options{Caps: caps}), "joe")
		},
		"dovecot": func(t *testing.T) account { return real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe") },
		"cyrus":   func(t *testing.T) account { return real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe") },
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := exactWorld(t, 40)
			dst := start(t)
			b := between(t, w.src, dst)
			push := pushing(everything)
			o := b.sh(push).wants(3)
			first := o.receipts()
			arrived := len(dst.dump(t))
			if n := len(first.of("appended")); n != arrived || arrived < len(w.held)*9/10 {
				t.Errorf("%d appended, %d are there, of %d\n%s", n, arrived, len(w.held), o)
			}
			for _, r := range first.of("rejected") {
				if r.Reason == "key-changed" && !strings.HasPrefix(r.Key, "body:") && !strings.HasPrefix(r.Key, "header:") {
					t.Errorf("%+v", r)
				}
			}
			b.sh(`imap-push ` + everything + ` $DST plan.zst`).wants(3).appended(0)
			b.sh(push).wants(3).appended(0)
			b.sh(strings.Replace(straight, "imap-push", "imap-push "+everything, 1)).wants(3).appended(0)
			if n := len(dst.dump(t)); n != arrived {
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
		_, _, dst, b := inMemory(t, 30)
		b.sh(`imap-fetch $SRC | imap-diff $DST >plan`).wants(0)
		b.sh(`imap-push ` + order[0] + ` --max-bytes 20000 $DST plan`).wants(75)
		some := len(dst.dump(t))
		if some == 0 || some == 30 {
			t.Fatalf("%d messages", some)
		}
		b.sh(`imap-push ` + order[1] + ` $DST plan`).appended(30 - some)
		if n := len(dst.dump(t)); n != 30 {
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
			server.Account("src").AddMessage(folder, nil, day(i), plain(folder, i))
		}
	}
	server.Account("src").AddMessage("INBOX", nil, day(3), letter("has-one", "x\n"))
	ids := map[string][]string{}
	for _, user := range []string{"one", "two"} {
		dst := embedded(server, user)
		b := between(t, embedded(server, "src"), dst)
		push := `imap-fetch $SRC | imap-diff --map Sent=INBOX $DST | imap-push --fix message-id $DST`
		b.sh(push).wants(0).appended(7)
		for _, e := range dst.dumpOctets(t) {
			line, _, _ := bytes.Cut(e.Octets, []byte("\r\n"))
			ids[user] = append(ids[user], string(line))
		}
		b.sh(push).wants(0).appended(0)
		b.sh(`imap-fetch $SRC | imap-diff --map Sent=INBOX --report --exit-code $DST`).wants(0)
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
	_, _, dst, b := inMemory(t, 10)
	command := `--pipe 'sed s/^Message-ID:/X-ID:/I'`
	o := b.sh(pushing(command)).wants(3).appended(0)
	for _, r := range o.receipts().of("rejected") {
		if r.Reason != "key-changed" || !strings.Contains(r.Text, "--allow rewrite") {
			t.Errorf("%+v", r)
		}
	}
	if n := len(dst.dump(t)); n != 0 {
		t.Errorf("%d arrived", n)
	}
	o = b.sh(pushing(command + ` --allow rewrite`)).wants(0).appended(10)
	for _, r := range o.receipts().of("appended") {
		if !strings.HasPrefix(r.SentKey, "origin:") { // what is sent has no Message-ID
			t.Errorf("%+v", r)
		}
	}
	// The same plan knows them.
	b.sh(`imap-push ` + command + ` --allow rewrite $DST plan.zst`).wants(0).appended(0)
	b.sh(`imap-push --unconditional ` + command + ` $DST mail.zst`).wants(0).appended(10)
}

// TestLeftOut: NUL and long lines can be left out, and are then named.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, body := range []string{"a\x00b\n", strings.Repeat("x", 2000) + "\n", "plain\n"} {
		server.Account("src").AddMessage("INBOX", nil, day(i), letter(fmt.Sprint(i), body))
	}
	dst := embedded(server, "dst")
	b := between(t, embedded(server, "src"), dst)
	push := pushing(`--fix nul=skip --max-line 998=skip --rejects rejects`)
	o := b.sh(push).wants(3).appended(1)
	skipped := o.receipts().of("skipped")
	if len(skipped) != 2 || skipped[0].Reason != "nul" || skipped[1].Reason != "long-line" {
		t.Errorf("%+v", skipped)
	}
	b.sh(push).wants(3).appended(0)
	b.sh(`imap-push --fix nul=strip --max-line 998=wrap $DST rejects`).wants(0).appended(2)
	b.sh(pushing("")).wants(0).appended(0)
}

// TestRefusedAndWhy: the receipt of a refusal names what is odd in the message,
// and the fixes of those names make it acceptable.
func TestRefusedAndWhy(t *testing.T) {
	t.Parallel()
	src := imaptest.StartServer(t, imaptest.Options{})
	src.Account("joe").AddMessage("INBOX", nil, day(0), append([]byte("From joe Sat Mar  3 10:11:12 2012\r\nX-Blank : x\r\n"), letter("nul", "a\x00b\n")...))
	dst := real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
	b := between(t, embedded(src, "joe"), dst)
	o := b.sh(pushing("")).wants(3)
	r := o.receipts().of("rejected")
	if len(r) != 1 || fmt.Sprint(r[0].Anomalies) != "[mbox-from nul header-colon]" {
		t.Fatalf("%+v", r)
	}
	b.sh(pushing(`--fix mbox-from=drop --fix nul=strip --fix header-colon`)).wants(0).appended(1)
	if got := string(dst.dumpOctets(t)[0].Octets); !strings.HasPrefix(got, "X-Blank: x\r\nMessage-ID: <nul@example.org>\r\n") || !strings.HasSuffix(got, "\r\n\r\nab\r\n") {
		t.Errorf("%q", got)
	}
}

// TestBrokenSignature: a receipt says where a signature may not hold any more.
func TestBrokenSignature(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, head := range []string{"DKIM-Signature: v=1; h=from:subject; b=x\r\n", ""} {
		server.Account("src").AddMessage("INBOX", nil, day(i), append([]byte(head), letter(fmt.Sprint(i), strings.Repeat("word ", 300)+"\n")...))
	}
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	all := b.sh(pushing(`--max-line 998=wrap`)).wants(0).appended(2).receipts().of("appended")
	if !all[0].BreaksSignature || all[1].BreaksSignature || fmt.Sprint(all[0].Transforms) != "[fix:long-lines]" {
		t.Errorf("%+v", all)
	}
}

// TestMemoryOfChanges changes one huge message.
func TestMemoryOfChanges(t *testing.T) {
	t.Parallel()
	size := 100 << 20
	if long() {
		size = 1 << 30
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	octets := huge(size)
	octets[size/2] = 0
	server.Account("src").AddMessage("INBOX", nil, day(0), octets)
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	b.sh(`imap-fetch -o mail $SRC && imap-diff -o plan $DST mail`).wants(0)
	for i, options := range []string{`--header-add 'X-A: b' --max-line 998=wrap --fix bare-lf`, `--fix nul=strip --fix final-crlf`, `--pipe cat`} {
		user := fmt.Sprint("user", i)
		n := b.with("DST", embedded(server, user).options()).peak(`imap-push ` + options + ` $DST plan`)
		t.Logf("%d MiB: %s", n>>20, options)
		if n > most {
			t.Errorf("%s: %d MiB, at most %d", options, n>>20, most>>20)
		}
		want := [][]byte{append([]byte("X-A: b\r\n"), octets...), bytes.ReplaceAll(octets, []byte{0}, nil), octets}[i]
		if got := server.Account(user).Entries(); len(got) != 1 || got[0].SHA256 != imaptest.Sum(want) {
			t.Errorf("%s: another message", options)
		}
	}
}

// TestChangedTwins: of several messages with one key, changed on their way, a
// run that was stopped has appended some: the next appends the others.
func TestChangedTwins(t *testing.T) {
	t.Parallel()
	for form, line := range some(t, 1, map[string]string{
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
						server.Account("src").AddMessage("INBOX", nil, day(at(i)), letter("twin", fmt.Sprintf("body %d\n", i)))
					}
					src, dst := embedded(server, "src"), embedded(server, "dst")
					b := between(t, src, dst)
					const rule = `--header-add 'X-Folder: {folder}' `
					size := len(letter("twin", "body 0\n")) + len("X-Folder: INBOX\r\n")
					b.sh(line + rule + fmt.Sprintf("--max-bytes %d $DST", first*size)).wants(75).appended(first)
					b.sh(line + rule + "$DST").wants(0).appended(4 - first)
					bodies := map[string]int{}
					for _, e := range dst.dumpOctets(t) {
						_, body, _ := strings.Cut(string(e.Octets), "\r\n\r\n")
						bodies[body]++
					}
					if len(bodies) != 4 {
						t.Errorf("%v", bodies)
					}
					b.sh(line + rule + "$DST").wants(0).appended(0)
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
	server.Account("src").Fill(mail(60))
	for i := range 3 {
		server.Account("src").AddMessage("Twins", nil, day(0), letter("twin", fmt.Sprintf("body %d\n", i)))
	}
	src := embedded(server, "src")
	commands := map[string]string{
		"headers": `--header-add 'X-Folder: {folder}' --header-set 'X-Loop: 1' --internaldate received`,
		"a body":  `--pipe 'cat; echo more'`,
		"a key":   `--pipe 'sed s/^Message-ID:.*/X-No-ID:/' --allow rewrite`,
	}
	for place, start := range some(t, 1, map[string]func(t *testing.T) account{
		"embedded": func(t *testing.T) account { return embedded(imaptest.StartServer(t, imaptest.Options{}), "dst") },
		"dovecot":  func(t *testing.T) account { return real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "dst") },
	}) {
		for what, options := range commands {
			t.Run(place+", "+what, func(t *testing.T) {
				t.Parallel()
				dst := start(t)
				proxy := imaptest.NewFaultProxy(t, dst.addr, imaptest.DropAnswer("APPEND", 2), imaptest.DropAnswer("APPEND", 5))
				b := between(t, src, dst).with("PROXY", dst.by(proxy.Addr()).options())
				b.sh(`imap-fetch $SRC | imap-diff $PROXY | imap-push ` + options + ` $PROXY`).wants(0).appended(63)
				if proxy.Fired() == 0 {
					t.Error("the fault did not happen")
				}
				if n := len(dst.dump(t)); n != 63 {
					t.Errorf("%d messages", n)
				}
			})
		}
	}
}
