package archive

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/text"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// editedStream makes a stream of records, without counts and hash.
func editedStream(t *testing.T, records ...map[string]any) []byte {
	t.Helper()
	all := append([]map[string]any{{"type": "begin", "format": "imap-stream", "version": 1, "content": "full", "user": "joe", "host": "old"}}, records...)
	var lines []byte
	for _, r := range append(all, map[string]any{"type": "end", "hash": strings.Repeat("0", 64)}) {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	return lines
}

func folderRecord(name, delimiter string) map[string]any {
	return map[string]any{"type": "folder", "name": name, "delimiter": delimiter, "subscribed": true, "uidvalidity": 7}
}

func messageRecord(folder string, uid int, body string, flags ...string) map[string]any {
	return map[string]any{"type": "message", "folder": folder, "uidvalidity": 7, "uid": uid, "flags": append([]string{}, flags...), "internaldate": "2020-01-02T03:04:05+02:00",
		"size": len(body), "sha256": imaptest.Sum([]byte(body)), "body": body}
}

// hostileNames are folders that would lead out of a directory, or mean
// something in one.
var hostileNames = []string{"..", ".", "../../up", "/etc", "cur", "new", "tmp/cur", ".hidden", "a.b", "a.b.mbox", "a", "A", "nul\x00", "new\nline", "esc\x1b[31m", "back\\slash", "100%41", "&", "&AC8-", "メール",
	"1.0000000001.eml", "index.ndjson", "mbox", "dot.", "blank ", " blank", "~", "-o",
	"subscriptions", "maildirfolder", "dovecot-uidlist", "con", "COM1.txt", "nul", "NUL .x", "lpt\u00b9", "WORK", "work", "wORK", "work.mbox", "e\u0301t\u00e9", "\u00e9te\u0301",
	"csi\u009b31m", "del\x7f", "\u202egnp.exe", "\u2066turned\u2069", "line\u2028end"}

var windowsDevice = regexp.MustCompile(`(?i)^(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)`)

// TestMailFilesHostile: no name leads out of the directory, each comes back as
// it was, and what cannot be written is named.
func TestMailFilesHostile(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).WithTools()
	var records []map[string]any
	for i, name := range append(hostileNames, strings.Repeat("long", 100), "empty..level") {
		delimiter := "/"
		if i%2 == 1 || strings.HasPrefix(name, "/") {
			delimiter = ""
		}
		if name == "empty..level" {
			delimiter = "."
		}
		records = append(records, folderRecord(name, delimiter))
	}
	for i, r := range slices.Clone(records) {
		records = append(records, messageRecord(r["name"].(string), i+1, fmt.Sprintf("Subject: %d\r\n\r\nHello\r\n", i), "\\Seen", "evil\r\nflag", "good", "\\Odd"))
	}
	level := records[0]
	level["attributes"] = []string{"\\Noselect"} // and it has a message
	records[len(records)-1]["header"] = map[string]any{"From": strings.Repeat("(", 200_000)}
	records[len(records)-2]["header"] = map[string]any{"From": strings.Repeat("(", 200_000)}
	records[len(records)-3]["header"] = map[string]any{"From": strings.Repeat("(", 200_000)}
	b.Write("stream", editedStream(t, records...))
	for i, f := range fileFormats {
		t.Run(f.format+" "+f.there, func(t *testing.T) {
			b := b.With("N", fmt.Sprint(i)).With("F", f.format)
			b.T = t
			if err := os.MkdirAll(b.Path(fmt.Sprint("in", i, "/side")), 0o700); err != nil {
				t.Fatal(err)
			}
			o := b.Sh(`cd in$N/side && $TOOLS/stream-to-mail --edited `+f.there+` $F ../../stream files`).Wants(3).Says(`longlong`, `empty..level`, "4 messages or folders missing")
			if strings.ContainsAny(o.Stderr, "\x1b\x00") || strings.Contains(o.Stderr, "evil\r") {
				t.Errorf("%q", o.Stderr)
			}
			entries, _ := filepath.Glob(b.Path(fmt.Sprint("in", i)) + "/*/*")
			if up, _ := filepath.Glob(b.Path(fmt.Sprint("in", i)) + "/*"); len(entries) != 1 || len(up) != 1 {
				t.Errorf("%q %q", entries, up)
			}
			folded := map[string]string{}
			filepath.WalkDir(b.Path(fmt.Sprint("in", i)), func(path string, _ fs.DirEntry, err error) error {
				name := filepath.Base(path)
				if err != nil || text.Safe(name) != name || f.format != "maildir" && windowsDevice.MatchString(name) {
					t.Errorf("%v %q", err, name)
				}
				read := norm.NFC.String(strings.ToLower(norm.NFC.String(path)))
				if other := folded[read]; other != "" && f.format != "maildir" {
					t.Errorf("%q and %q are one file on some systems", other, path)
				}
				folded[read] = path
				return nil
			})
			b.Sh(`$TOOLS/mail-to-stream ` + f.back + ` $F in$N/side/files >back$N && imap-list --source back$N --verify`).Wants(0)
			sums := map[string]string{}
			for _, r := range b.Rows(fmt.Sprint("back", i)).Of("message") {
				sums[r.SHA256] = strings.Join(levelsOf(r.Folder, b.Rows(fmt.Sprint("back", i))), "|")
				if slices.Contains(r.Flags, "evil") || f.format != "eml" && slices.Contains(r.Flags, "evil\r\nflag") || !slices.Contains(r.Flags, "\\Seen") || !slices.Contains(r.Flags, "good") {
					t.Errorf("%q", r.Flags)
				}
			}
			for i, name := range hostileNames {
				want := name
				if records[i]["delimiter"] == "/" {
					want = strings.ReplaceAll(name, "/", "|")
				}
				sum := imaptest.Sum(fmt.Appendf(nil, "Subject: %d\r\n\r\nHello\r\n", i))
				if sums[sum] != want {
					t.Errorf("%q came back as %q", want, sums[sum])
				}
			}
		})
	}
}

// levelsOf splits a folder's name at the delimiter of the stream.
func levelsOf(name string, all harness.Rows) []string {
	return strings.Split(name, all.Of("folder")[0].Delimiter)
}

// TestMailFilesFailures: damage, cuts and wrong use end with the code that they
// have everywhere, and never with a directory that looks whole.
func TestMailFilesFailures(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	server.Account("joe").Fill(harness.Mail(60))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "joe").Options()).WithTools()
	b.Sh(`imap-fetch --level none $SRC -o plain && imap-fetch --headers $SRC -o headers && imap-fetch $SRC -o mail.zst && mkdir full && touch full/x`).Wants(0)
	b.Sh(`head -n 40 plain >cut && sed '30s/"body":"./"body":"~/' plain >bad && sed 40d plain >fewer && mkdir begun.partial`).Wants(0)
	b.Sh(`(head -n 40 plain; echo '{"type":"abort","command":"imap-fetch","exit":77,"text":"no"}') >aborted`).Wants(0)
	for _, c := range []struct {
		script, made string // made: what is there afterwards
		exit         int
	}{
		{`stream-to-mail eml cut d0`, "d0.partial", 65},
		{`stream-to-mail mbox fewer d1`, "d1.partial", 65},
		{`stream-to-mail --edited mbox fewer d2`, "d2", 0},
		{`stream-to-mail maildir bad d3`, "d3", 3},
		{`stream-to-mail maildir aborted d4`, "d4.partial", 77},
		{`stream-to-mail maildir headers d5`, "", 64},
		{`stream-to-mail maildir nonesuch d6`, "", 66},
		{`stream-to-mail maildir full d6`, "", 66},
		{`stream-to-mail maildir plain full`, "full", 73},
		{`stream-to-mail maildir plain none/such`, "", 73},
		{`stream-to-mail maildir plain begun`, "begun.partial", 73},
		{`stream-to-mail tar plain d7`, "", 64},
		{`stream-to-mail maildir plain`, "", 64},
		{`stream-to-mail --nonesuch maildir plain d7`, "", 64},
		{`stream-to-mail maildir full/x d8`, "d8.partial", 65},
		{`stream-to-mail maildir - d9 <mail.zst`, "d9", 0},
		{`stream-to-mail mbox mail.zst d10`, "d10", 0},
		{`mail-to-stream maildir nonesuch`, "", 66},
		{`mail-to-stream maildir full`, "", 66},
		{`mail-to-stream mbox full`, "", 66},
		{`mail-to-stream --date never mbox d10`, "", 64},
		{`mail-to-stream mbox d10 >out`, "", 0},
		{`read_stream.py mail.zst plain >out`, "", 0},
		{`read_stream.py - <mail.zst >out`, "", 0},
		{`read_stream.py cut plain >out`, "", 65},
		{`read_stream.py bad >out`, "", 65},
		{`read_stream.py nonesuch >out`, "", 66},
		{`read_stream.py >out`, "", 64},
	} {
		o := b.Sh(`$TOOLS/` + c.script).Wants(c.exit)
		if strings.Contains(o.Stderr, "Traceback") || c.exit != 0 && o.Stderr == "" && !strings.Contains(c.script, ">out") {
			t.Error(o)
		}
		if c.made != "" && !b.Exists(c.made) {
			t.Errorf("there is no %s: %s", c.made, o)
		}
	}
	made, err := filepath.Glob(b.Path("d*"))
	if err != nil || len(made) != 8 {
		t.Errorf("%q", made)
	}
	b.Sh(`cat mail.zst | $TOOLS/stream-to-mail maildir - piped && diff -r piped d9 && cat plain | $TOOLS/stream-to-mail maildir - plainly && diff -r piped plainly`).Wants(0)
	b.Sh(`{ $TOOLS/mail-to-stream mbox d10; echo $? >code; } | head -c 10 >out; grep -q 141 code`).Wants(0)
}

// TestMailFilesLaterFlags: of a message that a concatenation holds twice, the
// last flags count.
func TestMailFilesLaterFlags(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).WithTools()
	text := "Subject: one\r\n\r\nHello\r\n"
	b.Write("monday", editedStream(t, folderRecord("INBOX", "/"), messageRecord("INBOX", 1, text, "\\Flagged")))
	b.Write("tuesday", editedStream(t, folderRecord("INBOX", "/"), messageRecord("INBOX", 1, text, "\\Seen"), messageRecord("INBOX", 2, "Subject: two\r\n\r\n")))
	for _, format := range []string{"maildir", "mbox", "eml"} {
		b := b.With("F", format)
		b.Sh(`cat monday tuesday >both && $TOOLS/stream-to-mail --edited $F both $F.out && $TOOLS/mail-to-stream $F $F.out >back`).Wants(0)
		messages := b.Rows("back").Of("message")
		if len(messages) != 2 || !slices.Equal(messages[0].Flags, []string{`\Seen`}) || len(messages[1].Flags) > 0 {
			t.Errorf("%s: %+v", format, messages)
		}
		b.Sh(`cat monday tuesday | $TOOLS/stream-to-mail --edited $F - $F.piped`).Wants(0).Says("as a file")
	}
}

// TestMailFilesUnknown: what no server told is not made up. An index of .eml files
// holds it; the others cannot, and it is counted. Unknown flags do not take the
// place of those that are known.
func TestMailFilesUnknown(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).WithTools()
	untold := messageRecord("INBOX", 1, "Date: Wed, 1 Jan 2020 00:00:00 +0000\r\n\r\n1\r\n")
	delete(untold, "internaldate")
	untold["unknown"], untold["rfc822_size"] = []string{"flags", "internaldate"}, 50
	later := messageRecord("INBOX", 2, "Subject: 2\r\n\r\n")
	later["unknown"] = []string{"flags"}
	b.Write("monday", editedStream(t, folderRecord("INBOX", "/"), untold, messageRecord("INBOX", 2, "Subject: 2\r\n\r\n", "\\Flagged")))
	b.Write("tuesday", editedStream(t, folderRecord("INBOX", "/"), later))
	for _, format := range []string{"maildir", "mbox", "eml"} {
		b := b.With("F", format)
		b.Sh(`cat monday tuesday >both && $TOOLS/stream-to-mail --edited $F both $F.out`).Wants(0).Says("the flags or the date of 1 messages")
		b.Sh(`$TOOLS/mail-to-stream $F $F.out >back && imap-list --source back --verify >&2 && python3 $TOOLS/read_stream.py back`).Wants(0)
		messages := b.Rows("back").Of("message")
		if len(messages) != 2 || !slices.Equal(messages[1].Flags, []string{`\Flagged`}) {
			t.Errorf("%s: %+v", format, messages)
		}
	}
	b.Sh(`grep -q '"flags":\[\],"size":43,"rfc822_size":50,"unknown":\["flags","internaldate"\]' back && grep -q '"octets":57,"unknown":1,"sizes_differ":1,' back`).Wants(0)
	b.Sh(`$TOOLS/mail-to-stream --date sent eml eml.out | grep -q '"internaldate":"2020-01-01T00:00:00+00:00","size":43,"rfc822_size":50,"unknown":\["flags"\]'`).Wants(0)
	b.Sh(`rm eml.out/index.ndjson && $TOOLS/mail-to-stream eml eml.out | grep -c '"unknown":\["flags"\]' | grep -qx 2`).Wants(0)
}

// TestMailFilesMemory: neither command holds a message.
func TestMailFilesMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: it takes Linux to limit the memory of a process")
	}
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, AppendLimit: 2 << 30})
	server.Account("src").AddMessage("INBOX", nil, harness.Day(0), harness.Huge(80<<20))
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options()).WithTools()
	b.Sh(`imap-fetch $SRC -o mail`).Wants(0)
	for _, format := range harness.SomeOf(t, 1, []string{"maildir", "mbox", "eml"}) {
		b := b.With("F", format)
		b.Sh(`ulimit -v 100000; $TOOLS/stream-to-mail $F mail $F && $TOOLS/mail-to-stream $F $F >back`).Wants(0)
		b.Sh(`imap-list --source back --verify && imap-diff --report --equal mail back >out`).Wants(0)
	}
}

// pieces holds what is done piece by piece against the same done at once.
const pieces = `
import hashlib, io, os, random, re, sys
sys.path.insert(0, os.environ["TOOLS"])
import line_ends, mbox, message_key
seed = int(os.environ.get("IMAPPIPE_SEED", random.randrange(1 << 30)))
print("seed", seed)
rnd = random.Random(seed)
mbox.LONG, line_ends.CHUNK = 8, 5

def cut(octets):
    while octets:
        n = rnd.randint(1, 12)
        yield octets[:n]
        octets = octets[n:]

for _ in range(4000):
    text = b"".join(rnd.choice([b">", b">>>>>>>>>", b"From ", b"Fro", b"\n", b"\r\n", b"\r", b"x", b"\x00", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"\x80"]) for _ in range(rnd.randint(0, 20)))
    quoted = re.sub(b"^(>*From )", rb">\1", text, flags=re.M)
    assert b"".join(mbox.quoted(cut(text))) == quoted, text
    assert b"".join(mbox.unquoted(cut(quoted))) == text, text
    crlf = re.sub(rb"(?<!\r)\n", b"\r\n", text)
    with line_ends.to_crlf(cut(text)) as f:
        f.seek(0)
        assert f.read() == crlf, text
    lf = crlf.replace(b"\r\n", b"\n")
    assert b"".join(line_ends.to_lf(io.BytesIO(crlf))) == (crlf if b"\r" in lf else lf), text
    assert message_key.loose_digest(io.BytesIO(text)) == hashlib.sha256(message_key.masked(text.replace(b"\r", b""))).hexdigest(), text
`

// TestMailFilesInPieces: where octets are cut to be worked on makes no
// difference.
func TestMailFilesInPieces(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).WithTools()
	b.Write("pieces.py", []byte(pieces))
	b.Sh(`python3 pieces.py >&2`).Wants(0)
}
