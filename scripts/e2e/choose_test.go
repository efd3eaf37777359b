package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// fetchedFolders are the folders of which a stream holds messages.
func fetchedFolders(b *bench, options string) []string {
	b.t.Helper()
	o := b.sh(`imap-fetch --level none $SRC ` + options + ` | jq -r 'select(.type == "message").folder'`).wants(0)
	return slices.Compact(strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n"))
}

// TestMissingFolders: folders that were asked for and are not there are
// named, with what is near; those that are there are processed; exit 3.
func TestMissingFolders(t *testing.T) {
	t.Parallel()
	server, src := sheet(t, "INBOX", "Sent Items", "Lists/go-nuts")
	dst := embedded(imaptest.StartServer(t, imaptest.Options{}), "dst")
	b := between(t, src, dst)
	const options = `--folder INBOX --folder 'sent items' --folder-rec Nowhere --folder-rec Lists`
	o := b.sh(`imap-list $SRC ` + options).wants(3)
	o.lists("INBOX", "Lists", "Lists/go-nuts").says(`sent items`, `did you mean "Sent Items"?`, `Nowhere: the account has no such folder`, "some folders could not be listed: 2")
	b.sh(`imap-fetch `+options+` $SRC -o some.zst`).wants(3).says(`did you mean "Sent Items"?`, "Nowhere")
	run := b.sh(`imap-diff $DST some.zst | imap-push $DST`).wants(3)
	run.appended(2)
	failed := 0
	for _, r := range run.receipts() {
		if r.Result == "failed" && r.Reason == "no-such-folder" {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d receipts of folders that are not there\n%s", failed, run.stdout)
	}
	// A list that names a folder which has gone since.
	b.sh(`imap-list $SRC > list.ndjson`).wants(0)
	src.tell(t, `DELETE "Sent Items"`)
	b.sh(`imap-fetch --select list.ndjson $SRC -o other.zst`).wants(3).says("Sent Items: the account has no such folder")
	if n := len(server.Account("src").Mailboxes()); n != 3 {
		t.Errorf("%d folders at the source", n)
	}
	b.sh(`imap-list $SRC --include '^nothing$' --exclude inbox`).wants(66).says("no folder of 3 is chosen", "--include '^nothing$' matches no folder", `--exclude 'inbox' matches no folder; with (?i) in front it matches "INBOX"`)
	b.sh(`imap-fetch $SRC --exclude .  | imap-diff $DST | imap-push $DST`).wants(66)
	b.sh(`imap-list $SRC --folder ''`).wants(64).says("--folder wants a name")
}

// TestFoldersBelow: a tree is a folder and what is below it by the
// delimiter, and no character of a name is a wildcard.
func TestFoldersBelow(t *testing.T) {
	t.Parallel()
	_, src := sheet(t, "INBOX", "MyFolder", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "a*b", "a*b/c", "axb", "a%b", "[x]", "MyFolder.c")
	b := between(t, src, src)
	b.sh(`imap-list $SRC --folder-rec MyFolder`).wants(0).lists("MyFolder", "MyFolder/a", "MyFolder/a/b")
	b.sh(`imap-list $SRC --folder-rec MyFolder/`).wants(0).lists("MyFolder", "MyFolder/a", "MyFolder/a/b")
	b.sh(`imap-list $SRC --folder 'a*b'`).wants(0).lists("a*b")
	b.sh(`imap-list $SRC --folder-rec 'a*b' --folder 'a%b' --folder '[x]'`).wants(0).lists("[x]", "a%b", "a*b", "a*b/c")
	b.sh(`imap-list $SRC --folder '*'`).wants(3).lists()
	if got := fetchedFolders(b, `--folder-rec 'a*b' --folder-rec MyFolder/a`); !slices.Equal(got, []string{"MyFolder/a", "MyFolder/a/b", "a*b", "a*b/c"}) {
		t.Errorf("%q", got)
	}
	cyrus := real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
	cyrus.tell(t, `CREATE INBOX.Work`, `CREATE INBOX.Work.2019`, `CREATE INBOX.Workshop`)
	c := between(t, cyrus, cyrus)
	c.sh(`imap-list $SRC --folder-rec INBOX.Work`).wants(0).lists("INBOX.Work", "INBOX.Work.2019")
	c.sh(`imap-list $SRC --folder-rec inbox`).wants(0).lists("INBOX", "INBOX.Work", "INBOX.Work.2019", "INBOX.Workshop")
	c.sh(`imap-list $SRC --folder Work`).wants(3).says(`did you mean "INBOX.Work"?`)
}

// TestIncludeExclude: includes are a union, excludes come after them.
func TestIncludeExclude(t *testing.T) {
	t.Parallel()
	_, src := sheet(t, "INBOX", "Lists/go", "Lists/rust", "Spam", "SPAM/old", "public.news", "R&D")
	b := between(t, src, src)
	for options, want := range map[string][]string{
		`--include go --include '^R'`:                          {"Lists/go", "R&D"},
		`--include '^Lists/' --exclude rust`:                   {"Lists/go"},
		`--exclude '(?i)spam' --exclude '^public\.'`:           {"INBOX", "Lists", "Lists/go", "Lists/rust", "R&D"},
		`--exclude '^INBOX$' --exclude /`:                      {"Lists", "R&D", "SPAM", "Spam", "public.news"},
		`--folder inbox --include '^Lists' --exclude '^Lists'`: {"INBOX"},
		`--folder 'R&-D' --folder 'R&D'`:                       {"R&D"},
		`--include 'a,b' --include 'R&D'`:                      {"R&D"}, // a comma is no separator
	} {
		b.sh(`imap-list $SRC ` + options).wants(0).lists(want...)
	}
	if got := fetchedFolders(b, `--include Lists --exclude rust --folder R\&D`); !slices.Equal(got, []string{"Lists/go", "R&D"}) {
		t.Errorf("%q", got)
	}
	// The table is a preview: what is left out stands in it, with the reason.
	o := b.sh(`imap-list $SRC --format table --exclude '(?i)spam' --folder-rec Lists --folder Spam`).wants(0)
	for _, line := range []string{
		" - INBOX skipped: not asked for\n",
		" - Lists skipped: holds no messages itself\n",
		" 1 Lists/go\n",
		" - Spam skipped: --exclude '(?i)spam'\n",
		" 2 total of 2 folders\n",
	} {
		if !strings.Contains(blanks.ReplaceAllString(o.stdout, " "), line) {
			t.Errorf("no line %q in\n%s", line, o.stdout)
		}
	}
}

// blanks are those that align a table.
var blanks = regexp.MustCompile(` +`)

// oddNames are names that servers keep, and some of them confuse.
var oddNames = []string{" leading", "trailing ", "double  blank", "[Gmail]", "Entwürfe", "Cafe\u0301", "Caf\u00e9 zwei", "受信トレイ", "Ελλάδα", "😀", "R&D", "a,b", "it's", "#hash", "a(b)c", "$HOME", "-option"}

// TestOddNames: names of every kind are listed, chosen, fetched, and made
// again as they are, or changed by a rule that is announced.
func TestOddNames(t *testing.T) {
	t.Parallel()
	quotedNames := []string{`say "hello"`, `back\slash`}
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	for name, kind := range map[string]struct {
		names []string
		src   account
		dst   account
	}{
		"embedded": {append(slices.Clone(oddNames), append(quotedNames, "a*b", "a%b", "~x")...), embedded(imaptest.StartServer(t, imaptest.Options{}), "src"), embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "dst")},
		"dovecot":  {append(slices.Clone(oddNames), quotedNames...), real(dovecot, "src"), real(dovecot, "dst")},
	} {
		t.Run(name, func(t *testing.T) {
			spec := imaptest.Spec{}
			for i, folder := range kind.names {
				spec.Folders = append(spec.Folders, imaptest.Folder{Path: folder, Messages: imaptest.Generate(uint64(i+1), 1)})
			}
			kind.src.fill(t, spec)
			b := between(t, kind.src, kind.dst)
			sorted := slices.Clone(kind.names)
			slices.Sort(sorted)
			b.sh(`imap-list $SRC --exclude '^INBOX$'`).wants(0).lists(sorted...)
			for _, folder := range kind.names {
				if strings.HasPrefix(folder, "-") {
					b.sh(`imap-list $SRC --folder=` + quoted(folder)).wants(0).lists(folder)
					continue
				}
				b.sh(`imap-list $SRC --folder ` + quoted(folder)).wants(0).lists(folder)
			}
			// Accents composed the other way.
			b.sh(`imap-list $SRC --folder `+quoted("Caf\u00e9")+` --folder `+quoted("Cafe\u0301 zwei")+` --include `+quoted("^Entwu\u0308rfe$")).wants(0).lists("Cafe\u0301", "Caf\u00e9 zwei", "Entwürfe")
			b.sh(straight).wants(0).appended(len(kind.names))
			equal(t, kind.src, kind.dst)
			b.sh(`imap-list $DST --exclude '^INBOX$'`).wants(0).lists(sorted...)
			b.sh(straight).wants(0).appended(0)
		})
	}
}

// TestUnselectableParents: a parent that holds nothing is no error, its
// children go along, and many folders are no trouble.
func TestUnselectableParents(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	a := source.Account("src")
	a.AddMailbox("[Gmail]", `\Noselect`)
	const children = 160
	for i := range children {
		a.AddMessage(fmt.Sprintf("[Gmail]/%d", i), nil, day(i%20), letter(fmt.Sprint("gmail-", i), "Hello\n"))
	}
	src := embedded(source, "src")
	for name, start := range some(t, 1, joeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := between(t, src, dst)
			o := b.sh(`imap-list $SRC`).wants(0)
			all := o.records()
			if len(all) != children+2 || all[1].Name != "[Gmail]" || !slices.Contains(all[1].Attributes, `\Noselect`) || all[2].Messages != 1 {
				t.Errorf("%d records, %+v", len(all), all[:3])
			}
			b.sh(straight).wants(0).appended(children)
			same(t, src.dump(t), dst.dump(t))
			b.sh(straight).wants(0).appended(0)
		})
	}
	b := between(t, src, src)
	b.sh(`imap-list $SRC --folder '[Gmail]'`).wants(0).lists("[Gmail]").says("holds no messages itself", "--folder-rec")
	if got := fetchedFolders(b, `--folder-rec '[Gmail]' --include nothing --exclude '[^7]$' --exclude '[0-9][0-9]'`); !slices.Equal(got, []string{"[Gmail]/7"}) {
		t.Errorf("%q", got)
	}
}

// TestSubscriptions: only what is subscribed is taken; imap-push
// subscribes what it is told to.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	_, src := sheet(t, "INBOX", "Sent", "Spam", "Lists/go")
	src.tell(t, `SUBSCRIBE INBOX`, `SUBSCRIBE Sent`, `SUBSCRIBE Lists/go`, `SUBSCRIBE "gone for good"`)
	b := between(t, src, src)
	// What is subscribed and not there is named, unless it is excluded.
	b.sh(`imap-list $SRC --subscribed`).wants(3).lists("INBOX", "Lists/go", "Sent").says("gone for good: it is subscribed, and the account has no such folder")
	b.sh(`imap-list $SRC --subscribed --exclude '^gone' --exclude /`).wants(0).lists("INBOX", "Sent")
	if got := fetchedFolders(b, `--subscribed --exclude gone`); !slices.Equal(got, []string{"INBOX", "Lists/go", "Sent"}) {
		t.Errorf("%q", got)
	}
	subscribed := func(a account) (names []string) {
		for _, r := range between(t, a, a).sh(`imap-list $SRC`).wants(0).records() {
			if r.Subscribed {
				names = append(names, r.Name)
			}
		}
		return names
	}
	for option, want := range map[string][]string{
		"":                   {"INBOX", "Kept", "Lists/go", "Sent"},
		"--subscribe source": {"INBOX", "Kept", "Lists/go", "Sent"},
		"--subscribe all":    {"INBOX", "Kept", "Lists/go", "Sent", "Spam"},
		"--subscribe none":   {"Kept"},
	} {
		for _, pipe := range []string{straight + ` ` + option, `imap-fetch $SRC | imap-push --unconditional $DST ` + option} {
			t.Run(option+" "+pipe[:20], func(t *testing.T) {
				server := imaptest.StartServer(t, imaptest.Options{})
				server.Account("dst").AddMailbox("Kept")
				server.Account("dst").Subscribe("Kept")
				dst := embedded(server, "dst")
				b := between(t, src, dst)
				b.sh(pipe).wants(0).appended(4)
				if got := subscribed(dst); !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
				b.sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push $DST ` + option).wants(0).appended(0)
				if got := subscribed(dst); !slices.Equal(got, want) {
					t.Errorf("the second time: %q, want %q", got, want)
				}
			})
		}
	}
	b.sh(`imap-fetch $SRC | imap-push --unconditional $DST --subscribe some`).wants(64).says("--subscribe is source, all or none")
}
