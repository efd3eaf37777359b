package folders

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestSkipEmptyFolders: a folder that no message goes to is not made, also
// when it is empty only after a selection or a filter.
func TestSkipEmptyFolders(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(server, "src", "INBOX", "Full/below", "Old")
	for _, name := range []string{"Empty", "Full", "Empty/below"} {
		server.Account("src").AddMailbox(name)
		server.Account("src").Subscribe(name)
	}
	server.Account("src").Subscribe("Full/below")
	const filter = `--level none $SRC | grep -v Old.*Hello`
	for name, script := range map[string]string{
		"straight": harness.PipelineWith(`--skip-empty-folders`),
		"file":     `imap-fetch -o mail $SRC && imap-diff --skip-empty-folders $DST mail | imap-push $DST`,
		"pipe":     `imap-fetch $SRC | imap-diff --skip-empty-folders $DST | imap-push $DST`,
		"edited":   `imap-fetch ` + filter + ` | imap-diff --edited --skip-empty-folders $DST | imap-push $DST`,
	} {
		t.Run(name, func(t *testing.T) {
			dst := harness.Embedded(server, "dst-"+name)
			b := harness.Between(t, src, dst)
			b.Sh(script).Wants(0)
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
			b.Sh(script).Wants(0).Appended(0)
			if name == "edited" {
				return
			}
			b.Sh(`imap-fetch -o mail --restart $SRC && imap-diff --report --equal --skip-empty-folders $DST mail >report`).Wants(0)
			b.Sh(`imap-diff --report --equal $DST mail >report`).Wants(1) // three folders are missing
			b.Sh(harness.Straight).Wants(0)
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
	src := harness.Holding(exact, "src", names...)
	for _, there := range []string{"", "Drafts", "Sent"} { // what shows that it folds
		t.Run("there: "+there, func(t *testing.T) {
			dst := func(policy string) harness.Account {
				user := policy + "-" + there
				if there != "" {
					folding.Account(user).AddMailbox(there)
				}
				return harness.Embedded(folding, user)
			}
			refused := dst("error")
			harness.Between(t, src, refused).Sh(harness.Straight).Wants(64).Says(`"SENT" and "Sent"`, "--case-collision")
			if got := folderNames(t, refused); strings.Join(got, "") != there || len(refused.Dump(t)) > 0 {
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
				b := harness.Between(t, src, d)
				script := harness.PipelineWith(`--case-collision ` + policy)
				b.Sh(script).Wants(0).Appended(len(names))
				went(t, src, d, want...)
				b.Sh(script).Wants(0).Appended(0)
				went(t, src, d, want...)
			}
		})
	}
	// A destination that shows that it tells them apart.
	apart := harness.Embedded(exact, "apart")
	exact.Account("apart").AddMailbox("Drafts")
	harness.Between(t, src, apart).Sh(harness.Straight).Wants(0).Appended(len(names))
	harness.Equal(t, src, apart)
	// One that shows nothing, and is known to.
	bare := harness.Embedded(exact, "bare")
	harness.Between(t, src, bare).Sh(harness.Straight).Wants(64).Says("--case-collision allow")
	untouched(t, bare)
	harness.Between(t, src, bare).Sh(harness.PipelineWith(`--case-collision allow`)).Wants(0)
	harness.Equal(t, src, bare)
	harness.Between(t, src, bare).Sh(harness.Straight).Wants(0).Appended(0)
	// A folder that is there in other letters is the one to go to.
	one, other := harness.Holding(exact, "one", "drafts", "drafts/x"), harness.Embedded(folding, "other")
	folding.Account("other").AddMailbox("Drafts")
	harness.Between(t, one, other).Sh(harness.Straight).Wants(0).Appended(2)
	went(t, one, other, "drafts > Drafts", "drafts/x > Drafts/x")
	harness.Between(t, one, other).Sh(harness.Straight).Wants(0).Appended(0)
	harness.Between(t, src, bare).Sh(`imap-diff --case-collision maybe $DST mail`).Wants(64)
}

// TestNamesThatDifferInCaseOnRealServers: Dovecot and Cyrus tell names apart, and show it once
// there is a folder.
func TestNamesThatDifferInCaseOnRealServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(source, "src", "INBOX", "SENT", "Sent")
	for name, dst := range map[string]harness.Account{
		"dovecot": harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":   harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Work"}}})
			harness.Between(t, src, dst).Sh(harness.Straight).Wants(0).Appended(3)
			harness.Same(t, src.Dump(t), dst.Dump(t))
		})
	}
}

// TestPruneFolders removes what matches and nothing of the source goes
// to: never INBOX, nor the subfolder's root, nor by a plan alone.
func TestPruneFolders(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(server, "src", "INBOX", "Work", "Lists/go")
	fresh := func(user string) harness.Account {
		for _, name := range []string{"Gone", "Gone/a", "Gone/a/b", "Kept", "Full/empty", "Lists/old", "Work"} {
			server.Account(user).AddMailbox(name)
			server.Account(user).Subscribe(name)
		}
		server.Account(user).AddMessage("Full", nil, harness.Day(0), harness.Letter("theirs", "Hello\n"))
		return harness.Embedded(server, user)
	}
	prune := func(options string) string {
		return harness.PipelineWith(options) + ` --allow delete --max-delete 100%`
	}
	for name, c := range map[string]struct {
		script string
		exit   int
		gone   []string
	}{
		"one tree":           {prune(`--prune-folders '^Gone'`), 0, []string{"Gone", "Gone/a", "Gone/a/b"}},
		"a sibling is kept":  {prune(`--prune-folders '^(Gone|Lists/old)$'`), 0, []string{"Lists/old"}}, // Gone has something below it
		"all that is empty":  {prune(`--prune-folders .`), 0, []string{"Full/empty", "Gone", "Gone/a", "Gone/a/b", "Kept", "Lists/old"}},
		"too much at once":   {harness.PipelineWith(`--prune-folders . --prune-nonempty`) + ` --allow delete`, 3, nil},
		"what is full too":   {prune(`--prune-folders . --prune-nonempty`), 0, []string{"Full", "Full/empty", "Gone", "Gone/a", "Gone/a/b", "Kept", "Lists/old"}},
		"without permission": {harness.PipelineWith(`--prune-folders .`), 3, nil},
		"a dry run":          {harness.PipelineWith(`--prune-folders .`) + ` --dry-run --allow delete`, 0, nil},
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
		"no other word":      {harness.PipelineWith(`--prune-folders .`) + ` --allow everything`, 64, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dst := fresh("dst-" + strings.ReplaceAll(name, " ", "-"))
			before := folderNames(t, dst)
			o := harness.Between(t, src, dst).Sh(c.script).Wants(c.exit)
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
			for _, name := range server.Account(dst.User).Subscribed() {
				if slices.Contains(gone, name) {
					t.Errorf("%q is still subscribed", name)
				}
			}
			removed := 0
			for line := range strings.Lines(o.Stdout) {
				if strings.Contains(line, `"result":"removed"`) {
					removed++
				}
			}
			if removed != len(gone) {
				t.Errorf("%d receipts for %d folders\n%s", removed, len(gone), o.Stdout)
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
			src := harness.Holding(source, "src", "INBOX", `Sent`)
			dst := harness.Embedded(server, "dst")
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
			b := harness.Between(t, src, dst)
			b.Sh(harness.PipelineWith(`--automap --subfolder Old --prune-folders . --prune-nonempty`) + ` --allow delete --max-delete 100%`).Wants(0).Appended(2)
			want := []string{at("Gone"), at("Old"), at("Old/INBOX"), at("Old/Sent"), at("Older"), at("Sent")}
			if got := folderNames(t, dst); !slices.Equal(got, want) {
				t.Errorf("folders %q, want %q", got, want)
			}
			b.Sh(`imap-fetch -o empty --restart $SRC && imap-diff --subfolder Nothing --prune-folders . --prune-nonempty $DST empty | imap-push --allow delete $DST`).Wants(0)
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
	src := harness.Holding(server, "src", "INBOX")
	account := server.Account("dst")
	for _, name := range []string{"Empty", "Filled", "Parent", "New"} {
		account.AddMailbox(name)
	}
	account.AddMessage("Full", nil, harness.Day(0), harness.Letter("one", "Hello\n"))
	account.AddMessage("Other", nil, harness.Day(0), harness.Letter("two", "Hello\n"))
	dst := harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch -o mail $SRC && imap-diff --prune-folders . --prune-nonempty -o plan $DST mail`).Wants(0)
	account.AddMessage("Filled", nil, harness.Day(1), harness.Letter("new", "Hello\n"))
	account.AddMessage("Full", nil, harness.Day(1), harness.Letter("newer", "Hello\n"))
	account.AddMailbox("Parent/child")
	account.SetUIDValidity("New", 99999)
	o := b.Sh(`imap-push --allow delete --max-delete 100% $DST plan`).Wants(3)
	if got, want := folderNames(t, dst), []string{"Filled", "Full", "New", "Parent", "Parent/child"}; !slices.Equal(got, want) {
		t.Errorf("folders %q, want %q", got, want)
	}
	for _, r := range o.Receipts() {
		if r.Result == "rejected" && (r.Reason != "remove" || r.Text == "") {
			t.Errorf("%+v", r)
		}
	}
	again := b.Sh(`imap-push --allow delete --max-delete 100% $DST plan`).Wants(3)
	if n := strings.Count(again.Stdout, `"missing"`); n != 2 {
		t.Errorf("%d folders are known to be gone\n%s", n, again.Stdout)
	}
	if strings.Contains(again.Stderr, "missing") || !strings.Contains(again.Stderr, "remove  Parent: there are folders below it") {
		t.Errorf("the summary names what is no failure, or names no folder:\n%s", again.Stderr)
	}
}

// TestPruneOnRealServers removes folders of Dovecot and Cyrus.
func TestPruneOnRealServers(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(source, "src", "INBOX", "Work")
	for name, dst := range map[string]harness.Account{
		"dovecot": harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe"),
		"cyrus":   harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe"),
	} {
		t.Run(name, func(t *testing.T) {
			dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Gone"}, {Path: "Gone/a & b"}, {Path: "Gone/é/x"}, {Path: "Full", Messages: imaptest.Generate(1, 2)}, {Path: "Work"}}})
			harness.Between(t, src, dst).Sh(harness.PipelineWith(`--prune-folders .`) + ` --allow delete`).Wants(0)
			var paths []string
			for _, box := range dst.Folders(t) {
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
	src := harness.Holding(source, "src", "INBOX", "Sent Items", "a/b.c", "Junk")
	source.Account("src").AddMailbox("Empty")
	source.Account("src").Subscribe("a/b.c")
	target.Account("dst").AddMailbox("INBOX.Sent")
	dst := harness.Embedded(target, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch -o mail $SRC`).Wants(0)
	const options = `--automap --map Junk=- `
	o := b.Sh(`imap-diff --folders-only --report ` + options + `$DST mail`).Wants(0)
	for _, line := range []string{"INBOX -> INBOX\n", "Sent Items -> INBOX.Sent by automap\n", "a/b.c -> INBOX.a.b_c (new)\n", "Empty -> INBOX.Empty (new)\n", "Junk is left out\n"} {
		if !strings.Contains(o.Stdout, line) {
			t.Errorf("the preview lacks %q:\n%s", line, o.Stdout)
		}
	}
	o = b.Sh(`imap-fetch --headers $SRC | imap-diff --folders-only --report --format ndjson ` + options + `$DST`).Wants(0)
	states := map[string]string{}
	for line := range strings.Lines(o.Stdout) {
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
	b.Sh(`imap-diff --folders-only ` + options + `-o plan $DST mail`).Wants(0).Says("a/b.c -> INBOX.a.b_c (new)")
	if got := folderNames(t, dst); len(got) != 1 {
		t.Errorf("a plan has made %q", got)
	}
	for range 2 {
		b.Sh(`imap-fetch --headers $SRC | imap-diff --folders-only ` + options + `$DST | imap-push $DST`).Wants(0).Appended(0)
		if got := folderNames(t, dst); !slices.Equal(got, []string{"INBOX.Empty", "INBOX.Sent", "INBOX.a.b_c"}) {
			t.Errorf("folders %q", got)
		}
	}
	if got := target.Account("dst").Subscribed(); !slices.Equal(got, []string{"INBOX.a.b_c"}) {
		t.Errorf("subscribed %q", got)
	}
	if n := len(dst.Dump(t)); n > 0 {
		t.Errorf("%d messages were moved", n)
	}
	empty := harness.Embedded(target, "no-empty")
	harness.Between(t, src, empty).Sh(`imap-fetch --headers $SRC | imap-diff --folders-only --skip-empty-folders $DST | imap-push $DST`).Wants(0)
	if got := folderNames(t, empty); !slices.Equal(got, []string{"INBOX.Junk", "INBOX.Sent Items", "INBOX.a.b_c"}) {
		t.Errorf("folders %q", got)
	}
	for _, bad := range []string{"--folders-only --equal --report", "--folders-only --exit-code", "--write-map - --report", "--write-map - -o x", "--write-map ''", "--prune-nonempty", "--prune-folders ''", "--prune-folders '('", "--report --prune-folders ."} {
		b.Sh(`imap-diff ` + bad + ` $DST mail >out`).Wants(64)
	}
	b.Sh(`imap-fetch --headers --host 127.0.0.1:1 --user x | imap-diff --folders-only --report $DST`).Wants(69)
}

// TestWriteMap writes a file that, read again, maps the same, and that a person
// can edit.
func TestWriteMap(t *testing.T) {
	t.Parallel()
	source, target := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := harness.Holding(source, "src", "INBOX", `Say "hello" \o`, "a.b", "日本 \x1b[2J", "Sent Items", "Junk")
	dst := harness.Embedded(target, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(`imap-fetch -o mail $SRC && imap-diff --write-map map --map Junk=- $DST mail`).Wants(0)
	want := "# src@127.0.0.1 -> dst@127.0.0.1\n# \"source\" = \"destination\"; - in place of the destination leaves the folder out\n" +
		`"INBOX" = "INBOX"` + "\n" + `"Junk" = -` + "\n" + `"Say \"hello\" \\o" = "INBOX.Say \"hello\" \\o"` + "\n" + `"Sent Items" = "INBOX.Sent Items"` + "\n" + `"a.b" = "INBOX.a_b"` + "\n" + `"日本 \u001b[2J" = "INBOX.日本 \u001b[2J"` + "\n"
	if got := harness.Portless(string(b.Read("map"))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.Sh(`imap-diff --write-map - --map-file map $DST mail >again && cmp map again`).Wants(0)
	b.Sh(`sed 's/"INBOX.Sent Items"/"INBOX.Sent"/' map >edited && imap-diff --map-file edited $DST mail | imap-push $DST`).Wants(0).Appended(5)
	went(t, src, dst, "INBOX > INBOX", `Say "hello" \o > INBOX.Say "hello" \o`, "a.b > INBOX.a_b", "日本 \x1b[2J > INBOX.日本 \x1b[2J", "Sent Items > INBOX.Sent")
	untouched(t, harness.Embedded(target, "other"))
}

// TestFirstAndLast: the order of the table of contents, and of what follows.
func TestFirstAndLast(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src := harness.Holding(server, "src", "INBOX", "Archive", "Archive/2019", "Sent", "[Gmail]/All Mail")
	b := harness.Between(t, src, src)
	order := func(options string) string {
		return strings.ReplaceAll(strings.TrimSpace(b.Sh(`imap-fetch --level none `+options+` $SRC | grep '"type":"message"' | sed 's/.*"folder":"\([^"]*\)".*/\1/'`).Wants(0).Stdout), "\n", ",")
	}
	if got := order(``); got != "INBOX,Archive,Archive/2019,Sent,[Gmail]/All Mail" {
		t.Error(got)
	}
	for range 2 { // the same each time
		if got := order(`--folder-first Sent --folder-first '[Gmail]' --folder-last Archive --folder-last inbox`); got != "Sent,[Gmail]/All Mail,Archive,Archive/2019,INBOX" {
			t.Error(got)
		}
	}
	b.Sh(`imap-fetch --folder-first Snet -o mail $SRC`).Wants(0).Says(`"Snet"`)
	b.Sh(`imap-fetch --folder-first Sent --select mail $SRC >out`).Wants(64)
	dst := harness.Embedded(server, "dst")
	b = harness.Between(t, src, dst)
	b.Sh(`imap-fetch --headers --folder-last INBOX $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(0)
	harness.Equal(t, src, dst)
}

// TestRefusedFolder: what is refused by BAD is refused, and costs that folder.
func TestRefusedFolder(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnCreate: func(_, name string) error {
		if name == "b" {
			return harness.AppendError(imap.StatusResponseTypeBad, "", "no such letters")
		}
		return nil
	}})
	src, dst := harness.Holding(server, "src", "a", "b", "⟦x⟧"), harness.Embedded(server, "dst")
	for _, name := range []string{"a", "b", "⟦x⟧"} {
		server.Account("src").Subscribe(name)
	}
	harness.Between(t, src, dst).Sh(harness.Straight).Wants(3).Appended(2)
	went(t, src, dst, "a > a", "⟦x⟧ > ⟦x⟧")
	if got := server.Account("dst").Subscribed(); !slices.Contains(got, "⟦x⟧") || !slices.Contains(got, "a") {
		t.Errorf("subscribed %q", got)
	}
}
