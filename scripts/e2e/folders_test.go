package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestSkipEmptyFolders: a folder that no message goes to is not made, also
// when it is empty only after a selection or a filter.
func TestSkipEmptyFolders(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := holding(server, "src", "INBOX", "Full/below", "Old")
	for _, name := range []string{"Empty", "Full", "Empty/below"} {
		server.Account("src").AddMailbox(name)
		server.Account("src").Subscribe(name)
	}
	server.Account("src").Subscribe("Full/below")
	const filter = `--level none $SRC | grep -v Old.*Hello`
	for name, script := range map[string]string{
		"straight": by(`--skip-empty-folders`),
		"file":     `imap-fetch -o mail $SRC && imap-diff --skip-empty-folders $DST mail | imap-push $DST`,
		"pipe":     `imap-fetch $SRC | imap-diff --skip-empty-folders $DST | imap-push $DST`,
		"edited":   `imap-fetch ` + filter + ` | imap-diff --edited --skip-empty-folders $DST | imap-push $DST`,
	} {
		t.Run(name, func(t *testing.T) {
			dst := embedded(server, "dst-"+name)
			b := between(t, src, dst)
			b.sh(script).wants(0)
			want := []string{"Full/below", "Old"}
			if name == "edited" {
				want = want[:1]
			}
			if got := folderNames(t, dst); !slices.Equal(got, want) {
				t.Errorf("folders %q, want %q", got, want)
			}
			if got := server.Account("dst-" + name).Subscribed(); !slices.Equal(got, []string{"Full/below"}) {
				t.Errorf("subscribed: %q", got)
			}
			b.sh(script).wants(0).appended(0)
			if name == "edited" {
				return
			}
			b.sh(`imap-fetch -o mail --restart $SRC && imap-diff --report --equal --skip-empty-folders $DST mail >report`).wants(0)
			b.sh(`imap-diff --report --equal $DST mail >report`).wants(1) // three folders are missing
			b.sh(straight).wants(0)
			if got := folderNames(t, dst); len(got) != 5 {
				t.Errorf("folders %q", got)
			}
		})
	}
}

// TestNamesThatDifferInCase are found before anything is written at a
// destination that takes them for one, and the chosen policy is obeyed.
func TestNamesThatDifferInCase(t *testing.T) {
	t.Parallel()
	exact, folding := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{FoldCase: true})
	names := []string{"INBOX", "SENT", "Sent", "Sent/x", "sent/x", "Été", "éTÉ"}
	src := holding(exact, "src", names...)
	for _, there := range []string{"", "Drafts", "Sent"} { // what shows that it folds
		t.Run("there: "+there, func(t *testing.T) {
			dst := func(policy string) account {
				user := policy + "-" + there
				if there != "" {
					folding.Account(user).AddMailbox(there)
				}
				return embedded(folding, user)
			}
			refused := dst("error")
			between(t, src, refused).sh(straight).wants(64).says(`"SENT" and "Sent"`, "--case-collision")
			if got := folderNames(t, refused); strings.Join(got, "") != there || len(refused.dump(t)) > 0 {
				t.Errorf("folders %q", got)
			}
			for policy, want := range map[string][]string{
				"merge":  {"INBOX > INBOX", "SENT > SENT", "Sent > SENT", "Sent/x > SENT/x", "sent/x > SENT/x", "Été > Été", "éTÉ > Été"},
				"rename": {"INBOX > INBOX", "SENT > SENT", "Sent > Sent_2", "Sent/x > Sent_2/x", "sent/x > sent_3/x", "Été > Été", "éTÉ > éTÉ_2"},
			} {
				if there == "Sent" { // it keeps its name
					want = map[string][]string{
						"merge":  {"INBOX > INBOX", "SENT > Sent", "Sent > Sent", "Sent/x > Sent/x", "sent/x > Sent/x", "Été > Été", "éTÉ > Été"},
						"rename": {"INBOX > INBOX", "SENT > SENT_2", "Sent > Sent", "Sent/x > Sent/x", "sent/x > sent_3/x", "Été > Été", "éTÉ > éTÉ_2"},
					}[policy]
				}
				d := dst(policy)
				b := between(t, src, d)
				script := by(`--case-collision ` + policy)
				b.sh(script).wants(0).appended(len(names))
				went(t, src, d, want...)
				b.sh(script).wants(0).appended(0)
				went(t, src, d, want...)
			}
		})
	}
	// A destination that shows that it tells them apart.
	apart := embedded(exact, "apart")
	exact.Account("apart").AddMailbox("Drafts")
	between(t, src, apart).sh(straight).wants(0).appended(len(names))
	equal(t, src, apart)
	// One that shows nothing, and is known to.
	bare := embedded(exact, "bare")
	between(t, src, bare).sh(straight).wants(64).says("--case-collision allow")
	untouched(t, bare)
	between(t, src, bare).sh(by(`--case-collision allow`)).wants(0)
	equal(t, src, bare)
	between(t, src, bare).sh(straight).wants(0).appended(0)
	// A folder that is there in other letters is the one to go to.
	one, other := holding(exact, "one", "drafts", "drafts/x"), embedded(folding, "other")
	folding.Account("other").AddMailbox("Drafts")
	between(t, one, other).sh(straight).wants(0).appended(2)
	went(t, one, other, "drafts > Drafts", "drafts/x > Drafts/x")
	between(t, one, other).sh(straight).wants(0).appended(0)
	between(t, src, bare).sh(`imap-diff --case-collision maybe $DST mail`).wants(64)
}

// TestNamesThatDifferInCaseOnRealServers: Dovecot and Cyrus tell names apart, and show it once
// there is a folder.
func TestNamesThatDifferInCaseOnRealServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	src := holding(source, "src", "INBOX", "SENT", "Sent")
	for name, dst := range map[string]account{
		"dovecot": real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":   real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work"}}})
			between(t, src, dst).sh(straight).wants(0).appended(3)
			same(t, src.dump(t), dst.dump(t))
		})
	}
}

// TestPruneFolders removes what matches and nothing of the source goes
// to: never INBOX, nor the subfolder's root, nor by a plan alone.
func TestPruneFolders(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := holding(server, "src", "INBOX", "Work", "Lists/go")
	fresh := func(user string) account {
		for _, name := range []string{"Gone", "Gone/a", "Gone/a/b", "Kept", "Full/empty", "Lists/old", "Work"} {
			server.Account(user).AddMailbox(name)
			server.Account(user).Subscribe(name)
		}
		server.Account(user).AddMessage("Full", nil, day(0), letter("theirs", "Hello\n"))
		return embedded(server, user)
	}
	prune := func(options string) string { return by(options) + ` --allow delete --max-delete 100%` }
	for name, c := range map[string]struct {
		script string
		exit   int
		gone   []string
	}{
		"one tree":           {prune(`--prune-folders '^Gone'`), 0, []string{"Gone", "Gone/a", "Gone/a/b"}},
		"a sibling is kept":  {prune(`--prune-folders '^(Gone|Lists/old)$'`), 0, []string{"Lists/old"}}, // Gone has something below it
		"all that is empty":  {prune(`--prune-folders .`), 0, []string{"Full/empty", "Gone", "Gone/a", "Gone/a/b", "Kept", "Lists/old"}},
		"too much at once":   {by(`--prune-folders . --prune-nonempty`) + ` --allow delete`, 3, nil},
		"what is full too":   {prune(`--prune-folders . --prune-nonempty`), 0, []string{"Full", "Full/empty", "Gone", "Gone/a", "Gone/a/b", "Kept", "Lists/old"}},
		"without permission": {by(`--prune-folders .`), 3, nil},
		"a dry run":          {by(`--prune-folders .`) + ` --dry-run --allow delete`, 0, nil},
		"a plan alone":       {`imap-fetch --headers $SRC | imap-diff --prune-folders . -o plan $DST`, 0, nil},
		"folders only":       {`imap-fetch --headers $SRC | imap-diff --folders-only --prune-folders Gone $DST | imap-push --allow delete $DST`, 0, []string{"Gone", "Gone/a", "Gone/a/b"}},
		"from a file":        {`imap-fetch -o mail $SRC && imap-diff --prune-folders Gone $DST mail | imap-push --allow delete $DST`, 0, []string{"Gone", "Gone/a", "Gone/a/b"}},
		"a concatenation":    {`imap-fetch -o one --folder Work $SRC && imap-fetch -o mail $SRC && cat mail mail | imap-diff --prune-folders . $DST | imap-push --allow delete $DST`, 0, []string{"Full/empty", "Gone", "Gone/a", "Gone/a/b", "Kept", "Lists/old"}},
		"part of an account": {`imap-fetch --headers --folder Work $SRC | imap-diff --prune-folders . $DST | imap-push --allow delete $DST`, 64, nil},
		"an edited source":   {`imap-fetch --level none $SRC | grep -v Work | imap-diff --edited --prune-folders . $DST | imap-push --allow delete $DST`, 64, nil},
		"edited before":      {`imap-fetch $SRC | imap-diff --prune-folders . --level none $DST | grep -v '"Work".*Hello' | imap-push --edited --allow delete $DST`, 3, nil},
		"edited on the way":  {`imap-fetch --headers $SRC | imap-diff --prune-folders . --level none $DST | grep -v '"uid":7' | imap-fetch --edited --select - $SRC | imap-push --allow delete $DST`, 3, nil},
		"a cut source":       {`imap-fetch $SRC --level none | sed '$d' | imap-diff --prune-folders . $DST | imap-push --allow delete $DST`, 65, nil},
		"a cut plan":         {`imap-fetch $SRC | imap-diff --prune-folders . --level none $DST | sed '$d' | imap-push --allow delete $DST`, 65, nil},
		"left out by a map":  {prune(`--prune-folders . --map Work=-`), 64, nil},
		"folders of a map":   {prune(`--prune-folders 'Kept|Gone' --map Work=Kept`), 0, []string{"Gone", "Gone/a", "Gone/a/b"}},
		"no other word":      {by(`--prune-folders .`) + ` --allow everything`, 64, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dst := fresh("dst-" + strings.ReplaceAll(name, " ", "-"))
			before := folderNames(t, dst)
			o := between(t, src, dst).sh(c.script).wants(c.exit)
			after := folderNames(t, dst)
			var gone []string
			for _, name := range before {
				if !slices.Contains(after, name) {
					gone = append(gone, name)
				}
			}
			if !slices.Equal(gone, c.gone) {
				t.Errorf("removed %q, want %q\n%s", gone, c.gone, o)
			}
			for _, name := range server.Account(dst.user).Subscribed() {
				if slices.Contains(gone, name) {
					t.Errorf("%q is still subscribed", name)
				}
			}
			removed := 0
			for line := range strings.Lines(o.stdout) {
				if strings.Contains(line, `"result":"removed"`) {
					removed++
				}
			}
			if removed != len(gone) {
				t.Errorf("%d receipts for %d folders\n%s", removed, len(gone), o.stdout)
			}
		})
	}
}

// TestPruneBelowASubfolder: only what is below it, and never its root.
func TestPruneBelowASubfolder(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]imaptest.Options{"slash": {}, "prefix": {Delimiter: ".", Prefix: "INBOX."}} {
		t.Run(name, func(t *testing.T) {
			server, source := imaptest.StartServer(t, options), imaptest.StartServer(t, imaptest.Options{})
			src := holding(source, "src", "INBOX", `Sent`)
			dst := embedded(server, "dst")
			at := func(path string) string {
				if options.Prefix != "" {
					return options.Prefix + strings.ReplaceAll(path, "/", options.Delimiter)
				}
				return path
			}
			for _, path := range []string{"Old", "Old/Sent", "Old/Gone", "Older", "Gone"} {
				server.Account("dst").AddMailbox(at(path))
			}
			server.Account("dst").AddMailbox(at("Sent"), `\Sent`)
			b := between(t, src, dst)
			b.sh(by(`--automap --subfolder Old --prune-folders . --prune-nonempty`) + ` --allow delete --max-delete 100%`).wants(0).appended(2)
			want := []string{at("Gone"), at("Old"), at("Old/INBOX"), at("Old/Sent"), at("Older"), at("Sent")}
			if got := folderNames(t, dst); !slices.Equal(got, want) {
				t.Errorf("folders %q, want %q", got, want)
			}
			b.sh(`imap-fetch -o empty --restart $SRC && imap-diff --subfolder Nothing --prune-folders . --prune-nonempty $DST empty | imap-push --allow delete $DST`).wants(0)
			if got := folderNames(t, dst); len(got) != len(want)+2 {
				t.Errorf("folders %q", got)
			}
		})
	}
}

// TestPruneWhatHasChanged: mail that has come since the plan was made keeps its
// folder, and so does a folder that a later client made below it.
func TestPruneWhatHasChanged(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := holding(server, "src", "INBOX")
	account := server.Account("dst")
	for _, name := range []string{"Empty", "Filled", "Parent", "New"} {
		account.AddMailbox(name)
	}
	account.AddMessage("Full", nil, day(0), letter("one", "Hello\n"))
	account.AddMessage("Other", nil, day(0), letter("two", "Hello\n"))
	dst := embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(`imap-fetch -o mail $SRC && imap-diff --prune-folders . --prune-nonempty -o plan $DST mail`).wants(0)
	account.AddMessage("Filled", nil, day(1), letter("new", "Hello\n"))
	account.AddMessage("Full", nil, day(1), letter("newer", "Hello\n"))
	account.AddMailbox("Parent/child")
	account.SetUIDValidity("New", 99999)
	o := b.sh(`imap-push --allow delete --max-delete 100% $DST plan`).wants(3)
	if got, want := folderNames(t, dst), []string{"Filled", "Full", "New", "Parent", "Parent/child"}; !slices.Equal(got, want) {
		t.Errorf("folders %q, want %q", got, want)
	}
	for _, r := range o.receipts() {
		if r.Result == "rejected" && (r.Reason != "remove" || r.Text == "") {
			t.Errorf("%+v", r)
		}
	}
	again := b.sh(`imap-push --allow delete --max-delete 100% $DST plan`).wants(3)
	if n := strings.Count(again.stdout, `"missing"`); n != 2 {
		t.Errorf("%d folders are known to be gone\n%s", n, again.stdout)
	}
	if strings.Contains(again.stderr, "missing") || !strings.Contains(again.stderr, "remove  Parent: there are folders below it") {
		t.Errorf("the summary names what is no failure, or names no folder:\n%s", again.stderr)
	}
}

// TestPruneOnRealServers removes folders of Dovecot and Cyrus.
func TestPruneOnRealServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	src := holding(source, "src", "INBOX", "Work")
	for name, dst := range map[string]account{
		"dovecot": real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":   real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Gone"}, {Path: "Gone/a & b"}, {Path: "Gone/é/x"}, {Path: "Full", Messages: imaptest.Generate(1, 2)}, {Path: "Work"}}})
			between(t, src, dst).sh(by(`--prune-folders .`) + ` --allow delete`).wants(0)
			var paths []string
			for _, box := range dst.folders(t) {
				if box.Selectable() {
					paths = append(paths, box.Path)
				}
			}
			if fmt.Sprint(paths) != "[INBOX Full Work]" {
				t.Errorf("%q", paths)
			}
		})
	}
}

// TestFoldersOnly makes and subscribes folders and moves nothing; a preview
// makes nothing at all.
func TestFoldersOnly(t *testing.T) {
	t.Parallel()
	source, target := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := holding(source, "src", "INBOX", "Sent Items", "a/b.c", "Junk")
	source.Account("src").AddMailbox("Empty")
	source.Account("src").Subscribe("a/b.c")
	target.Account("dst").AddMailbox("INBOX.Sent")
	dst := embedded(target, "dst")
	b := between(t, src, dst)
	b.sh(`imap-fetch -o mail $SRC`).wants(0)
	const options = `--automap --map Junk=- `
	o := b.sh(`imap-diff --folders-only --report ` + options + `$DST mail`).wants(0)
	for _, line := range []string{"INBOX -> INBOX\n", "Sent Items -> INBOX.Sent by automap\n", "a/b.c -> INBOX.a.b_c (new)\n", "Empty -> INBOX.Empty (new)\n", "Junk is left out\n"} {
		if !strings.Contains(o.stdout, line) {
			t.Errorf("the preview lacks %q:\n%s", line, o.stdout)
		}
	}
	o = b.sh(`imap-fetch --headers $SRC | imap-diff --folders-only --report --format ndjson ` + options + `$DST`).wants(0)
	states := map[string]string{}
	for line := range strings.Lines(o.stdout) {
		var p struct{ Type, Folder, Target, By, State, Note string }
		if err := json.Unmarshal([]byte(line), &p); err != nil || p.Type != "place" {
			t.Fatalf("%v: %s", err, line)
		}
		states[p.Folder] = p.State + " " + p.By + " " + p.Target
	}
	if fmt.Sprint(states) != "map[Empty:new name INBOX.Empty INBOX:there name INBOX Junk:excluded map  Sent Items:there automap INBOX.Sent a/b.c:new name INBOX.a.b_c]" {
		t.Error(states)
	}
	if got := folderNames(t, dst); len(got) != 1 {
		t.Errorf("a preview has made %q", got)
	}
	b.sh(`imap-diff --folders-only ` + options + `-o plan $DST mail`).wants(0).says("a/b.c -> INBOX.a.b_c (new)")
	if got := folderNames(t, dst); len(got) != 1 {
		t.Errorf("a plan has made %q", got)
	}
	for range 2 {
		b.sh(`imap-fetch --headers $SRC | imap-diff --folders-only ` + options + `$DST | imap-push $DST`).wants(0).appended(0)
		if got := folderNames(t, dst); !slices.Equal(got, []string{"INBOX.Empty", "INBOX.Sent", "INBOX.a.b_c"}) {
			t.Errorf("folders %q", got)
		}
	}
	if got := target.Account("dst").Subscribed(); !slices.Equal(got, []string{"INBOX.a.b_c"}) {
		t.Errorf("subscribed %q", got)
	}
	if n := len(dst.dump(t)); n > 0 {
		t.Errorf("%d messages were moved", n)
	}
	empty := embedded(target, "no-empty")
	between(t, src, empty).sh(`imap-fetch --headers $SRC | imap-diff --folders-only --skip-empty-folders $DST | imap-push $DST`).wants(0)
	if got := folderNames(t, empty); !slices.Equal(got, []string{"INBOX.Junk", "INBOX.Sent Items", "INBOX.a.b_c"}) {
		t.Errorf("folders %q", got)
	}
	for _, bad := range []string{"--folders-only --equal --report", "--folders-only --exit-code", "--write-map - --report", "--write-map - -o x", "--write-map ''", "--prune-nonempty", "--prune-folders ''", "--prune-folders '('", "--report --prune-folders ."} {
		b.sh(`imap-diff ` + bad + ` $DST mail >out`).wants(64)
	}
	b.sh(`imap-fetch --headers --host 127.0.0.1:1 --user x | imap-diff --folders-only --report $DST`).wants(69)
}

// TestWriteMap writes a file that, read again, maps the same, and that a person
// can edit.
func TestWriteMap(t *testing.T) {
	t.Parallel()
	source, target := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := holding(source, "src", "INBOX", `Say "hello" \o`, "a.b", "日本 \x1b[2J", "Sent Items", "Junk")
	dst := embedded(target, "dst")
	b := between(t, src, dst)
	b.sh(`imap-fetch -o mail $SRC && imap-diff --write-map map --map Junk=- $DST mail`).wants(0)
	want := "# src@127.0.0.1 -> dst@127.0.0.1\n# \"source\" = \"destination\"; - in place of the destination leaves the folder out\n" +
		`"INBOX" = "INBOX"` + "\n" + `"Junk" = -` + "\n" + `"Say \"hello\" \\o" = "INBOX.Say \"hello\" \\o"` + "\n" + `"Sent Items" = "INBOX.Sent Items"` + "\n" + `"a.b" = "INBOX.a_b"` + "\n" + `"日本 \u001b[2J" = "INBOX.日本 \u001b[2J"` + "\n"
	if got := portless(string(b.read("map"))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.sh(`imap-diff --write-map - --map-file map $DST mail >again && cmp map again`).wants(0)
	b.sh(`sed 's/"INBOX.Sent Items"/"INBOX.Sent"/' map >edited && imap-diff --map-file edited $DST mail | imap-push $DST`).wants(0).appended(5)
	went(t, src, dst, "INBOX > INBOX", `Say "hello" \o > INBOX.Say "hello" \o`, "a.b > INBOX.a_b", "日本 \x1b[2J > INBOX.日本 \x1b[2J", "Sent Items > INBOX.Sent")
	untouched(t, embedded(target, "other"))
}

// TestFirstAndLast: the order of the table of contents, and of what follows.
func TestFirstAndLast(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := holding(server, "src", "INBOX", "Archive", "Archive/2019", "Sent", "[Gmail]/All Mail")
	b := between(t, src, src)
	order := func(options string) string {
		return strings.ReplaceAll(strings.TrimSpace(b.sh(`imap-fetch --level none `+options+` $SRC | grep '"type":"message"' | sed 's/.*"folder":"\([^"]*\)".*/\1/'`).wants(0).stdout), "\n", ",")
	}
	if got := order(``); got != "INBOX,Archive,Archive/2019,Sent,[Gmail]/All Mail" {
		t.Error(got)
	}
	for range 2 { // the same each time
		if got := order(`--folder-first Sent --folder-first '[Gmail]' --folder-last Archive --folder-last inbox`); got != "Sent,[Gmail]/All Mail,Archive,Archive/2019,INBOX" {
			t.Error(got)
		}
	}
	b.sh(`imap-fetch --folder-first Snet -o mail $SRC`).wants(0).says(`"Snet"`)
	b.sh(`imap-fetch --folder-first Sent --select mail $SRC >out`).wants(64)
	dst := embedded(server, "dst")
	b = between(t, src, dst)
	b.sh(`imap-fetch --headers --folder-last INBOX $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).wants(0)
	equal(t, src, dst)
}

// TestRefusedFolder: what is refused by BAD is refused, and costs that folder.
func TestRefusedFolder(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnCreate: func(_, name string) error {
		if name == "b" {
			return says(imap.StatusResponseTypeBad, "", "no such letters")
		}
		return nil
	}})
	src, dst := holding(server, "src", "a", "b", "⟦x⟧"), embedded(server, "dst")
	for _, name := range []string{"a", "b", "⟦x⟧"} {
		server.Account("src").Subscribe(name)
	}
	between(t, src, dst).sh(straight).wants(3).appended(2)
	went(t, src, dst, "a > a", "⟦x⟧ > ⟦x⟧")
	if got := server.Account("dst").Subscribed(); !slices.Contains(got, "⟦x⟧") || !slices.Contains(got, "a") {
		t.Errorf("subscribed %q", got)
	}
}
