package folders

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// fetchedFolders are the folders of which a stream holds messages.
func fetchedFolders(b *harness.Shell, options string) []string {
	b.T.Helper()
	o := b.Sh(`imap-fetch --level none $SRC ` + options + ` | jq -r 'select(.type == "message").folder'`).Wants(0)
	return slices.Compact(strings.Split(strings.TrimSuffix(o.Stdout, "\n"), "\n"))
}

// TestMissingFolders: folders that were asked for and are not there are
// named, with what is near; those that are there are processed; exit 3.
func TestMissingFolders(t *testing.T) {
	t.Parallel()
	server, src := harness.OneLetterEach(t, "INBOX", "Sent Items", "Lists/go-nuts")
	dst := harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "dst")
	b := harness.Between(t, src, dst)
	const options = `--folder INBOX --folder 'sent items' --folder-rec Nowhere --folder-rec Lists`
	o := b.Sh(`imap-list $SRC ` + options).Wants(3)
	o.Lists("INBOX", "Lists", "Lists/go-nuts").Says(`sent items`, `did you mean "Sent Items"?`, `Nowhere: the account has no such folder`, "some folders could not be listed: 2")
	b.Sh(`imap-fetch `+options+` $SRC -o some.zst`).Wants(3).Says(`did you mean "Sent Items"?`, "Nowhere")
	run := b.Sh(`imap-diff $DST some.zst | imap-push $DST`).Wants(3)
	run.Appended(2)
	failed := 0
	for _, r := range run.Receipts() {
		if r.Result == "failed" && r.Reason == "no-such-folder" {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d receipts of folders that are not there\n%s", failed, run.Stdout)
	}
	// A list that names a folder which has gone since.
	b.Sh(`imap-list $SRC > list.ndjson`).Wants(0)
	src.Tell(t, `DELETE "Sent Items"`)
	b.Sh(`imap-fetch --select list.ndjson $SRC -o other.zst`).Wants(3).Says("Sent Items: the account has no such folder")
	if n := len(server.Account("src").Mailboxes()); n != 3 {
		t.Errorf("%d folders at the source", n)
	}
	b.Sh(`imap-list $SRC --include '^nothing$' --exclude inbox`).Wants(66).Says("no folder of 3 is chosen", "--include '^nothing$' matches no folder", `--exclude 'inbox' matches no folder; with (?i) in front it matches "INBOX"`)
	b.Sh(`imap-fetch $SRC --exclude .  | imap-diff $DST | imap-push $DST`).Wants(66)
	b.Sh(`imap-list $SRC --folder ''`).Wants(64).Says("--folder wants a name")
}

// TestFoldersBelow: a tree is a folder and what is below it by the
// delimiter, and no character of a name is a wildcard.
func TestFoldersBelow(t *testing.T) {
	t.Parallel()
	_, src := harness.OneLetterEach(t, "INBOX", "MyFolder", "MyFolder/a", "MyFolder/a/b", "MyFolder2", "a*b", "a*b/c", "axb", "a%b", "[x]", "MyFolder.c")
	b := harness.Between(t, src, src)
	b.Sh(`imap-list $SRC --folder-rec MyFolder`).Wants(0).Lists("MyFolder", "MyFolder/a", "MyFolder/a/b")
	b.Sh(`imap-list $SRC --folder-rec MyFolder/`).Wants(0).Lists("MyFolder", "MyFolder/a", "MyFolder/a/b")
	b.Sh(`imap-list $SRC --folder 'a*b'`).Wants(0).Lists("a*b")
	b.Sh(`imap-list $SRC --folder-rec 'a*b' --folder 'a%b' --folder '[x]'`).Wants(0).Lists("[x]", "a%b", "a*b", "a*b/c")
	b.Sh(`imap-list $SRC --folder '*'`).Wants(3).Lists()
	if got := fetchedFolders(b, `--folder-rec 'a*b' --folder-rec MyFolder/a`); !slices.Equal(got, []string{"MyFolder/a", "MyFolder/a/b", "a*b", "a*b/c"}) {
		t.Errorf("%q", got)
	}
	cyrus := harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
	cyrus.Tell(t, `CREATE INBOX.Work`, `CREATE INBOX.Work.2019`, `CREATE INBOX.Workshop`)
	c := harness.Between(t, cyrus, cyrus)
	c.Sh(`imap-list $SRC --folder-rec INBOX.Work`).Wants(0).Lists("INBOX.Work", "INBOX.Work.2019")
	c.Sh(`imap-list $SRC --folder-rec inbox`).Wants(0).Lists("INBOX", "INBOX.Work", "INBOX.Work.2019", "INBOX.Workshop")
	c.Sh(`imap-list $SRC --folder Work`).Wants(3).Says(`did you mean "INBOX.Work"?`)
}

// TestIncludeExclude: includes are a union, excludes come after them.
func TestIncludeExclude(t *testing.T) {
	t.Parallel()
	_, src := harness.OneLetterEach(t, "INBOX", "Lists/go", "Lists/rust", "Spam", "SPAM/old", "public.news", "R&D")
	b := harness.Between(t, src, src)
	for options, want := range map[string][]string{
		`--include go --include '^R'`:                          {"Lists/go", "R&D"},
		`--include '^Lists/' --exclude rust`:                   {"Lists/go"},
		`--exclude '(?i)spam' --exclude '^public\.'`:           {"INBOX", "Lists", "Lists/go", "Lists/rust", "R&D"},
		`--exclude '^INBOX$' --exclude /`:                      {"Lists", "R&D", "SPAM", "Spam", "public.news"},
		`--folder inbox --include '^Lists' --exclude '^Lists'`: {"INBOX"},
		`--folder 'R&-D' --folder 'R&D'`:                       {"R&D"},
		`--include 'a,b' --include 'R&D'`:                      {"R&D"}, // a comma is no separator
	} {
		b.Sh(`imap-list $SRC ` + options).Wants(0).Lists(want...)
	}
	if got := fetchedFolders(b, `--include Lists --exclude rust --folder R\&D`); !slices.Equal(got, []string{"Lists/go", "R&D"}) {
		t.Errorf("%q", got)
	}
	// The table is a preview: what is left out stands in it, with the reason.
	o := b.Sh(`imap-list $SRC --format table --exclude '(?i)spam' --folder-rec Lists --folder Spam`).Wants(0)
	for _, line := range []string{
		" - INBOX skipped: not asked for\n",
		" - Lists skipped: holds no messages itself\n",
		" 1 Lists/go\n",
		" - Spam skipped: --exclude '(?i)spam'\n",
		" 2 total of 2 folders\n",
	} {
		if !strings.Contains(blanks.ReplaceAllString(o.Stdout, " "), line) {
			t.Errorf("no line %q in\n%s", line, o.Stdout)
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
		src   harness.Account
		dst   harness.Account
	}{
		"embedded": {append(slices.Clone(oddNames), append(quotedNames, "a*b", "a%b", "~x")...), harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "src"), harness.Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "dst")},
		"dovecot":  {append(slices.Clone(oddNames), quotedNames...), harness.Real(dovecot, "src"), harness.Real(dovecot, "dst")},
	} {
		t.Run(name, func(t *testing.T) {
			spec := imaptest.Spec{}
			for i, folder := range kind.names {
				spec.Folders = append(spec.Folders, imaptest.Folder{Path: folder, Messages: imaptest.Generate(uint64(i+1), 1)})
			}
			kind.src.Fill(t, spec)
			b := harness.Between(t, kind.src, kind.dst)
			sorted := slices.Clone(kind.names)
			slices.Sort(sorted)
			b.Sh(`imap-list $SRC --exclude '^INBOX$'`).Wants(0).Lists(sorted...)
			for _, folder := range kind.names {
				if strings.HasPrefix(folder, "-") {
					b.Sh(`imap-list $SRC --folder=` + harness.Quote(folder)).Wants(0).Lists(folder)
					continue
				}
				b.Sh(`imap-list $SRC --folder ` + harness.Quote(folder)).Wants(0).Lists(folder)
			}
			// Accents composed the other way.
			b.Sh(`imap-list $SRC --folder `+harness.Quote("Caf\u00e9")+` --folder `+harness.Quote("Cafe\u0301 zwei")+` --include `+harness.Quote("^Entwu\u0308rfe$")).Wants(0).Lists("Cafe\u0301", "Caf\u00e9 zwei", "Entwürfe")
			b.Sh(harness.Straight).Wants(0).Appended(len(kind.names))
			harness.Equal(t, kind.src, kind.dst)
			b.Sh(`imap-list $DST --exclude '^INBOX$'`).Wants(0).Lists(sorted...)
			b.Sh(harness.Straight).Wants(0).Appended(0)
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
		a.AddMessage(fmt.Sprintf("[Gmail]/%d", i), nil, harness.Day(i%20), harness.Letter(fmt.Sprint("gmail-", i), "Hello\n"))
	}
	src := harness.Embedded(source, "src")
	for name, start := range harness.Some(t, 1, harness.JoeOn) {
		t.Run(name, func(t *testing.T) {
			dst := start(t)
			b := harness.Between(t, src, dst)
			o := b.Sh(`imap-list $SRC`).Wants(0)
			all := o.Records()
			if len(all) != children+2 || all[1].Name != "[Gmail]" || !slices.Contains(all[1].Attributes, `\Noselect`) || all[2].Messages != 1 {
				t.Errorf("%d records, %+v", len(all), all[:3])
			}
			b.Sh(harness.Straight).Wants(0).Appended(children)
			harness.Same(t, src.Dump(t), dst.Dump(t))
			b.Sh(harness.Straight).Wants(0).Appended(0)
		})
	}
	b := harness.Between(t, src, src)
	b.Sh(`imap-list $SRC --folder '[Gmail]'`).Wants(0).Lists("[Gmail]").Says("holds no messages itself", "--folder-rec")
	if got := fetchedFolders(b, `--folder-rec '[Gmail]' --include nothing --exclude '[^7]$' --exclude '[0-9][0-9]'`); !slices.Equal(got, []string{"[Gmail]/7"}) {
		t.Errorf("%q", got)
	}
}

// TestSubscriptions: only what is subscribed is taken; imap-push
// subscribes what it is told to.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	_, src := harness.OneLetterEach(t, "INBOX", "Sent", "Spam", "Lists/go")
	src.Tell(t, `SUBSCRIBE INBOX`, `SUBSCRIBE Sent`, `SUBSCRIBE Lists/go`, `SUBSCRIBE "gone for good"`)
	b := harness.Between(t, src, src)
	// What is subscribed and not there is named, unless it is excluded.
	b.Sh(`imap-list $SRC --subscribed`).Wants(3).Lists("INBOX", "Lists/go", "Sent").Says("gone for good: it is subscribed, and the account has no such folder")
	b.Sh(`imap-list $SRC --subscribed --exclude '^gone' --exclude /`).Wants(0).Lists("INBOX", "Sent")
	if got := fetchedFolders(b, `--subscribed --exclude gone`); !slices.Equal(got, []string{"INBOX", "Lists/go", "Sent"}) {
		t.Errorf("%q", got)
	}
	subscribed := func(a harness.Account) (names []string) {
		for _, r := range harness.Between(t, a, a).Sh(`imap-list $SRC`).Wants(0).Records() {
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
		for _, pipe := range []string{harness.Straight + ` ` + option, `imap-fetch $SRC | imap-push --unconditional $DST ` + option} {
			t.Run(option+" "+pipe[:20], func(t *testing.T) {
				server := imaptest.StartServer(t, imaptest.Options{})
				server.Account("dst").AddMailbox("Kept")
				server.Account("dst").Subscribe("Kept")
				dst := harness.Embedded(server, "dst")
				b := harness.Between(t, src, dst)
				b.Sh(pipe).Wants(0).Appended(4)
				if got := subscribed(dst); !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
				b.Sh(`imap-fetch --headers $SRC | imap-diff $DST | imap-push $DST ` + option).Wants(0).Appended(0)
				if got := subscribed(dst); !slices.Equal(got, want) {
					t.Errorf("the second time: %q, want %q", got, want)
				}
			})
		}
	}
	b.Sh(`imap-fetch $SRC | imap-push --unconditional $DST --subscribe some`).Wants(64).Says("--subscribe is source, all or none")
}
