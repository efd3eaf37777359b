package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/bits"
	"regexp"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// rewrite does to a header what servers were seen to do: a Received line of its
// own in place of others, names in another case, folding elsewhere, masks in
// place of 8-bit octets, further fields, another order.
func rewrite(_, _ string, octets []byte) []byte {
	header, body, found := bytes.Cut(octets, []byte("\r\n\r\n"))
	if !found {
		return octets
	}
	header = regexp.MustCompile(`(?ims)^Received:.*?\r\n(^[ \t].*?\r\n)*`).ReplaceAll(append(header, "\r\n"...), nil)
	header = regexp.MustCompile(`(?im)^Message-ID[ \t]*:[ \t]*`).ReplaceAll(header, []byte("MESSAGE-Id:\r\n\t"))
	header = regexp.MustCompile(`(?im)^Date: *([A-Za-z]+, )`).ReplaceAll(header, []byte("date : $1\r\n  "))
	header = regexp.MustCompile(`(?im)^Subject: *(\S+) `).ReplaceAll(header, []byte("Subject: $1\r\n\t"))
	header = regexp.MustCompile(`[\x80-\xff]`).ReplaceAll(header, []byte("X"))
	return slices.Concat([]byte("Received: from here by there\r\n\tid 17; Sun, 22 Nov 2026 10:00:00 +0000\r\nX-Server: rewrites\r\n"), header, []byte("X-Read: no\r\n\r\n"), body)
}

// TestRewritingDestination: a server that rewrites Received, the spelling of
// Message-ID, folding and 8-bit octets gets nothing in the second run.
func TestRewritingDestination(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	account := source.Account("src")
	account.Fill(mail(60))
	for i, octets := range []string{
		"Received: from a by b\r\n\tid 1; x\r\nReceived: from c by a; y\r\nMessage-ID: <received@x>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: three words here\r\n\r\nhi\r\n",
		"Message-ID: <caf\xc3\xa9-na\xefve@x>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100 (M\xc3\xa4rz)\r\n\r\n8-bit\r\n",
		"Subject: no id and no d\xe4te\r\nFrom: J\xf6rg <j@x>\r\n\r\nhi\r\n",
		"Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: a date alone\r\n\r\nhi\r\n",
	} {
		account.AddMessage("INBOX", nil, day(i), []byte(octets))
	}
	src := embedded(source, "src")
	kept := map[string]bool{}
	for _, e := range src.dump(t) {
		kept[e.SHA256] = true
	}
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: rewrite})
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		t.Run(form, func(t *testing.T) {
			dst := embedded(destination, "dst-"+form)
			b := between(t, src, dst)
			b.sh(forms[form]).wants(0).appended(64)
			for _, again := range slices.Sorted(maps.Keys(forms)) {
				b.sh(forms[again]).wants(0).appended(0)
			}
			b.sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST >report`).wants(0)
			there := dst.dump(t)
			if len(there) != 64 || slices.ContainsFunc(there, func(e imaptest.Entry) bool { return kept[e.SHA256] }) {
				t.Errorf("%d messages there, or some were not rewritten", len(there))
			}
		})
	}
}

// TestNoMessageID: messages without Message-ID that share their Date are told
// apart at real servers, have one key in every kind of stream, and get nothing in
// the second run.
func TestNoMessageID(t *testing.T) {
	t.Parallel()
	const second = "Date: Mon, 2 Jan 2023 10:00:00 +0000\r\n"
	var all []imaptest.Message
	for _, text := range []string{
		second + "From: root@host\r\nTo: admin@host\r\nSubject: backup OK\r\n\r\nAll is well.\r\n",
		second + "From: root@host\r\nTo: admin@host\r\nSubject: backup FAILED\r\n\r\nThe disk is full.\r\n",
		second + "From: root@host\r\nTo: admin@host\r\nSubject: backup FAILED\r\n\r\nThe tape is full.\r\n",
		"Message-ID: <>\r\n" + second + "From: J\xf6rg <root@host>\r\nSubject: gr\xfc\xdfe\r\n\r\n8-bit\r\n",
		"Message-ID: \r\n" + second + "From: root@other\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\nencoded\r\n",
		second + "Subject: folded\r\n\tsubject\r\n\r\nhi\r\n",
		second + "\r\na date alone\r\n",
		second + "\r\nanother with a date alone\r\n",
	} {
		all = append(all, imaptest.Message{Octets: []byte(text), InternalDate: day(1), Flags: []string{`\Seen`}})
	}
	source := imaptest.StartServer(t, imaptest.Options{})
	src := letters(source, "src", all...)
	for name, start := range some(t, 1, joeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := between(t, src, dst)
			b.sh(straight).wants(0).appended(len(all))
			for _, script := range ways("", "") {
				b.sh(script).wants(0).appended(0)
			}
			for _, script := range ways("", "--strict") {
				b.sh(script).wants(0).appended(0)
			}
			b.sh(`imap-fetch --headers $DST --folder INBOX -o headers && imap-fetch $DST --folder INBOX -o full && imap-fetch --hash $DST --folder INBOX -o hash`).wants(0)
			b.sh(`imap-fetch $SRC --folder INBOX -o src`).wants(0)
			want := keysIn(b.rows("src"))
			for _, file := range []string{"headers", "full", "hash"} {
				if got := keysIn(b.rows(file)); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", file, got, want)
				}
			}
			// One of two that share Date, From, To and Subject: the other one comes.
			b.sh(`imap-fetch --headers --uid 1:2 $SRC | imap-diff --report $DST >&2`).wants(0).says("2 listed, 2 present, 0 missing")
		})
	}
}

// keysIn are the keys of the messages in a stream, sorted.
func keysIn(all rows) (keys []string) {
	for _, r := range all.of("message") {
		keys = append(keys, r.Key)
	}
	slices.Sort(keys)
	return keys
}

// TestMessageIDInAnotherCase: a Message-ID in another case is the same one. A
// server that changes its domain stops the first run, and the key that is
// proposed then gets nothing in the second.
func TestMessageIDInAnotherCase(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(60))
	src := embedded(source, "src")
	all := len(src.dump(t))
	id := regexp.MustCompile(`(?im)^Message-ID:[ \t]*<.*`)
	for name, change := range map[string]func([]byte) []byte{
		"case":   bytes.ToUpper,
		"domain": func(line []byte) []byte { return bytes.Replace(line, []byte("@"), []byte("@relay.example+"), 1) },
	} {
		destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(user, box string, octets []byte) []byte {
			return rewrite(user, box, id.ReplaceAllFunc(octets, change))
		}})
		key := ""
		if name == "domain" {
			key = "--key message-id-local,date"
			between(t, src, embedded(destination, "stops")).sh(straight).wants(76).says(key)
		}
		for form, script := range ways(key, "") {
			t.Run(name+", "+form, func(t *testing.T) {
				b := between(t, src, embedded(destination, "dst-"+form))
				b.sh(script).wants(0).appended(all)
				b.sh(script).wants(0).appended(0)
			})
		}
	}
}

// TestHeaderlessWhereFieldsAreAdded: a message that is known by its text alone is
// another where the server adds a header. That stops nothing, and receipts know
// it again.
func TestHeaderlessWhereFieldsAreAdded(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(40))
	source.Account("src").AddMessage("Drafts", nil, day(1), []byte("\r\nno header at all\r\n"))
	source.Account("src").AddMessage("INBOX", nil, day(1), []byte("X-Mailer: old\r\n\r\nno field of a key\r\n"))
	src := embedded(source, "src")
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(_, _ string, octets []byte) []byte {
		return append([]byte("Received: by new.example; Sun, 22 Nov 2026 10:00:00 +0000\r\n"), octets...)
	}})
	b := between(t, src, embedded(destination, "dst"))
	b.write("receipts", nil)
	b.sh(`imap-fetch $SRC -o mail && imap-diff $DST mail | imap-push $DST | tee -a receipts`).wants(0).appended(42).says("changes messages that have no field of the key")
	b.sh(`imap-diff --receipts receipts $DST mail | imap-push $DST | tee -a receipts`).wants(0).appended(0)
}

// TestEveryStart: three equal messages, two of one key with other text and one
// without any header end as exactly these, whichever of them are there already.
func TestEveryStart(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	equal := imaptest.Message{Octets: letter("equal", "three times\n"), InternalDate: day(1)}
	all := []imaptest.Message{equal, equal, equal,
		{Octets: letter("one key", "one text\n"), InternalDate: day(2)}, {Octets: letter("one key", "other text\n"), InternalDate: day(2)},
		{Octets: []byte("\r\nno header at all\r\n"), InternalDate: day(3)},
	}
	src := letters(server, "src", all...)
	rnd := random(t)
	for i, form := range []string{"file", "straight"} {
		for set := range 1 << len(all) {
			if equals := set & 7; equals&(equals+1) != 0 {
				continue // as many of the equal ones as another set has
			}
			if !long() && bits.OnesCount(uint(set))%2 == i {
				continue // the other form takes it
			}
			if !long() && rnd.IntN(3) > 0 {
				continue // another run takes it
			}
			t.Run(fmt.Sprintf("%s, %06b", form, set), func(t *testing.T) {
				var some []imaptest.Message
				for i, m := range all {
					if set>>i&1 == 1 {
						some = append(some, m)
					}
				}
				dst := letters(server, fmt.Sprintf("dst-%s-%d", form, set), some...)
				arrives(t, form, src, dst)
				if got := len(dst.dump(t)); got != len(all) {
					t.Errorf("%d messages, want %d", got, len(all))
				}
			})
		}
	}
}

// renaming gives every message another Message-ID and date, as no key survives.
func renaming(_, _ string, octets []byte) []byte {
	sum := imaptest.Sum(octets)
	octets = regexp.MustCompile(`(?im)^Message-ID:.*`).ReplaceAll(octets, []byte("Message-ID: <"+sum[:16]+"@server>\r"))
	return regexp.MustCompile(`(?im)^Date:.*`).ReplaceAll(octets, []byte("Date: Thu, 1 Jan 1970 00:00:00 +0000\r"))
}

// TestServerThatRenames: no key survives there. The first run stops before much
// is done, and says what to do; with receipts nothing comes twice.
func TestServerThatRenames(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("src").Fill(mail(80))
	src := embedded(source, "src")
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: renaming})
	for name, script := range some(t, 1, map[string]string{
		"file":     `imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts $DST mail | imap-push --allow rewrite $DST >>receipts`,
		"pipe":     `imap-fetch $SRC | imap-diff --receipts receipts $DST | imap-push --allow rewrite $DST >>receipts`,
		"straight": `imap-fetch --headers $SRC | imap-diff --receipts receipts $DST | imap-fetch --select - $SRC | imap-push --allow rewrite $DST >>receipts`,
	}) {
		t.Run(name, func(t *testing.T) {
			dst := embedded(destination, "dst-"+name)
			b := between(t, src, dst)
			b.sh(`imap-fetch $SRC -o mail`).wants(0)
			b.sh(`imap-diff --receipts receipts $DST mail >/dev/null`).wants(66).says("touch the file")
			b.write("receipts", nil)
			b.sh(`imap-diff $DST mail | imap-push $DST >>receipts`).wants(76).says("changes what messages are known by", "--receipts", "--allow rewrite")
			if n := len(dst.dump(t)); n == 0 || n > 20 {
				t.Errorf("%d messages went before it stopped", n)
			}
			for range 3 {
				b.sh(script).wants(0)
				if n := len(dst.dump(t)); n != 80 {
					t.Fatalf("%d messages there", n)
				}
			}
			b.sh(`imap-diff --report --exit-code --receipts receipts $DST mail >report`).wants(0)
			b.sh(`imap-diff --report --exit-code $DST mail >report`).wants(1)
		})
	}
}

// TestManifests: --hash says of each message what its octets are, of an account
// as of an archive, and keeps none of them; imap-diff sees by it what was altered,
// and plans by it what is missing.
func TestManifests(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	spec := withOdd(mail(40))
	server.Account("src").Fill(spec)
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(`imap-fetch --hash --level none $SRC -o hashes && imap-fetch --level none $SRC -o mail && imap-fetch --hash --level none --source mail -o again && cmp hashes again`).wants(0)
	b.sh(`imap-fetch --hash --level none --source mail --exclude-raw zqzqzq -o chosen && grep -v '"type":"\(begin\|end\)"' hashes >one; grep -v '"type":"\(begin\|end\)"' chosen | cmp - one`).wants(0)
	b.sh(`n=0; until imap-fetch --hash --level none --max-bytes 3500000 $SRC -o part; do [ $? = 75 ] && [ $n -lt 9 ] || exit 9; n=$((n + 1)); done; [ $n -gt 0 ] && cmp part hashes`).wants(0)
	want := map[string]int{}
	for _, e := range src.dump(t) {
		want[e.SHA256]++
	}
	for _, r := range b.records("hashes") {
		if want[r.SHA256]--; r.Body != nil || r.BodyBase64 != nil {
			t.Error("there is a body in a manifest")
		}
	}
	for sum, n := range want {
		if n != 0 {
			t.Errorf("%s: %+d", sum, n)
		}
	}
	b.sh(`imap-list --verify --source hashes >/dev/null`).wants(0)
	b.sh(`imap-diff --report --equal hashes mail >report`).wants(0)
	b.sh(`imap-fetch --headers $SRC --hash`).wants(64)
	b.sh(`imap-diff $DST hashes | imap-push $DST`).wants(64).says("bodies missing")
	for range 2 {
		b.sh(`imap-diff $DST hashes | imap-fetch --select - $SRC | imap-push $DST`).wants(0)
		equal(t, src, dst)
	}
	box := server.Account("dst").Messages("INBOX")
	server.Account("dst").Expunge("INBOX", box[0].UID)
	server.Account("dst").AddMessage("INBOX", box[0].Flags, box[0].InternalDate, append(bytes.Clone(box[0].Octets), '!'))
	b.sh(`imap-fetch --hash $DST -o later && imap-diff --report --exit-code hashes later`).wants(1).says("1 altered")
	b.sh(`imap-diff --report --exit-code $DST hashes`).wants(0) // a key alone tells nothing of octets
}

// TestExplain: beside a missing message stands what looks like it there, with the
// fields of both keys.
func TestExplain(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	account, there := server.Account("src"), server.Account("dst")
	octets := letter("first", "Hello\n")
	account.AddMessage("INBOX", nil, day(1), octets)
	account.AddMessage("INBOX", nil, day(2), letter("\x1b[31mred", "Hello\n"))
	account.AddMessage("INBOX", nil, day(9), letter("alone", "nothing is like this one\n"))
	there.AddMessage("INBOX", nil, day(5), letter("somebody else's", "x\n"))
	there.AddMessage("INBOX", nil, day(1), bytes.Replace(octets, []byte("first@example.org"), []byte("other@example.net"), 1))
	there.AddMessage("INBOX", nil, day(2), letter("red", "Hello\n"))
	b := between(t, embedded(server, "src"), embedded(server, "dst"))
	for _, fetch := range []string{`imap-fetch`, `imap-fetch --headers`} {
		o := b.sh(fetch + ` $SRC | imap-diff --report --explain $DST >&2`).wants(0)
		o.says("near: INBOX UID 1 is missing, and UID 2 of INBOX has the same internaldate and size",
			"  - Message-ID: <first@example.org>\n  + Message-ID: <other@example.net>\n    Date: Sat, 03 Mar 2012 10:11:12 +0100\n",
			"near: INBOX UID 2 is missing, and UID 3 of INBOX has the same internaldate\n  - Message-ID: <\\x1b[31mred@example.org>\n  + Message-ID: <red@")
		if n := bytes.Count([]byte(o.stderr), []byte("near:")); n != 2 {
			t.Errorf("%d near misses\n%s", n, o)
		}
	}
	b.sh(`imap-fetch $SRC | imap-diff --report --explain --format ndjson $DST >&2`).wants(0).
		says(`{"type":"near","folder":"INBOX","uid":1,"target":"INBOX","target_uid":2,"same":["internaldate","size"],"key":"recipe:`, `{"name":"Message-ID","here":"<first@example.org>","there":"<other@example.net>"}`)
	b.sh(`imap-fetch --key ALL $SRC | imap-diff --report --explain $DST >&2`).wants(0).says("  + Message-ID: <other@")
	b.sh(`imap-fetch $DST -o there && imap-fetch $SRC | imap-diff --report --explain - there >&2`).wants(0).says("near: INBOX UID 1 is missing, and UID 2 of INBOX")
	b.sh(`imap-fetch $SRC | imap-diff --explain $DST`).wants(64).says("--report")
}

// TestRecordOfWhatIsThere: what keys found present is known by its UID from then
// on, and nothing is moved for it.
func TestRecordOfWhatIsThere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(withOdd(mail(60)))
	src, dst := embedded(server, "src"), embedded(server, "dst")
	b := between(t, src, dst)
	all := len(src.dump(t))
	b.sh(`imap-fetch --level none $SRC -o mail && imap-diff $DST mail | imap-push $DST`).wants(0).appended(all)
	b.sh(`sed 's/"key":"[a-z]*:/"key":"recipe:x/' mail >stranger && imap-diff --edited --report --exit-code $DST stranger`).wants(3) // no key fits its body
	for name, script := range map[string]string{
		"file": `imap-diff --write-receipts file $DST mail >/dev/null`,
		"pipe": `imap-fetch --headers $SRC | imap-diff --write-receipts pipe $DST >/dev/null`,
	} {
		b.sh(script).wants(0)
		for _, form := range []string{`stranger`, `- <stranger`} {
			b.sh(`imap-diff --edited --exit-code --receipts ` + name + ` $DST ` + form + ` >/dev/null`).wants(0).says(fmt.Sprintf("%d present, 0 missing", all))
		}
	}
	b.sh(`imap-diff --write-receipts x --report $DST mail`).wants(64)
}
