package compare

import (
	"bytes"
	"fmt"
	"maps"
	"math/bits"
	"regexp"
	"slices"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
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
	account.Fill(harness.Mail(60))
	for i, octets := range []string{
		"Received: from a by b\r\n\tid 1; x\r\nReceived: from c by a; y\r\nMessage-ID: <received@x>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: three words here\r\n\r\nhi\r\n",
		"Message-ID: <caf\xc3\xa9-na\xefve@x>\r\nDate: Sat, 03 Mar 2012 10:11:12 +0100 (M\xc3\xa4rz)\r\n\r\n8-bit\r\n",
		"Subject: no id and no d\xe4te\r\nFrom: J\xf6rg <j@x>\r\n\r\nhi\r\n",
		"Date: Sat, 03 Mar 2012 10:11:12 +0100\r\nSubject: a date alone\r\n\r\nhi\r\n",
	} {
		account.AddMessage("INBOX", nil, harness.Day(i), []byte(octets))
	}
	src := harness.Embedded(source, "src")
	kept := map[string]bool{}
	for _, e := range src.Dump(t) {
		kept[e.SHA256] = true
	}
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: rewrite})
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		t.Run(form, func(t *testing.T) {
			dst := harness.Embedded(destination, "dst-"+form)
			b := harness.Between(t, src, dst)
			b.Sh(forms[form]).Wants(0).Appended(64)
			for _, again := range slices.Sorted(maps.Keys(forms)) {
				b.Sh(forms[again]).Wants(0).Appended(0)
			}
			b.Sh(`imap-fetch $SRC | imap-diff --report --exit-code $DST >report`).Wants(0)
			there := dst.Dump(t)
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
		all = append(all, imaptest.Message{Octets: []byte(text), InternalDate: harness.Day(1), Flags: []string{`\Seen`}})
	}
	source := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Letters(source, "src", all...)
	for name, start := range harness.Some(t, 1, harness.JoeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := harness.Between(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(len(all))
			for _, script := range ways("", "") {
				b.Sh(script).Wants(0).Appended(0)
			}
			for _, script := range ways("", "--strict") {
				b.Sh(script).Wants(0).Appended(0)
			}
			b.Sh(`imap-fetch --headers $DST --folder INBOX -o headers && imap-fetch $DST --folder INBOX -o full && imap-fetch --hash $DST --folder INBOX -o hash`).Wants(0)
			b.Sh(`imap-fetch $SRC --folder INBOX -o src`).Wants(0)
			want := keysIn(b.Rows("src"))
			for _, file := range []string{"headers", "full", "hash"} {
				if got := keysIn(b.Rows(file)); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", file, got, want)
				}
			}
			// One of two that share Date, From, To and Subject: the other one comes.
			b.Sh(`imap-fetch --headers --uid 1:2 $SRC | imap-diff --report $DST >&2`).Wants(0).Says("2 listed, 2 present, 0 missing")
		})
	}
}

// keysIn are the keys of the messages in a stream, sorted.
func keysIn(all harness.Rows) (keys []string) {
	for _, r := range all.Of("message") {
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
	source.Account("src").Fill(harness.Mail(60))
	src := harness.Embedded(source, "src")
	all := len(src.Dump(t))
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
			harness.Between(t, src, harness.Embedded(destination, "stops")).Sh(harness.Straight).Wants(76).Says(key)
		}
		for form, script := range ways(key, "") {
			t.Run(name+", "+form, func(t *testing.T) {
				b := harness.Between(t, src, harness.Embedded(destination, "dst-"+form))
				b.Sh(script).Wants(0).Appended(all)
				b.Sh(script).Wants(0).Appended(0)
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
	source.Account("src").Fill(harness.Mail(40))
	source.Account("src").AddMessage("Drafts", nil, harness.Day(1), []byte("\r\nno header at all\r\n"))
	source.Account("src").AddMessage("INBOX", nil, harness.Day(1), []byte("X-Mailer: old\r\n\r\nno field of a key\r\n"))
	src := harness.Embedded(source, "src")
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: func(_, _ string, octets []byte) []byte {
		return append([]byte("Received: by new.example; Sun, 22 Nov 2026 10:00:00 +0000\r\n"), octets...)
	}})
	b := harness.Between(t, src, harness.Embedded(destination, "dst"))
	b.Write("receipts", nil)
	b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST mail | imap-push $DST | tee -a receipts`).Wants(0).Appended(42).Says("changes messages that have no field of the key")
	b.Sh(`imap-diff --receipts receipts $DST mail | imap-push $DST | tee -a receipts`).Wants(0).Appended(0)
}

// TestEveryStart: three equal messages, two of one key with other text and one
// without any header end as exactly these, whichever of them are there already.
func TestEveryStart(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	equal := imaptest.Message{Octets: harness.Letter("equal", "three times\n"), InternalDate: harness.Day(1)}
	all := []imaptest.Message{equal, equal, equal,
		{Octets: harness.Letter("one key", "one text\n"), InternalDate: harness.Day(2)}, {Octets: harness.Letter("one key", "other text\n"), InternalDate: harness.Day(2)},
		{Octets: []byte("\r\nno header at all\r\n"), InternalDate: harness.Day(3)},
	}
	src := harness.Letters(server, "src", all...)
	rnd := harness.Random(t)
	for i, form := range []string{"file", "straight"} {
		for set := range 1 << len(all) {
			if equals := set & 7; equals&(equals+1) != 0 {
				continue // as many of the equal ones as another set has
			}
			if !harness.Long() && bits.OnesCount(uint(set))%2 == i {
				continue // the other form takes it
			}
			if !harness.Long() && rnd.IntN(3) > 0 {
				continue // another run takes it
			}
			t.Run(fmt.Sprintf("%s, %06b", form, set), func(t *testing.T) {
				var some []imaptest.Message
				for i, m := range all {
					if set>>i&1 == 1 {
						some = append(some, m)
					}
				}
				dst := harness.Letters(server, fmt.Sprintf("dst-%s-%d", form, set), some...)
				arrives(t, form, src, dst)
				if got := len(dst.Dump(t)); got != len(all) {
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
	source.Account("src").Fill(harness.Mail(80))
	src := harness.Embedded(source, "src")
	destination := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, OnStore: renaming})
	for name, script := range harness.Some(t, 1, map[string]string{
		"file":     `imap-fetch $SRC -o mail --restart && imap-diff --receipts receipts $DST mail | imap-push --allow rewrite $DST >>receipts`,
		"pipe":     `imap-fetch $SRC | imap-diff --receipts receipts $DST | imap-push --allow rewrite $DST >>receipts`,
		"straight": `imap-fetch --headers $SRC | imap-diff --receipts receipts $DST | imap-fetch --select - $SRC | imap-push --allow rewrite $DST >>receipts`,
	}) {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(destination, "dst-"+name)
			b := harness.Between(t, src, dst)
			b.Sh(`imap-fetch $SRC -o mail`).Wants(0)
			b.Sh(`imap-diff --receipts receipts $DST mail >/dev/null`).Wants(66).Says("touch the file")
			b.Write("receipts", nil)
			b.Sh(`imap-diff $DST mail | imap-push $DST >>receipts`).Wants(76).Says("changes what messages are known by", "--receipts", "--allow rewrite")
			if n := len(dst.Dump(t)); n == 0 || n > 20 {
				t.Errorf("%d messages went before it stopped", n)
			}
			for range 3 {
				b.Sh(script).Wants(0)
				if n := len(dst.Dump(t)); n != 80 {
					t.Fatalf("%d messages there", n)
				}
			}
			b.Sh(`imap-diff --report --exit-code --receipts receipts $DST mail >report`).Wants(0)
			b.Sh(`imap-diff --report --exit-code $DST mail >report`).Wants(1)
		})
	}
}

// TestManifests: --hash says of each message what its octets are, of an account
// as of an archive, and keeps none of them; imap-diff sees by it what was altered,
// and plans by it what is missing.
func TestManifests(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	spec := harness.WithOdd(harness.Mail(40))
	server.Account("src").Fill(spec)
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch --hash --level none $SRC -o hashes && imap-fetch --level none $SRC -o mail && imap-fetch --hash --level none --source mail -o again && cmp hashes again`).Wants(0)
	b.Sh(`imap-fetch --hash --level none --source mail --exclude-raw zqzqzq -o chosen && grep -v '"type":"\(begin\|end\)"' hashes >one; grep -v '"type":"\(begin\|end\)"' chosen | cmp - one`).Wants(0)
	b.Sh(`n=0; until imap-fetch --hash --level none --max-bytes 3500000 $SRC -o part; do [ $? = 75 ] && [ $n -lt 9 ] || exit 9; n=$((n + 1)); done; [ $n -gt 0 ] && cmp part hashes`).Wants(0)
	want := map[string]int{}
	for _, e := range src.Dump(t) {
		want[e.SHA256]++
	}
	for _, r := range b.Records("hashes") {
		if want[r.SHA256]--; r.Body != nil || r.BodyBase64 != nil {
			t.Error("there is a body in a manifest")
		}
	}
	for sum, n := range want {
		if n != 0 {
			t.Errorf("%s: %+d", sum, n)
		}
	}
	b.Sh(`imap-list --verify --source hashes >/dev/null`).Wants(0)
	b.Sh(`imap-diff --report --equal hashes mail >report`).Wants(0)
	b.Sh(`imap-fetch --headers $SRC --hash`).Wants(64)
	b.Sh(`imap-diff $DST hashes | imap-push $DST`).Wants(64).Says("bodies missing")
	for range 2 {
		b.Sh(`imap-diff $DST hashes | imap-fetch --select - $SRC | imap-push $DST`).Wants(0)
		harness.Equal(t, src, dst)
	}
	box := server.Account("dst").Messages("INBOX")
	server.Account("dst").Expunge("INBOX", box[0].UID)
	server.Account("dst").AddMessage("INBOX", box[0].Flags, box[0].InternalDate, append(bytes.Clone(box[0].Octets), '!'))
	b.Sh(`imap-fetch --hash $DST -o later && imap-diff --report --exit-code hashes later`).Wants(1).Says("1 altered")
	b.Sh(`imap-diff --report --exit-code $DST hashes`).Wants(0) // a key alone tells nothing of octets
}

// TestExplain: beside a missing message stands what looks like it there, with the
// fields of both keys.
func TestExplain(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	account, there := server.Account("src"), server.Account("dst")
	octets := harness.Letter("first", "Hello\n")
	account.AddMessage("INBOX", nil, harness.Day(1), octets)
	account.AddMessage("INBOX", nil, harness.Day(2), harness.Letter("\x1b[31mred", "Hello\n"))
	account.AddMessage("INBOX", nil, harness.Day(9), harness.Letter("alone", "nothing is like this one\n"))
	there.AddMessage("INBOX", nil, harness.Day(5), harness.Letter("somebody else's", "x\n"))
	there.AddMessage("INBOX", nil, harness.Day(1), bytes.Replace(octets, []byte("first@example.org"), []byte("other@example.net"), 1))
	there.AddMessage("INBOX", nil, harness.Day(2), harness.Letter("red", "Hello\n"))
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "dst"))
	for _, fetch := range []string{`imap-fetch`, `imap-fetch --headers`} {
		o := b.Sh(fetch + ` $SRC | imap-diff --report --explain $DST >&2`).Wants(0)
		o.Says("near: INBOX UID 1 is missing, and UID 2 of INBOX has the same internaldate and size",
			"  - Message-ID: <first@example.org>\n  + Message-ID: <other@example.net>\n    Date: Sat, 03 Mar 2012 10:11:12 +0100\n",
			"near: INBOX UID 2 is missing, and UID 3 of INBOX has the same internaldate\n  - Message-ID: <\\x1b[31mred@example.org>\n  + Message-ID: <red@")
		if n := bytes.Count([]byte(o.Stderr), []byte("near:")); n != 2 {
			t.Errorf("%d near misses\n%s", n, o)
		}
	}
	b.Sh(`imap-fetch $SRC | imap-diff --report --explain --format ndjson $DST >&2`).Wants(0).
		Says(`{"type":"near","folder":"INBOX","uid":1,"target":"INBOX","target_uid":2,"same":["internaldate","size"],"key":"recipe:`, `{"name":"Message-ID","here":"<first@example.org>","there":"<other@example.net>"}`)
	b.Sh(`imap-fetch --key ALL $SRC | imap-diff --report --explain $DST >&2`).Wants(0).Says("  + Message-ID: <other@")
	b.Sh(`imap-fetch $DST -o there && imap-fetch $SRC | imap-diff --report --explain - there >&2`).Wants(0).Says("near: INBOX UID 1 is missing, and UID 2 of INBOX")
	b.Sh(`imap-fetch $SRC | imap-diff --explain $DST`).Wants(64).Says("--report")
}

// TestRecordOfWhatIsThere: what keys found present is known by its UID from then
// on, and nothing is moved for it.
func TestRecordOfWhatIsThere(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	server.Account("src").Fill(harness.WithOdd(harness.Mail(60)))
	src, dst := harness.Embedded(server, "src"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	all := len(src.Dump(t))
	b.Sh(`imap-fetch --level none $SRC -o mail && imap-diff $DST mail | imap-push $DST`).Wants(0).Appended(all)
	b.Sh(`sed 's/"key":"[a-z]*:/"key":"recipe:x/' mail >stranger && imap-diff --edited --report --exit-code $DST stranger`).Wants(3) // no key fits its body
	for name, script := range map[string]string{
		"file": `imap-diff --write-receipts file $DST mail >/dev/null`,
		"pipe": `imap-fetch --headers $SRC | imap-diff --write-receipts pipe $DST >/dev/null`,
	} {
		b.Sh(script).Wants(0)
		for _, form := range []string{`stranger`, `- <stranger`} {
			b.Sh(`imap-diff --edited --exit-code --receipts ` + name + ` $DST ` + form + ` >/dev/null`).Wants(0).Says(fmt.Sprintf("%d present, 0 missing", all))
		}
	}
	b.Sh(`imap-diff --write-receipts x --report $DST mail`).Wants(64)
}
