package compare

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// pushing is the pipeline by way of a file, with options for imap-push.
func pushing(options string) string {
	return `imap-fetch $SRC -o mail.zst && imap-diff -o plan.zst $DST mail.zst && imap-push ` + options + ` $DST plan.zst`
}

// arrivalsOf are the arrival dates at the destination, by Subject.
func arrivalsOf(b *harness.Shell) map[string]string {
	b.T.Helper()
	b.Sh(`imap-fetch --headers --level none $DST -o there`).Wants(0)
	dates := map[string]string{}
	for _, r := range b.Records("there") {
		dates[r.Header.Subject] = r.InternalDate
	}
	return dates
}

// TestDates: the arrival date is kept with its offset; none sends none;
// by the header all that is met for a date is read.
func TestDates(t *testing.T) {
	t.Parallel()
	written := map[string]string{ // Date fields, and what they mean; "" is none
		"Sat, 03 Mar 2012 10:11:12 +0530":               "2012-03-03T10:11:12+05:30",
		"Sat Mar  3 10:11:12 2012":                      "2012-03-03T10:11:12+00:00",
		"Sat, 3 Mar 12 10:11:12 EST":                    "2012-03-03T10:11:12-05:00",
		"3 Mar 2012 1:2:3":                              "2012-03-03T01:02:03+00:00",
		"Sat, 3 (third) Mar 2012 10:11 +0100 (CET (x))": "2012-03-03T10:11:00+01:00",
		"Sat, 03-Mar-2012 10:11:12 GMT":                 "2012-03-03T10:11:12+00:00",
		"yesterday":                                     "",
		"Sat, 31 Feb 2012 10:11:12 +0100":               "",
		"Fri, 01 Jan 1904 00:00:00 +0000":               "",
		"3 Mar 20012 10:11:12 +0100":                    "",
	}
	var messages []imaptest.Message
	want := map[string]string{}
	for date, means := range written {
		name := fmt.Sprintf("date%d", len(messages))
		messages = append(messages, imaptest.Message{InternalDate: harness.Day(0), Octets: []byte("Message-ID: <" + name + "@x>\r\nReceived: from a by b;\r\n Mon, 5 Mar 2012 00:00:00 -0700\r\n" +
			"Received: from z by a; Sun, 4 Mar 2012 00:00:00 +0000\r\nDate: " + date + "\r\nSubject: " + name + "\r\n\r\nhi\r\n")})
		if want[name] = means; means == "" {
			want[name] = "2015-06-01T12:00:00+02:00"
		}
	}
	servers(t, func(t *testing.T, src harness.Account) {
		src.One(t, messages...)
		dst := harness.Account{Addr: src.Addr, User: "ann"}
		b := harness.Between(t, src, dst)
		push := func(options string, check func(name, date string) bool) {
			b.Sh(`imap-fetch $SRC | imap-push --unconditional ` + options + ` $DST`).Wants(0).Appended(len(messages))
			for name, date := range arrivalsOf(b) {
				if !check(name, date) {
					t.Errorf("%s: %s arrived at %s", options, name, date)
				}
			}
			dst.Tell(t, `SELECT INBOX`, `STORE 1:* +FLAGS.SILENT (\Deleted)`, `EXPUNGE`)
		}
		at := func(date string) time.Time {
			parsed, err := time.Parse(time.RFC3339, date)
			if err != nil {
				t.Error(err)
			}
			return parsed
		}
		zoned := !strings.Contains(t.Name(), "dovecot") && !strings.Contains(t.Name(), "cyrus")
		is := func(date, want string) bool {
			return at(date).Equal(at(want)) && (!zoned || at(date).Format(time.RFC3339) == at(want).Format(time.RFC3339))
		}
		push("", func(_, date string) bool { return is(date, "2015-06-01T12:00:00+02:00") })
		push("--internaldate source", func(_, date string) bool { return is(date, "2015-06-01T12:00:00+02:00") })
		push("--internaldate header", func(name, date string) bool { return is(date, want[name]) })
		push("--internaldate received", func(_, date string) bool { return is(date, "2012-03-05T00:00:00-07:00") })
		push("--internaldate now", func(_, date string) bool { return time.Since(at(date)).Abs() < time.Hour })
	})
}

// TestDatesInReceipts: a receipt says where another date was taken, and where
// the one that was asked for could not be.
func TestDatesInReceipts(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, date := range []string{"Mon, 02 Mar 2020 10:00:00 +0100", "never"} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(i), bytes.Replace(harness.Letter(fmt.Sprint(i), "x\n"), []byte("Sat, 03 Mar 2012 10:11:12 +0100"), []byte(date), 1))
	}
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	all := b.Sh(pushing("--internaldate header")).Wants(0).Appended(2).Receipts().Of("appended")
	if got := fmt.Sprint(all[0].Transforms, all[1].Transforms, all[0].SentSHA256+all[1].SentSHA256); got != "[internaldate:header] [internaldate:unusable]" {
		t.Errorf("receipts: %s", got)
	}
	b.Sh(pushing("--internaldate header")).Wants(0).Appended(0)
	equalOctets(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
}

// equalOctets demands the same messages, whatever their dates.
func equalOctets(t *testing.T, src, dst harness.Account) {
	t.Helper()
	sums := map[string]int{}
	for _, e := range src.Dump(t) {
		sums[e.Path+e.SHA256]++
	}
	for _, e := range dst.Dump(t) {
		sums[e.Path+e.SHA256]--
	}
	for sum, n := range sums {
		if n != 0 {
			t.Errorf("%s: %+d", sum, n)
		}
	}
}

// TestBadRules: a bad rule and a command that cannot run are found before
// the first APPEND, the former before any connection.
func TestBadRules(t *testing.T) {
	t.Parallel()
	server, _, dst, b := harness.InMemory(t, 10)
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b.Env["AT"] = harness.Account{Addr: proxy.Addr(), User: "dst"}.Options()
	b.Sh(`imap-fetch $SRC | imap-diff $DST >plan`).Wants(0)
	for options, said := range map[string]string{
		`--fix nonesuch`:                          "mbox-from=drop",
		`--fix nul`:                               "nul=strip",
		`--header-add 'X-Folder {folder}'`:        "no colon",
		`--header-add 'X Folder: x'`:              "no name of a header field",
		`--header-add 'X-Folder: {fodler}'`:       "one of folder, target,",
		"--header-add 'X-A: a\r\nX-B: b'":         "line end",
		`--header-rename X-A`:                     "OLD=NEW",
		`--header-delete 'X-A:'`:                  "no name of a header field",
		`--header-set 'X: 1' --header-set 'x: 2'`: "two values",
		`--max-line 998`:                          "998=wrap",
		`--internaldate delivery`:                 "source, header, received or now",
		`--pipe ''`:                               "--pipe",
		`--pipe-timeout 0s`:                       "--pipe-timeout",
		`--pipe 'nonesuch-command --x'`:           "nonesuch-command",
		`--pipe './plan'`:                         "cannot be run",
		`--pipe 'cat |'`:                          "does not understand",
		`--header-delete Message-Id`:              "part of the key",
		`--header-rename Date=X-Date`:             "--allow rewrite",
	} {
		before := proxy.Connections()
		b.Sh(`imap-push ` + options + ` $AT plan`).Wants(64).Says(said)
		if proxy.Connections() != before {
			t.Errorf("%s: there was a connection", options)
		}
	}
	if n := len(dst.Dump(t)); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
	b.Sh(`imap-push --pipe 'exit 1' --header-delete Message-ID --allow rewrite $AT plan`).Wants(3)
}

// TestFilter: what a command refuses or empties is not appended.
func TestFilter(t *testing.T) {
	t.Parallel()
	_, _, dst, b := harness.InMemory(t, 8)
	for command, said := range map[string]string{`false`: "exit status 1", `true`: "wrote nothing", `cat; exit 3`: "exit status 3", `echo no luck >&2; exit 1`: "no luck", `kill $$`: "signal"} {
		o := b.Sh(pushing(`--pipe '` + command + `'`)).Wants(3).Appended(0)
		rejected := o.Receipts().Of("rejected")
		if len(rejected) != 8 {
			t.Errorf("%s: %d rejected", command, len(rejected))
		}
		for _, r := range rejected {
			if r.Reason != "pipe" || !strings.Contains(r.Text, said) {
				t.Errorf("%s: %s %s", command, r.Reason, r.Text)
			}
		}
	}
	if n := len(dst.Dump(t)); n != 0 {
		t.Fatalf("%d messages arrived", n)
	}
}

// TestFilterThatChangesNothing: what a command leaves alone is as it was, octet by octet.
func TestFilterThatChangesNothing(t *testing.T) {
	t.Parallel()
	w := exactWorld(t, 20)
	server := imaptest.StartServer(t, imaptest.Options{AppendLimit: 64 << 20})
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, w.src, dst)
	o := b.Sh(pushing(`--pipe 'cat | cat'`)).Wants(3) // one has no octets at all
	for _, r := range o.Receipts().Of("appended") {
		if r.Transforms != nil || r.SentSHA256 != "" {
			t.Errorf("UID %d was changed: %v", r.UID, r.Transforms)
		}
	}
	harness.Same(t, slices.DeleteFunc(w.held, func(e imaptest.Entry) bool { return e.Size == 0 }), dst.Dump(t))
	b.Sh(pushing(`--pipe 'cat | cat'`)).Wants(3).Appended(0)
}

// TestFilterOne: one message that the command refuses does not keep the others
// from arriving, and goes to the rejects as it was.
func TestFilterOne(t *testing.T) {
	t.Parallel()
	_, src, dst, b := harness.InMemory(t, 30)
	b.Write("filter", []byte("#!/bin/sh\nif test \"$IMAP_UID\" = 2 && test \"$IMAP_FOLDER\" = Sent; then exit 1; fi\ntest -z \"$IMAP_PASSWORD\" || exit 1\nprintf 'X-Filtered: %s in %s to %s\\r\\n' $IMAP_UID \"$IMAP_FOLDER\" \"$IMAP_TARGET\"\ncat\n"))
	o := b.Sh(`chmod +x filter; ` + pushing(`--pipe ./filter --rejects rejects`)).Wants(3).Appended(29)
	r := o.Receipts().Of("rejected")
	if len(r) != 1 || r[0].UID != 2 || r[0].Folder != "Sent" || r[0].Reason != "pipe" {
		t.Fatalf("%+v", r)
	}
	for _, r := range o.Receipts().Of("appended") {
		if fmt.Sprint(r.Transforms) != "[pipe]" {
			t.Errorf("%+v", r)
		}
	}
	for _, e := range dst.DumpOctets(t) {
		if !bytes.HasPrefix(e.Octets, []byte("X-Filtered: ")) || !bytes.Contains(e.Octets[:200], []byte(" in "+e.Path+" to "+e.Path+"\r\n")) {
			t.Errorf("%q", e.Octets[:100])
		}
	}
	b.Sh(pushing(`--pipe ./filter`)).Wants(3).Appended(0)
	b.Sh(`imap-push --unconditional $DST rejects`).Wants(0).Appended(1)
	b.Sh(pushing("")).Wants(0).Appended(0)
	if len(dst.Dump(t)) != len(src.Dump(t)) {
		t.Error("some are missing")
	}
}

// TestFilterEnds: a command that takes too long is a refusal, and an interrupt
// ends it with all that it has started.
func TestFilterEnds(t *testing.T) {
	t.Parallel()
	_, _, dst, b := harness.InMemory(t, 3)
	b.Sh(`imap-fetch $SRC | imap-diff $DST >plan`).Wants(0)
	o := b.Sh(`imap-push --pipe-timeout 300ms --pipe 'cat | sleep 100' $DST plan`).Wants(3).Appended(0)
	if r := o.Receipts().Of("rejected"); len(r) != 3 || !strings.Contains(r[0].Text, "more than 300ms") {
		t.Errorf("%+v", r)
	}
	b.Sh(`imap-push --pipe-timeout 10s --pipe 'yes | head -c 100000000' $DST plan`).Wants(3).Appended(0)
	s := b.Start(`imap-push --pipe 'if grep -q sample@imap-pipe; then echo; else sleep 100 & echo $! >pid; wait; fi' $DST plan`)
	for !b.Exists("pid") || len(b.Read("pid")) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	s.Signal(syscall.SIGINT)
	if codes := s.Wait(time.Minute); codes[0] != 130 {
		t.Errorf("exit %v\n%s", codes, s)
	}
	status, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(b.Read("pid"))) + "/status")
	if len(status) > 0 && !strings.Contains(string(status), "State:\tZ") {
		t.Errorf("what the command started goes on:\n%s", status)
	}
	if n := len(dst.Dump(t)); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
}

// TestHeaderChanges: a field is renamed wherever it stands in the header, and
// nothing else is; one with the folder's name is added.
func TestHeaderChanges(t *testing.T) {
	t.Parallel()
	const field = "Disposition-Notification-To: joe@example.org\r\n"
	base := strings.ReplaceAll(string(harness.Letter("%d", "x\n\n")), "x\r\n\r\n", field+"\r\n"+field)
	header, body, _ := strings.Cut(base, "\r\n\r\n")
	lines := strings.SplitAfter(header+"\r\n", "\r\n")
	lines = lines[:len(lines)-1]
	var texts []string
	for at := range len(lines) + 1 {
		text := strings.Join(lines[:at], "") + field + strings.Join(lines[at:], "") + "\r\n" + body
		texts = append(texts, fmt.Sprintf(text, at, at))
	}
	texts = append(texts, strings.ReplaceAll(fmt.Sprintf(field+base, 90, 90), "\r\n", "\n"), // LF
		fmt.Sprintf("disposition-notification-TO :\r\n joe@example.org,\r\n\tann@example.org\r\n"+base, 91, 91),
		fmt.Sprintf("From joe Sat Mar  3 10:11:12 2012\r\n"+field+base, 92, 92),
		fmt.Sprintf("X-Quoted: a\r\n Disposition-Notification-To: no field\r\n"+base, 93, 93))
	server := imaptest.StartServer(t, imaptest.Options{})
	for i, text := range texts {
		server.Account("src").AddMessage("Entwürfe & Ideen", nil, harness.Day(i), []byte(text))
	}
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, harness.Embedded(server, "src"), dst)
	push := pushing(`--disarm-read-receipts --header-add 'X-Original-Folder: {folder}' --subscribe none`)
	o := b.Sh(push).Wants(0).Appended(len(texts))
	for i, e := range dst.DumpOctets(t) {
		eol := "\r\n"
		if !strings.Contains(texts[i], eol) {
			eol = "\n"
		}
		head, body, _ := strings.Cut(texts[i], eol+eol)
		want := ""
		for line := range strings.SplitAfterSeq(head, eol) {
			if strings.HasPrefix(strings.ToLower(line), "disposition-") {
				_, value, _ := strings.Cut(line[len("Disposition-Notification-To"):], "")
				line = "X-Disarmed-Disposition-Notification-To" + value
			}
			want += line
		}
		added := "X-Original-Folder: =?utf-8?q?Entw=C3=BCrfe?= & Ideen" + eol
		if from, rest, ok := strings.Cut(want, eol); ok && strings.HasPrefix(from, "From joe") {
			want = from + eol + added + rest
		} else {
			want = added + want
		}
		if want += eol + eol + body; string(e.Octets) != want {
			t.Errorf("message %d\n got %q\nwant %q", i, e.Octets, want)
		}
	}
	for i, r := range o.Receipts().Of("appended") {
		want := "[header-rename:Disposition-Notification-To header-add:X-Original-Folder]"
		if i == len(texts)-1 {
			want = "[header-add:X-Original-Folder]"
		}
		if fmt.Sprint(r.Transforms) != want || len(r.SentSHA256) != 64 {
			t.Errorf("message %d: %v %s", i, r.Transforms, r.SentSHA256)
		}
	}
	b.Sh(push).Wants(0).Appended(0)
	b.Sh(`imap-diff --report --exit-code $DST mail.zst`).Wants(0)
}
