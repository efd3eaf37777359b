package stream

import (
	"strings"

	"github.com/klauspost/compress/zstd"
)

// list collects the vectors.
type list struct{ all []*vector }

func (l *list) add(name, expect, comment string, octets string) *vector {
	v := &vector{name: name, expect: expect, comment: comment, octets: []byte(octets)}
	l.all = append(l.all, v)
	return v
}

// ok adds a stream that every writer writes so and every reader takes.
func (l *list) ok(name, comment, octets string, bodies ...string) *vector {
	v := l.add(name, "ok", comment, octets)
	v.bodies, v.canonical = bodies, true
	return v
}

// odd adds a stream that no writer writes so, and every reader takes.
func (l *list) odd(name, comment, octets string, bodies ...string) *vector {
	v := l.ok(name, comment, octets, bodies...)
	v.canonical = false
	return v
}

// pack puts the octets into one zstd frame.
func (v *vector) pack() *vector {
	v.octets, v.packed = frameOf(21, string(v.octets)), true
	return v
}

// raw says that the octets are compressed already.
func (v *vector) raw() *vector {
	v.packed = true
	return v
}

const mib = 1 << 20

// vectors makes all of them.
func vectors() []*vector {
	l := &list{}
	l.bodies()
	l.records()
	l.sections()
	l.deltas()
	l.framing()
	l.damagedBodies()
	l.edits()
	l.cuts()
	l.foreign()
	l.syntax()
	l.values()
	l.order()
	l.limits()
	return l.all
}

func (l *list) bodies() {
	one := func(name, comment string, bodies ...string) *vector {
		lines := []string{begin, inbox}
		for i, b := range bodies {
			lines = append(lines, message(i+1, b))
		}
		return l.ok(name, comment, whole(lines...), bodies...)
	}
	one("body-text", "a message whose octets are UTF-8", "Subject: hi\r\n\r\nGrüße, 世界 😀\r\n")
	one("body-base64", "octets that are not UTF-8", "Subject: hi\r\n\r\ncaf\xe9\r\n", "\xff", "\xff\xfe", "\xed\xa0\x80 is half a surrogate pair, \xc0\x80 an overlong NUL")
	one("body-escapes", "each short escape, and what needs none", "\" \\ \b \f \n \r \t / ' \u0080 \u2028 \u2029 \ufeff \ufffd \uffff \U0010ffff plain text so that it stays text")
	controls := "\x7f"
	for c := range byte(32) {
		controls += string(rune(c))
	}
	one("body-controls", "all of C0 and DEL in a text long enough to stay one", controls+strings.Repeat("text ", 100))
	one("body-tie", "text as long as base64 is text, longer text is base64", `"ab`, `""a`, "\x00", "\x00"+strings.Repeat("x", 11), "\x00"+strings.Repeat("x", 15))
	one("body-empty", "a message of no octets", "")
	one("body-1-mib", "the largest message without parts", strings.Repeat("b", mib)).pack()

	parts := func(name, comment, octets string, cuts ...int) {
		lines := append([]string{begin, inbox}, partsOf(1, octets, cuts...)...)
		lines = append(lines, message(2, "next"))
		l.ok(name, comment, whole(lines...), octets, "next").pack()
	}
	a := func(n int) string { return strings.Repeat("a", n) }
	parts("parts-text", "parts that end at n MiB", a(2*mib+1), mib, 2*mib)
	parts("parts-exact", "a whole number of MiB", a(2*mib), mib)
	parts("parts-code-point", "parts drawn back to the start of a code point", a(mib-1)+"€"+a(mib-4)+"€"+a(mib-2)+"😀"+"end", mib-1, 2*mib-2, 3*mib-1)
	parts("parts-code-point-3", "drawn back by three octets", a(mib-3)+"😀"+a(mib-3)+"€€", mib-3, 2*mib-2)
	parts("parts-replacement", "U+FFFD is a code point as any", a(mib-1)+"\ufffd"+"end", mib-1)
	parts("parts-base64", "parts that are not text", strings.Repeat("\x00", mib+1), mib)
	parts("parts-mixed", "a text part before one that is none", a(mib)+"\xff", mib)
	parts("parts-short-sequence", "a lone lead octet at the boundary is no code point", strings.Repeat("\x00", mib-1)+"\xe2a", mib)
}

func (l *list) records() {
	l.ok("minimal", "nothing but begin and end", whole(begin))
	l.ok("folder-empty", "folders without messages", whole(begin, folderRec("INBOX", 7, 0), folderRec("Entwürfe", 8, 0)))
	odd := "a\"b\\c\x01\x7f\n€\u202e😀"
	l.ok("folder-name", "a name with everything that is escaped, and what is not", whole(begin, folderRec(odd, 9, 1), messageWith(odd, 9, 1, 2, `,"sha256":"`+sha("hi")+`","body":"hi"`)), "hi")
	l.ok("folder-fields", "every field of a folder record", whole(begin, `{"type":"folder","name":"Sent","delimiter":"/","attributes":["\\HasNoChildren","\\Sent"],"subscribed":false,"uidvalidity":4294967295,"uidnext":9007199254740991,"highestmodseq":"18446744073709551615","messages":0,"octets":9007199254740991}`))
	l.ok("uid-64-bits", "UIDs and UIDVALIDITY of more than 32 bits: numbers, and from 2^53 on strings", whole(begin,
		`{"type":"folder","name":"INBOX","delimiter":"/","attributes":[],"subscribed":true,"uidvalidity":"18446744073709551615","uidnext":"18446744073709551615","messages":4}`,
		wide(1, "one"), wide(1<<32, "two"), wide(1<<53-1, "three"), wide(1<<53, "four"), wide(1<<64-2, "five"),
		`{"type":"expunged","folder":"INBOX","uidvalidity":"18446744073709551615","uid":"18446744073709551613"}`,
		`{"type":"failed","folder":"INBOX","uidvalidity":"18446744073709551615","uid":"18446744073709551612","reason":"refused"}`), "one", "two", "three", "four", "five")
	l.ok("folder-surveyed", "a folder of another user, with its sizes and its access control list; one that nobody has rights on", whole(begin,
		`{"type":"folder","name":"user.ann","delimiter":".","attributes":[],"subscribed":true,"namespace":"other","uidvalidity":7,"uidnext":9,"messages":2,"octets":1200,"largest":700,"largest_uid":4,"oldest":"2020-01-02T03:04:05+02:00","newest":"2021-01-02T03:04:05+00:00","acl":{"-bob":"w","ann":"lrswipkxteacd","anyone":"lr"}}`,
		`{"type":"folder","name":"Public","delimiter":".","attributes":[],"subscribed":false,"namespace":"shared","uidvalidity":7,"uidnext":9,"messages":0,"octets":0,"acl":{}}`))
	l.ok("begin-fields", "every field of begin", whole(`{"type":"begin","format":"imap-stream","version":1,"tool":"vectors 1","content":"full","plan":true,"user":"joe","host":"old.example","port":2143,"prefix":"INBOX.","delimiter":".","target_user":"joe@new","target_host":"new.example","target_port":1143,"key":"message-id,date","filters":["folder=INBOX"],"labels":{"case":"17","day":"monday"},"base":"`+strings.Repeat("0", 64)+`",`+specMember+`}`))
	l.ok("uidvalidity-unstable", "a folder whose UIDVALIDITY is another at each look", whole(begin,
		`{"type":"folder","name":"INBOX","delimiter":".","attributes":[],"subscribed":false,"uidvalidity":796009588,"uidvalidity_unstable":true,"uidnext":11,"messages":10}`))
	l.ok("headers", "messages without bodies", whole(beginWith("headers", ""), inbox, messageWith("INBOX", 7, 1, 4000, `,"received":"0123456789abcdef","twin":true,"header":{"Message-ID":"<a@b>","Subject":"Grüße \"quoted\""}`), messageWith("INBOX", 7, 3, 5000000, "")), "", "")
	l.ok("gmail", "messages with Gmail's labels and numbers, and one whose labels are known to be none", whole(begin, inbox,
		messageWith("INBOX", 7, 1, 3, `,"gmail_labels":["\\Important","Reisen/Bücher"],"gmail_msgid":"18446744073709551615","gmail_thrid":"1278455344230334865","sha256":"`+sha("one")+`","body":"one"`),
		messageWith("INBOX", 7, 2, 3, `,"gmail_labels":[],"sha256":"`+sha("two")+`","body":"two"`)), "one", "two")
	l.ok("unknown-items", "messages whose flags or date the server did not give, and one whose size it counts otherwise", whole(begin, inbox,
		strings.Replace(messageWith("INBOX", 7, 1, 3, `,"unknown":["flags","internaldate"],"sha256":"`+sha("one")+`","body":"one"`), `"flags":["\\Seen"],"internaldate":"2020-01-02T03:04:05+02:00"`, `"flags":[]`, 1),
		messageWith("INBOX", 7, 2, 3, `,"rfc822_size":5,"sha256":"`+sha("two")+`","body":"two"`),
		messageWith("INBOX", 7, 3, 5, `,"rfc822_size":0,"unknown":["gmail_labels","mood"],"sha256":"`+sha("three")+`","body":"three"`)), "one", "two", "three")
	l.ok("hashes", "messages with the sha256 of their octets alone", whole(beginWith("hashes", ""), inbox, messageWith("INBOX", 7, 1, 2, `,"sha256":"`+sha("hi")+`"`)), "")
	l.ok("expunged", "a message that was expunged", whole(begin, inbox, message(1, "one"), `{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":2}`, message(3, "three")), "one", "three")
	skip := `{"type":"skipped","folder":"INBOX","uidvalidity":7,"uid":2,"reason":"content","text":"exclude-raw=virus"}`
	l.ok("skipped", "a message that was left out for what it is, and one that is only counted", whole(strings.Replace(begin, `"filters":[]`, `"filters":["uid=1:2","exclude-raw=virus"]`, 1), inbox, message(1, "one"), skip), "one")
	l.ok("failed", "a message and a folder that could not be had", whole(begin, inbox, folderRec("Closed", 8, 2), `{"type":"failed","folder":"INBOX","uidvalidity":7,"uid":1,"reason":"truncated","text":"it ended too early"}`, message(2, "two"), `{"type":"failed","folder":"Closed","reason":"refused"}`), "two")

	big := partsOf(1, strings.Repeat("a", 2*mib+1), mib, 2*mib)
	cancel := `{"type":"failed","folder":"INBOX","uidvalidity":7,"uid":1,"reason":"truncated"}`
	l.odd("failed-cancels-parts", "a failure takes back a message whose parts have begun", whole(begin, inbox, big[0], big[1], cancel, message(2, "two")), "two").pack()
	l.ok("failed-cancels-no-part", "a failure straight after a message with parts", whole(begin, inbox, big[0], cancel, message(2, "two")), "two").pack()
	l.ok("failed-after-parts", "a failure after the last part takes nothing back", whole(append(append([]string{begin, inbox}, big...), cancel)...), strings.Repeat("a", 2*mib+1)).pack()

	l.ok("unknown-record", "a record of a later version, anywhere between begin and end", whole(begin, `{"type":"weather","sky":"blue"}`, inbox, `{"type":"x","deep":[{"a":null},[],{},15,true],"body":"hashed as well"}`, message(1, "one")), "one")
	l.odd("unknown-number", "numbers that nobody knows stay as they stand", whole(begin, `{"type":"x","a":[-1.50,2e3,12345678901234567890,-0]}`))
	l.ok("unknown-field", "fields of a later version", whole(strings.Replace(begin, `,"spec"`, `,"mood":{"a":[1,2]},"spec"`, 1), strings.Replace(inbox, `}`, `,"body":"a folder has none","colour":"red"}`, 1),
		messageWith("INBOX", 7, 1, 3, `,"thread":12,"spec":"no field of a message","sha256":"`+sha("one")+`","body":"one"`), `{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":2,"text":"no field of expunged"}`), "one")

	plan := strings.Replace(strings.Replace(begin, `"plan":false`, `"plan":true`, 1), `,"key"`, `,"target_user":"joe","target_host":"new.example","key"`, 1)
	to := func(s string) string { return strings.Replace(s, `,"key"`, `,"target":"Old/INBOX","key"`, 1) }
	lines := []string{plan, strings.Replace(inbox, `}`, `,"target":"INBOX","target_uidvalidity":12,"target_uidnext":4}`, 1), strings.Replace(folderRec("Neu", 8, 0), `}`, `,"target":"Neu"}`, 1),
		`{"type":"create","target":"Neu","folder":"Neu"}`, `{"type":"subscribe","target":"Neu","folder":"Neu"}`, to(message(1, "one"))}
	end := strings.Replace(endOf(lines...), `"listed":1,`, `"listed":3,"present":2,"missing":1,"ambiguous":0,`, 1)
	l.ok("plan", "what imap-diff writes", text(append(lines, end)...), "one")
	deletes := []string{plan, `{"type":"delete","target":"INBOX","target_uidvalidity":12,"target_uid":3,"key":"recipe:00000000000000000000000000000001"}`,
		`{"type":"delete","target":"INBOX","target_uidvalidity":12,"target_uid":9,"key":"recipe:00000000000000000000000000000002","copy_of":8,"sha256":"` + sha("one") + `"}`}
	l.ok("plan-delete", "a plan that deletes a message, and one of two that are the same", text(append(deletes, strings.Replace(endOf(deletes...), `"listed":0,`, `"listed":0,"present":0,"missing":0,"ambiguous":0,`, 1))...))
	removals := []string{plan, `{"type":"delete-folder","target":"Alt/2019","target_uidvalidity":7,"target_uidnext":1,"messages":0}`, `{"type":"delete-folder","target":"Alt","target_uidvalidity":8,"target_uidnext":44,"messages":3}`}
	change := []string{plan, inbox, `{"type":"flags","folder":"INBOX","uidvalidity":7,"uid":1,"target":"INBOX","target_uidvalidity":12,"target_uid":3,"add":["\\Seen","Work"]}`,
		`{"type":"flags","folder":"INBOX","uidvalidity":7,"uid":2,"target":"INBOX","target_uidvalidity":12,"target_uid":4,"remove":["\\Flagged"]}`}
	l.ok("plan-flags", "a plan that changes the flags of what is there", text(append(change, strings.Replace(endOf(change...), `"listed":0,`, `"listed":2,"present":2,"present_by_key":1,"missing":0,"ambiguous":0,"flag_changes":2,`, 1))...))
	tie := func(s, of string) string { return strings.Replace(to(s), `,"sha256"`, `,"tie":`+of+`,"sha256"`, 1) }
	tied := []string{plan, strings.Replace(inbox, `}`, `,"target":"INBOX","target_uidvalidity":12,"target_uidnext":4}`, 1),
		`{"type":"tie","id":1,"of":2,"there":[{"uid":3,"date":1577934245,"size":3,"digest":"` + sha("one") + `","body":"` + sha("one") + `"}]}`,
		tie(message(1, "one"), `{"id":1}`), tie(message(2, "two"), `{"id":1}`)}
	l.ok("plan-tie", "two messages of which one is there, and only octets tell which", text(append(tied, strings.Replace(endOf(tied...), `"listed":2,`, `"listed":2,"present":1,"missing":1,"ambiguous":0,"spare":1,`, 1))...), "one", "two")
	before := []string{plan, tied[1], tie(message(1, "one"), `{"of":2,"drop":1,"digests":["`+sha("one")+`"]}`), tie(message(2, "two"), `{"of":2,"drop":1}`)}
	l.ok("plan-tie-earlier", "the same as it stood in plans of an earlier version", text(append(before, strings.Replace(endOf(before...), `"listed":2,`, `"listed":2,"present":1,"missing":1,"ambiguous":0,"spare":1,`, 1))...), "one", "two")
	l.ok("plan-delete-folder", "a plan that removes folders, the deepest first", text(append(removals, strings.Replace(endOf(removals...), `"listed":0,`, `"listed":0,"present":0,"missing":0,"ambiguous":0,`, 1))...))
}

func (l *list) sections() {
	first := whole(begin, inbox, message(1, "one"))
	l.ok("concatenation", "a full stream and a later one of the same account", first+whole(begin, inbox, message(2, "two")), "one", "two")
	l.ok("concatenation-again", "a message that comes twice counts once", first+first, "one")
	at := func(host string) string { return strings.Replace(begin, `"host":"old.example"`, `"host":`+host, 1) }
	l.ok("concatenation-port", "the same UID at another port is another message", whole(at(`"localhost","port":1143`), inbox, message(1, "one"))+whole(at(`"localhost","port":2143`), inbox, message(1, "two")), "one", "two")
	l.odd("concatenation-port-standard", "ports 993 and 143, no port, and a host in other case are one account", first+whole(at(`"Old.Example","port":993`), inbox, message(1, "one"))+whole(at(`"old.example","port":143`), inbox, message(1, "one")), "one")
	l.add("port-0", "corrupt", "a port that is none", whole(at(`"old.example","port":0`), inbox, message(1, "one")))
	l.add("port-65536", "corrupt", "a port that is none", whole(at(`"old.example","port":65536`), inbox, message(1, "one")))
	l.ok("concatenation-account", "the same UID of another host is another message", first+whole(strings.Replace(begin, "old.example", "other.example", 1), inbox, message(1, "one")), "one", "one")
	l.add("concatenation-conflict", "corrupt", "the same message with another sha256", first+whole(begin, inbox, message(1, "two")))
	l.ok("abort-alone", "a producer that could not begin", text(abortRec(77))).abort = 77
	l.ok("abort-after-begin", "a producer that stopped early", text(begin, abortRec(69))).abort = 69
	l.ok("abort-after-messages", "what came before an abort counts", text(begin, inbox, message(1, "one"), abortRec(75)), "one").abort = 75
	big := partsOf(2, strings.Repeat("a", mib+1), mib)
	v := l.odd("abort-in-parts", "a message whose parts did not all come before the abort does not exist", text(begin, inbox, message(1, "one"), big[0], big[1], abortRec(75)), "one")
	v.abort = 75
	v.pack()
	again := whole(begin, inbox, big[0], big[1], big[2])
	v = l.odd("abort-in-parts-then-whole", "such a message is no repetition when it comes again", text(begin, inbox, big[0], big[1], abortRec(75))+again, strings.Repeat("a", mib+1))
	v.abort = 75
	v.pack()
	l.odd("parts-failed-then-whole", "nor is one that was taken back", whole(begin, inbox, big[0], `{"type":"failed","folder":"INBOX","uidvalidity":7,"uid":2,"reason":"truncated"}`)+again, strings.Repeat("a", mib+1)).pack()
	l.ok("abort-then-stream", "a stream that was aborted, and one that is whole", text(begin, inbox, message(1, "one"), abortRec(75))+whole(begin, inbox, message(2, "two")), "one", "two").abort = 75
}

func (l *list) framing() {
	stream := whole(begin, inbox, message(1, "one"), message(2, "two"))
	l.odd("zstd", "one frame", string(zstdOf(stream)), "one", "two").raw()
	var frames, split []byte
	for line := range strings.Lines(stream) {
		frames = append(frames, frameOf(17, line)...)
		frames = append(frames, "\x50\x2a\x4d\x18\x03\x00\x00\x00abc"...)
	}
	l.odd("zstd-frames", "a frame for each record, and skippable frames", string(frames), "one", "two").raw()
	l.odd("zstd-skippable-first", "a skippable frame before all", "\x5f\x2a\x4d\x18\x00\x00\x00\x00"+string(zstdOf(stream)), "one", "two").raw()
	for n := 0; n < len(stream); n += 100 {
		split = append(split, frameOf(10, stream[n:min(n+100, len(stream))])...)
	}
	l.odd("zstd-empty-frame", "frames without records, first and last", string(emptyFrame)+string(zstdOf(stream))+string(emptyFrame), "one", "two").raw()
	l.add("zstd-only-empty", "truncated", "a frame without records and nothing more", string(emptyFrame)).raw()
	l.odd("zstd-split-records", "frames that end inside records: no writer does so, a reader does not care", string(split), "one", "two").raw()
	l.odd("zstd-window-8-mib", "the largest window", string(frameOf(23, stream)), "one", "two").raw()
	l.odd("concatenation-zstd", "two compressed streams, one after the other", string(zstdOf(stream))+string(zstdOf(whole(begin, inbox, message(3, "three")))), "one", "two", "three").raw()
	l.add("concatenation-mixed", "corrupt", "a plain stream after a compressed one", string(zstdOf(stream))+stream).raw()
	l.add("concatenation-mixed-2", "corrupt", "a compressed stream after a plain one", stream+string(zstdOf(stream))).raw()
	l.add("zstd-trailing-garbage", "corrupt", "octets after the last frame that are no frame", string(zstdOf(stream))+"garbage").raw()
	flip := zstdOf(stream)
	flip[len(flip)-1] ^= 4
	l.add("zstd-flipped-checksum", "corrupt", "a flipped bit in a frame's checksum", string(flip)).raw()
	flip = frameOf(17, whole(begin, inbox, message(1, strings.Repeat("a", 1000))))
	at := strings.Index(string(flip), "\x42\x1f\x00a") // 1000 octets as a run: 1000<<3 | 1<<1
	flip[at] ^= 4
	l.add("zstd-flipped-block", "corrupt", "a flipped bit in a block's header", string(flip)).raw()
}

func zstdOf(plain string) []byte {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return enc.EncodeAll([]byte(plain), nil)
}

// damagedBodies are streams that are whole, with messages that are not.
func (l *list) damagedBodies() {
	with := func(name, comment, broken string) {
		l.odd(name, comment, whole(begin, inbox, broken, message(2, "two")), "two").damaged = 1
	}
	record := func(size int, octets, member string) string {
		return messageWith("INBOX", 7, 1, size, `,"sha256":"`+sha(octets)+`",`+member)
	}
	with("body-wrong-sha256", "octets whose sha256 is another costs that message", record(3, "one", `"body":"0ne"`))
	with("body-wrong-size", "octets of another number than the size", record(4, "one", `"body":"one"`))
	with("body-not-base64", "octets outside the alphabet", record(3, "one", `"body_base64":"b25*"`))
	with("body-base64-unpadded", "padding is required", record(1, "\xff", `"body_base64":"/w"`))
	with("body-base64-loose-bits", "the unused bits are zero", record(1, "\xff", `"body_base64":"/x=="`))
	with("body-base64-line-end", "no line ends inside", record(3, "\xff\xfe\xfd", `"body_base64":"//\n79"`))
	with("body-lone-surrogate", "half a surrogate pair stands for no octets", record(3, "one", `"body":"\ud800"`))
	big := partsOf(1, strings.Repeat("a", mib+1), mib)
	big[2] = strings.Replace(big[2], `"body":"a"`, `"body":"b"`, 1)
	l.odd("parts-wrong-sha256", "parts whose octets do not fit the sha256 of the last", whole(begin, inbox, big[0], big[1], big[2], message(2, "two")), "two").pack().damaged = 1
	l.odd("body-other-escapes", "JSON that is not canonical: the octets count", whole(begin, inbox, record(3, "\xff\xff\xff", `"body_base64":"\/\/\u002f\/"`), messageWith("INBOX", 7, 2, 9, `,"sha256":"`+sha("A€😀\n")+`","body":"\u0041\u20AC\ud83d\uDE00\u000a"`)), "\xff\xff\xff", "A€😀\n")
}

// edits are what filters leave behind.
func (l *list) edits() {
	lines := []string{begin, inbox, message(1, "one"), message(2, "two")}
	good, end := whole(lines...), endOf(lines...)
	both := func(name, comment, octets string, bodies ...string) (*vector, *vector) {
		return l.add(name, "edited", comment, octets), l.editedOK(name, comment, octets, bodies)
	}
	both("wrong-hash", "the hash of the end record is another", strings.Replace(good, `"hash":"`, `"hash":"0`, 1), "one", "two")
	both("wrong-listed", "the messages listed are not those that came, failed or went", strings.Replace(good, `"listed":2`, `"listed":3`, 1), "one", "two")
	both("wrong-count", "a count of the end record is another", strings.Replace(good, `"emitted":2`, `"emitted":3`, 1), "one", "two")
	skip := `{"type":"skipped","folder":"INBOX","uidvalidity":7,"uid":3,"reason":"content"}`
	both("wrong-skipped", "skipped records are counted", strings.Replace(whole(begin, inbox, lines[2], lines[3], skip), `"skipped":1`, `"skipped":2`, 1), "one", "two")
	both("wrong-records", "the number of records is another", strings.Replace(good, `"records":4`, `"records":5`, 1), "one", "two")
	both("dropped-message", "a message was filtered out", text(begin, inbox, lines[3], end), "two")
	both("flipped-bit-in-metadata", "a bit of a message's date is another", strings.Replace(good, "2020-01-02", "2020-01-03", 1), "one", "two")
	both("field-after-body", "what stands after a body is not in the hash", strings.Replace(good, `"body":"one"}`, `"body":"one","flags2":[]}`, 1), "one", "two")
	both("white-space", "blanks are in the hash", strings.Replace(good, `,"uid":1,`, `, "uid" : 1 ,`, 1), "one", "two")
	both("crlf", "so are carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), "one", "two")

	body := strings.Repeat("a", 2*mib+1)
	lines = append(append([]string{begin, inbox}, partsOf(1, body, mib, 2*mib)...), message(2, "two"))
	end = endOf(lines...)
	pair := func(name, comment string, skipped, lost int, octets string) {
		v, w := both(name, comment, octets, "two")
		v.pack()
		w.pack()
		w.skipped, w.lost = skipped, lost
	}
	pair("dropped-part", "a body part was filtered out", 1, 1, text(lines[0], lines[1], lines[2], lines[3], lines[5], lines[6], end))
	pair("dropped-last-part", "the last part was filtered out", 0, 1, text(lines[0], lines[1], lines[2], lines[3], lines[4], lines[6], end))
	pair("part-out-of-order", "two parts changed places", 2, 1, text(lines[0], lines[1], lines[2], lines[4], lines[3], lines[5], lines[6], end))
	pair("part-without-message", "a message was filtered out, its parts were not", 3, 0, text(lines[0], lines[1], lines[3], lines[4], lines[5], lines[6], end))
	pair("part-of-another", "parts are never joined to another message", 3, 1, text(lines[0], lines[1], strings.Replace(lines[2], `"uid":1,`, `"uid":3,`, 1), lines[3], lines[4], lines[5], lines[6], end))
	pair("dropped-part-at-end", "parts are missing when the end comes", 0, 1, text(lines[0], lines[1], lines[6], lines[2], lines[3], end))
}

// editedOK adds the same octets once more, read as an edited stream.
func (l *list) editedOK(name, comment, octets string, bodies []string) *vector {
	v := l.odd(name+"-edited", comment+"; read as an edited stream", octets, bodies...)
	v.edited = true
	return v
}

func (l *list) cuts() {
	stream := whole(begin, inbox, message(1, "one"))
	l.add("empty", "truncated", "no octets at all", "")
	l.add("cut-after-begin", "truncated", "begin alone", text(begin))
	l.add("cut-after-message", "truncated", "no end", text(begin, inbox, message(1, "one")))
	l.add("cut-in-line", "truncated", "a record without its end", stream[:len(stream)/2])
	l.add("cut-line-feed", "truncated", "an end record without its line feed", strings.TrimSuffix(stream, "\n"))
	l.add("cut-at-frame-end", "truncated", "whole frames, and no end record", string(frameOf(17, text(begin, inbox)))+string(frameOf(17, text(message(1, "one"))))).raw()
	frame := frameOf(17, stream)
	l.add("cut-in-frame", "truncated", "a frame without its end", string(frame[:len(frame)/2])).raw()
	l.add("cut-second-begin", "truncated", "a stream begins before the one in front of it has ended", text(begin, inbox)+stream)
	big := partsOf(1, strings.Repeat("a", mib+1), mib)
	l.add("cut-in-parts", "truncated", "cut between two parts", text(begin, inbox, big[0], big[1])).pack()
}

func (l *list) foreign() {
	l.add("plain-text", "not-a-stream", "mail, as it happens", "From joe Thu Jan  1 00:00:00 1970\nSubject: hi\n\nbody\n")
	l.add("binary", "not-a-stream", "binary junk", "\x00\x01\x02\xff\xfe\x7f\x80 junk\n\r\x1b[2J")
	l.add("gzip", "not-a-stream", "gzip is another format", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00").raw()
	l.add("byte-order-mark", "not-a-stream", "a stream has none", "\ufeff"+whole(begin))
	l.add("blank-first", "not-a-stream", "the first octet is a brace", "\n"+whole(begin))
	l.add("folder-list", "not-a-stream", "what imap-list prints has no begin", text(inbox))
	l.add("no-begin", "not-a-stream", "a record of no known type comes first", text(`{"type":"weather"}`, begin))
	l.add("other-format", "not-a-stream", "the begin of another format", text(strings.Replace(begin, "imap-stream", "imap-receipts", 1)))
	l.add("version-2", "version", "a later version, whatever else stands there", text(strings.Replace(begin, `"version":1`, `"version":2`, 1), "{{{"))
	l.add("version-2-fields", "version", "a later version may give known fields another meaning", text(`{"type":"begin","format":"imap-stream","version":2,"content":{"new":true}}`))
	l.add("version-0", "version", "there was none", text(strings.Replace(begin, `"version":1`, `"version":0`, 1)))
	l.add("version-missing", "version", "begin names its version", text(strings.Replace(begin, `"version":1,`, ``, 1)))
}

// syntax: each is one record that is no JSON as the format wants it.
func (l *list) syntax() {
	bad := func(name, comment, record string) {
		l.add(name, "corrupt", comment, text(begin, inbox, record))
	}
	bad("json-cut", "a record that ends too early", `{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":1`)
	bad("json-array", "a record is an object", `["type","expunged"]`)
	bad("json-empty-line", "an empty line is no record", ``)
	bad("json-two-values", "two records in one line", `{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":1}{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":2}`)
	bad("json-unknown-two-values", "something after a record of unknown type", `{"type":"weather"}{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":2}`)
	bad("json-trailing-comma", "a comma before the end", `{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":1,}`)
	bad("json-comment", "JSON has no comments", `{"type":"weather","a":1 /* one */}`)
	bad("json-nan", "NaN is no number", `{"type":"weather","a":NaN}`)
	bad("json-infinity", "-Infinity neither", `{"type":"weather","a":-Infinity}`)
	bad("json-leading-zero", "a number has no leading zero", `{"type":"weather","a":01}`)
	bad("json-bare-fraction", "nor a fraction without digits", `{"type":"weather","a":1.}`)
	bad("json-raw-control", "a control inside a string is escaped", "{\"type\":\"weather\",\"a\":\"\x01\"}")
	bad("json-bad-escape", "an escape that JSON does not have", `{"type":"weather","a":"\x41"}`)
	bad("json-bad-digits", "an escape without its four digits", strings.Replace(message(1, "one"), `"body":"one"`, `"body":"\u12x4"`, 1))
	bad("json-short-digits", "nor with fewer", `{"type":"weather","a":"\u123"}`)
	bad("json-single-quotes", "strings have double quotes", `{'type':'weather'}`)
	bad("invalid-utf8", "a stream is UTF-8", "{\"type\":\"weather\",\"a\":\"\xff\"}")
	bad("invalid-utf8-surrogate", "an encoded surrogate is not UTF-8", "{\"type\":\"weather\",\"a\":\"\xed\xa0\x80\"}")
	bad("lone-surrogate", "half a surrogate pair in metadata", `{"type":"failed","folder":"INBOX","uid":1,"reason":"refused","text":"\ud83d"}`)
	bad("lone-surrogate-unknown", "or in a field that nobody knows", `{"type":"weather","a":["\udc00"]}`)
	bad("lone-surrogate-name", "or in a name", `{"type":"weather","\ud83d":1}`)
	bad("no-type", "a record without a type", `{"folder":"INBOX"}`)
	bad("type-number", "a type is a string", `{"type":1}`)
	bad("duplicate-field", "a known field stands twice", strings.Replace(message(1, "one"), `"uid":1,`, `"uid":1,"uid":2,`, 1))
	bad("duplicate-field-escaped", "an escape hides nothing", strings.Replace(message(1, "one"), `"uid":1,`, `"uid":1,"\u0075id":2,`, 1))
	bad("duplicate-body", "two bodies", strings.Replace(message(1, "one"), `"body":"one"`, `"body":"one","body_base64":"b25l"`, 1))
	bad("duplicate-type", "two types, one of them unknown", `{"type":"weather","type":"expunged","folder":"INBOX","uidvalidity":7,"uid":1}`)
	l.add("trailing-text", "corrupt", "a line after the end that is no record", whole(begin)+"garbage\n")
	l.add("trailing-record", "corrupt", "a record after the end that is no begin", whole(begin)+text(inbox))
	l.odd("json-loose", "JSON of the same meaning that no writer writes, with the hash of its octets", loose(), "one")
	depth := func(n int) string {
		return `{"type":"weather","a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	l.ok("depth-64", "as deep as it may be", whole(begin, depth(64)))
	l.add("depth-65", "limit", "one deeper", text(begin, depth(65)))
	l.add("depth-field", "limit", "one deeper, in a known record", text(begin, strings.Replace(inbox, `}`, `,"a":`+strings.Repeat("[", 65)+strings.Repeat("]", 65)+`}`, 1)))
	l.add("depth-many", "limit", "far deeper", text(begin, depth(100000))).pack()
}

// loose returns a stream in JSON that is not canonical.
func loose() string {
	return whole(
		`{ "format" : "imap-stream" , "version":1,"content":"full", "type":"begin","user":"joe","host":"old.example" } `,
		`{"uidnext":4,"name":"\u0049NBOX","type":"folder","uidvalidity":7,"\u006dessages":3}`,
		`{"type":"message","uid":1,"uidvalidity":7,"folder":"INB\u004fX","header":{ "Subject" : "\u00fc\/" },"size":3,"sha256":"`+sha("one")+`","body":"one"}`)
}

// values: each is one record with a value that the format does not have.
func (l *list) values() {
	bad := func(name, comment, record string) {
		l.add(name, "corrupt", comment, text(begin, inbox, record))
	}
	m := message(1, "one")
	swap := func(old, new string) string { return strings.Replace(m, old, new, 1) }
	bad("number-above-2-53", "no number that jq would change", swap(`"size":3`, `"size":9007199254740992`))
	bad("number-above-2-64", "nor one that no integer holds", swap(`"size":3`, `"size":18446744073709551619`))
	bad("number-negative", "no number is negative", swap(`"size":3`, `"size":-3`))
	bad("number-minus-zero", "not even this one", swap(`"size":3`, `"size":-0`))
	bad("number-fraction", "all are integers", swap(`"size":3`, `"size":3.0`))
	bad("number-exponent", "written as such", swap(`"size":3`, `"size":3e0`))
	bad("number-string", "and no strings", swap(`"size":3`, `"size":"3"`))
	bad("uid-0", "a UID is not zero", swap(`"uid":1`, `"uid":0`))
	bad("uid-above-2-53", "a UID that jq would change is a string", swap(`"uid":1`, `"uid":9007199254740992`))
	bad("uid-string", "and no other UID is", swap(`"uid":1`, `"uid":"9007199254740991"`))
	bad("uid-string-zero", "its digits begin with none that is not needed", swap(`"uid":1`, `"uid":"09007199254740992"`))
	bad("uid-65-bits", "and are no more than 64 bits hold", swap(`"uid":1`, `"uid":"18446744073709551616"`))
	bad("messages-33-bits", "counts have 32 bits", strings.Replace(folderRec("x", 8, 0), `"messages":0`, `"messages":4294967296`, 1))
	bad("null", "no known field is null", swap(`"flags":["\\Seen"]`, `"flags":null`))
	bad("flags-numbers", "flags are strings", swap(`"flags":["\\Seen"]`, `"flags":[1]`))
	bad("boolean-number", "a boolean is one", swap(`"size":3`, `"size":3,"twin":1`))
	bad("header-string", "header is an object", swap(`"size":3`, `"size":3,"header":"Subject: hi"`))
	bad("body-null", "a body is a string", swap(`"body":"one"`, `"body":null`))
	bad("message-without-uid", "a message is named by folder, uidvalidity and uid", swap(`"uid":1,`, ``))
	bad("message-without-uidvalidity", "by all three", swap(`"uidvalidity":7,`, ``))
	bad("body-without-sha256", "a body comes with its sha256", swap(`"sha256":"`+sha("one")+`",`, ``))
	bad("sha256-short", "a sha256 is 64 digits", swap(`"sha256":"7`, `"sha256":"`))
	bad("sha256-upper-case", "lower-case ones", swap(sha("one"), strings.ToUpper(sha("one"))))
	bad("sha256-empty", "absent, not empty", messageWith("INBOX", 7, 1, 3, `,"sha256":""`))
	bad("body-beside-parts", "a body here or in parts", swap(`"size":3`, `"size":3,"parts":1`))
	bad("parts-miscounted", "the number of parts follows from the size", messageWith("INBOX", 7, 1, mib+1, `,"parts":3`))
	bad("parts-needless", "a small message has none", messageWith("INBOX", 7, 1, mib, `,"parts":1`))
	bad("folder-expunged-without-uidvalidity", "folder-expunged says which folder of that name", `{"type":"folder-expunged","folder":"INBOX"}`)
	bad("change-unknown", "flags are all that changes", messageWith("INBOX", 7, 1, 2, `,"change":"body"`))
	bad("expunged-without-uid", "expunged names a message", `{"type":"expunged","folder":"INBOX","uidvalidity":7}`)
	bad("skipped-without-uid", "so does skipped", `{"type":"skipped","folder":"INBOX","uidvalidity":7,"reason":"content"}`)
	bad("skipped-without-reason", "and says why", `{"type":"skipped","folder":"INBOX","uidvalidity":7,"uid":1}`)
	bad("failed-without-reason", "a failure has a reason", `{"type":"failed","folder":"INBOX","uid":1}`)
	bad("failed-without-folder", "and a folder", `{"type":"failed","uid":1,"reason":"refused"}`)
	bad("create-without-target", "a folder to create has a name", `{"type":"create","folder":"INBOX"}`)
	bad("delete-without-key", "a message to delete is known by its key", `{"type":"delete","target":"INBOX","target_uidvalidity":12,"target_uid":3}`)
	bad("delete-without-uidvalidity", "and its UID belongs to a UIDVALIDITY", `{"type":"delete","target":"INBOX","target_uid":3,"key":"recipe:1"}`)
	bad("delete-uid-0", "which is not 0", `{"type":"delete","target":"INBOX","target_uidvalidity":12,"target_uid":0,"key":"recipe:1"}`)
	bad("delete-copy-of-itself", "no message stays for itself", `{"type":"delete","target":"INBOX","target_uidvalidity":12,"target_uid":3,"key":"recipe:1","copy_of":3}`)
	bad("delete-folder-without-state", "a folder to remove is as it was seen", `{"type":"delete-folder","target":"Alt","target_uidnext":1,"messages":0}`)
	bad("flags-without-change", "a change of flags adds or removes", `{"type":"flags","folder":"INBOX","uidvalidity":7,"uid":1,"target":"INBOX","target_uidvalidity":12,"target_uid":3,"add":[]}`)
	bad("flags-without-uidvalidity", "of one message at the source",
		`{"type":"flags","folder":"INBOX","uid":1,"target":"INBOX","target_uidvalidity":12,"target_uid":3,"add":["a"]}`)
	bad("flags-without-target-uid", "of one message at the destination", `{"type":"flags","folder":"INBOX","uidvalidity":7,"uid":1,"target":"INBOX","target_uidvalidity":12,"add":["a"]}`)
	bad("tie-without-id", "a tie has a number", `{"type":"tie","of":2,"there":[]}`)
	bad("tie-of-texts", "what is there are objects", `{"type":"tie","id":1,"of":2,"there":["a"]}`)
	bad("tie-digest-short", "a digest has 64 digits", `{"type":"tie","id":1,"of":2,"there":[{"uid":1,"digest":"ab"}]}`)
	bad("folder-without-name", "every folder has", strings.Replace(folderRec("x", 8, 0), `"name":"x",`, ``, 1))
	bad("abort-exit-0", "an abort is no success", `{"type":"abort","command":"imap-fetch","exit":0,"text":""}`)
	bad("abort-exit-256", "an exit code has 8 bits", `{"type":"abort","command":"imap-fetch","exit":256,"text":""}`)
	bad("abort-without-exit", "an abort has one", `{"type":"abort","command":"imap-fetch","text":""}`)
	l.add("content-unknown", "corrupt", "content is one of three", text(strings.Replace(begin, `"full"`, `"some"`, 1)))
	l.add("labels-numbers", "corrupt", "labels are strings", text(strings.Replace(begin, `"labels":{}`, `"labels":{"a":1}`, 1)))
	big := partsOf(1, strings.Repeat("a", mib+1), mib)
	with := func(name, comment string, lines ...string) {
		l.add(name, "corrupt", comment, text(append([]string{begin, inbox, big[0]}, lines...)...)).pack()
	}
	with("part-sha256-early", "only the last part has the sha256", strings.Replace(big[1], `"body"`+`:"a`, `"sha256":"`+sha("")+`","body":"a`, 1))
	with("part-sha256-missing", "the last part has it", big[1], strings.Replace(big[2], `"sha256":"`+sha(strings.Repeat("a", mib+1))+`",`, ``, 1))
	with("part-without-octets", "a part has octets", `{"type":"body","folder":"INBOX","uid":1,"part":1,"parts":2}`)
	l.add("body-above-1-mib", "corrupt", "a message above 1 MiB has parts", text(begin, inbox, message(1, strings.Repeat("a", mib+1)))).pack()
}

func (l *list) order() {
	other := folderRec("Other", 8, 1)
	inOther := messageWith("Other", 8, 1, 2, `,"sha256":"`+sha("hi")+`","body":"hi"`)
	l.add("folder-twice", "corrupt", "a folder stands twice in the table of contents", text(begin, inbox, inbox))
	l.add("folder-after-message", "corrupt", "the table of contents comes first", text(begin, inbox, message(1, "one"), other))
	l.add("message-without-folder", "corrupt", "a message of no folder of the table of contents", text(begin, inbox, inOther))
	l.add("message-outside-turn", "corrupt", "a message of a folder whose turn is over", text(begin, inbox, other, inOther, message(1, "one")))
	l.ok("message-folders", "folders take turns in the order of the table of contents", whole(begin, inbox, other, message(1, "one"), message(2, "two"), inOther), "one", "two", "hi")
}

func (l *list) limits() {
	filler := func(n int) string {
		return `{"type":"weather","a":"` + strings.Repeat("a", n-len(`{"type":"weather","a":""}`)-1) + `"}`
	}
	l.ok("line-2-mib", "the longest line", whole(begin, filler(2*mib))).pack()
	l.add("line-too-long", "limit", "a line of one octet more", text(begin, filler(2*mib+1))).pack()
	l.add("bomb", "limit", "256 MiB without a line feed", string(bombOf(21, `{"type":"begin`, "a", 256*mib))).raw()
	l.add("window-too-large", "limit", "a frame that needs a window of 16 MiB", string(frameOf(24, whole(begin)))).raw()
	var b strings.Builder
	b.WriteString(text(begin))
	for i := range 33 {
		b.WriteString(text(folderRec(strings.Repeat("a", mib)+string(rune('A'+i)), 7, 0)))
	}
	l.add("contents-too-large", "limit", "33 MiB of folder records", string(frameOf(21, b.String()))).raw()
}
