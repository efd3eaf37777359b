package folders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// nastyLevels are names that are hard on somebody, each of one level.
func nastyLevels() []string {
	names := []string{
		"two  blanks", "three   blanks", " both ends ", "Entw&APw-rfe", "&-", "&", "a&-b", "A & B", "R&D", "&AOk", "NIL", "nil", "{3}x", "INBOXES", "inbox2", "CON", "NUL",
		"--", "-dash", "a -- b", `say "hello"`, `C:\mail\old`, `\Seen`, `\\`, "100%", "50 % off", "*", "**", "a * b", "(parens)", "[brackets]", "[Gmail]", "{braces}", "<angles>", "#news", "$HOME", "$(id)", "`id`", "it's", "a,b", "a;b", "a|b", "who?", "a=b", "a+b", "joe@old", "!", "^", "=?utf-8?q?x?=",
		"a.b", "Ops.foo.bar", "v1.2.3", "end.", "dots...", "a.b c.d", // the other delimiter
		"caf\u00e9", "cafe\u0301", "\u00c5ngstr\u00f6m", "A\u030angstro\u0308m", "Entwürfe", "Gelöschte Objekte", "Envoyés", "Éléments envoyés", "Señor", "Żółć", "Příliš žluťoučký", "İstanbul", "ısı", "ß", "ẞ", "ﬁ", "Ω", "\u2126", "K", "\u212a",
		"日本語", "メール", "ﾒｰﾙ", "受信トレイ", "下書き", "简体中文", "繁體中文", "垃圾邮件", "한국어", "보낸편지함", "русский", "Отправленные", "Ελληνικά", "עברית", "العربية", "ไทย", "हिन्दी", "தமிழ்", "ქართული", "Հայերեն", "አማርኛ",
		"😀", "👩‍👩‍👧", "🇩🇪", "mail 📧 box", "👍🏽", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈", "∞", "½", "№", "€", "…", "“quoted”", "«guillemets»", "a\u00a0b", "a\u200bb", "a\u00adb", "\u202egnp", "\ufeffbom", "\ufffd", "⟦x⟧", "⟦", "a⟦&⟧b", "⟦%E9⟧", "a\u2028b", "\u0085",
		strings.Repeat("x", 200), strings.Repeat("long name ", 20), strings.Repeat("é", 60), strings.Repeat("日本", 30), strings.Repeat("&", 90),
	}
	for _, c := range "!\"#$%&'()*+,-:;<=>?@[\\]^_`{|}~ " {
		names = append(names, "x"+string(c))
		if c != '~' && c != '#' { // which begin what is no name
			names = append(names, string(c)+"x")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// nastyFolders are paths with "/" between levels: the nasty names at the top,
// and some below others.
func nastyFolders(keep func(name string) bool) (paths []string) {
	for i, name := range nastyLevels() {
		if !keep(name) {
			continue
		}
		if paths = append(paths, name); i%20 == 0 && utf8.RuneCountInString(name) < 40 {
			paths = append(paths, name+"/below", name+"/below/"+name)
		}
	}
	return paths
}

// nasty puts a letter into each folder, so that a folder is known by its mail.
func nasty(paths []string) (spec imaptest.Spec) {
	for i, path := range paths {
		m := imaptest.Message{Octets: harness.Letter(fmt.Sprint("nasty-", i), "Hello\n"), InternalDate: harness.Day(i % 50)}
		spec.Folders = append(spec.Folders, imaptest.Folder{Path: path, Messages: []imaptest.Message{m}})
	}
	return spec
}

// placeOf tells in which folder each message is.
func placeOf(entries []imaptest.Entry) map[string]imaptest.Entry {
	places := map[string]imaptest.Entry{}
	for _, e := range entries {
		places[e.SHA256] = e
	}
	return places
}

// cyrusRefuses are characters that Cyrus 3.6 has no names with.
const cyrusRefuses = "!\"%;<>\\`{|}\u0085\u2028"

// kept is the straight-through pipeline to a server that is known to tell
// capitals from small letters: "nil" and "NIL" are two folders.
const kept = `imap-fetch --headers $SRC | imap-diff --case-collision allow $DST | imap-fetch --select - $SRC | imap-push $DST`

// TestNastyNamesThereAndBack goes from Dovecot to Cyrus and back. Every
// name comes back as it was, or what changed it is told: a rule of ours, or the
// server that refuses it.
func TestNastyNamesThereAndBack(t *testing.T) {
	t.Parallel()
	noDot := func(name string) bool { return !strings.Contains(name, ".") }
	all := func(string) bool { return true }
	for name, c := range harness.Some(t, 1, map[string]struct {
		dovecot  imaptest.DovecotOptions
		cyrus    imaptest.CyrusOptions
		keep     func(string) bool // what Dovecot takes
		prefix   string            // at Cyrus
		refused  string            // characters that Cyrus has no names with
		replaced string            // a character that our rule changes
	}{
		"slash to dot":   {imaptest.DovecotOptions{Format: "sdbox"}, imaptest.CyrusOptions{}, all, "INBOX.", cyrusRefuses, "."},
		"dot to dot":     {imaptest.DovecotOptions{Extra: "namespace inbox {\n separator = .\n}\n"}, imaptest.CyrusOptions{}, noDot, "INBOX.", cyrusRefuses, ""},
		"slash to slash": {imaptest.DovecotOptions{Format: "sdbox"}, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true}, all, "", cyrusRefuses + "^", ""},
		"dot to slash":   {imaptest.DovecotOptions{Extra: "namespace inbox {\n separator = .\n prefix = INBOX.\n}\n"}, imaptest.CyrusOptions{AltNamespace: true, UnixHierarchySep: true}, noDot, "", cyrusRefuses + "^", ""},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paths := nastyFolders(c.keep)
			if len(paths) < 200 {
				t.Fatalf("%d names", len(paths))
			}
			r := imaptest.StartDovecot(t, c.dovecot)
			src, back, mapped := harness.Real(r, "src"), harness.Real(r, "back"), harness.Real(r, "mapped")
			src.Fill(t, nasty(paths))
			c.cyrus.Users = []string{"plain", "renamed"}
			cyrus := imaptest.StartCyrus(t, c.cyrus)
			middle, renamed := harness.Real(cyrus, "plain"), harness.Real(cyrus, "renamed")
			was := placeOf(src.Dump(t))

			// As it is: what Cyrus refuses has its receipt, all else is there.
			b := harness.Between(t, src, middle)
			there := b.Sh(kept).Wants(3)
			refused := map[string]string{}
			for _, x := range there.Receipts() {
				if x.Result == "rejected" && x.UID == 0 {
					if x.Reason != "create" || x.Text == "" {
						t.Errorf("%+v", x)
					}
					refused[x.Folder] = x.Text
				}
			}
			ours := strings.NewReplacer("⟦", "⟦⟦⟧") // as we spell it
			now := placeOf(middle.Dump(t))
			for sum, e := range was {
				at, arrived := now[sum]
				switch {
				case !arrived && refused[ours.Replace(e.Folder)] == "":
					t.Errorf("%q is not there, and no receipt says why", e.Folder)
				case arrived && at.Path != e.Path && !(c.replaced != "" && strings.ReplaceAll(e.Path, c.replaced, "_") == at.Path && tells(there, ours.Replace(e.Folder), ours.Replace(at.Folder))):
					t.Errorf("%q is %q there, and nothing says so", e.Folder, at.Folder)
				case !arrived && !strings.ContainsAny(e.Path, c.refused) && utf8.RuneCountInString(e.Path) < 60:
					t.Errorf("%q is refused: %s", e.Folder, refused[ours.Replace(e.Folder)])
				}
			}
			t.Logf("%d names, %d refused by Cyrus", len(paths), len(refused))
			home := harness.Between(t, middle, back).Sh(kept).Wants(0)
			for sum, e := range placeOf(back.Dump(t)) {
				if e.Path != now[sum].Path {
					t.Errorf("%q came back as %q", now[sum].Folder, e.Folder)
				}
			}
			home.Appended(len(now))

			// With a chain of rules for what is refused, all of it goes; and with the map of
			// that, turned around, all of it comes back as it was.
			b = harness.Between(t, src, renamed)
			b.Sh(`imap-fetch $SRC -o mail && imap-diff --case-collision allow ` + rules(c.refused) + ` --write-map map $DST mail && imap-diff --case-collision allow --map-file map $DST mail | imap-push $DST`).Wants(0).Appended(len(paths))
			b = harness.Between(t, renamed, mapped)
			b.Write("map", []byte(turned(t, src, renamed, c.refused)))
			b.Sh(`imap-fetch --headers $SRC | imap-diff --case-collision allow --map-file map $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(0)
			harness.Same(t, src.Dump(t), mapped.Dump(t))
		})
	}
}

// rules write each of some characters as "(7c)".
func rules(characters string) string {
	var options []string
	for _, r := range characters {
		options = append(options, fmt.Sprintf(`--rename 's/\x{%x}/(%x)/g'`, r, r))
	}
	return strings.Join(options, " ")
}

// turned is the mapping file of those rules with its two sides exchanged, as
// sed does it.
func turned(t *testing.T, src, dst harness.Account, refused string) string {
	t.Helper()
	return harness.Between(t, src, dst).Sh(`imap-fetch --headers $SRC | imap-diff --case-collision allow ` + rules(refused) + ` --write-map - $DST | sed -E 's/^(".*") = (".*")$/\2 = \1/'`).Wants(0).Stdout
}

// tells looks for a note that one name becomes the other.
func tells(o *harness.Outcome, source, target string) bool {
	return strings.Contains(o.Stderr, fmt.Sprintf("%q becomes %q", source, target))
}
