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

// went demands where the mail of an account has gone: "source > destination"
// for each message, INBOX first, by the destination's names.
func went(t *testing.T, src, dst harness.Account, want ...string) {
	t.Helper()
	from := placeOf(src.Dump(t))
	var got []string
	for _, e := range dst.Dump(t) {
		if at, ok := from[e.SHA256]; ok {
			got = append(got, at.Folder+" > "+e.Folder)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// folderNames are the names of an account's folders, INBOX aside.
func folderNames(t *testing.T, a harness.Account) (names []string) {
	t.Helper()
	for _, box := range a.Folders(t) {
		if box.Folder != "INBOX" && box.Selectable() {
			names = append(names, box.Folder)
		}
	}
	return names
}

// untouched demands that nothing was made in an account.
func untouched(t *testing.T, a harness.Account) {
	t.Helper()
	if names := folderNames(t, a); len(names) > 0 || len(a.Dump(t)) > 0 {
		t.Errorf("folders %q, %d messages", names, len(a.Dump(t)))
	}
}

// TestOtherDelimiters: the hierarchy is kept, and parents are made first
// where the server wants that.
func TestOtherDelimiters(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{Delimiter: "."})
	src := harness.Holding(source, "src", "INBOX", "a", "a.b.c.d", "x.y")
	for _, delimiter := range []string{`\`, "/", "^", "|"} {
		t.Run(delimiter, func(t *testing.T) {
			var target *imaptest.Server
			strict := func(user, name string) error {
				if i := strings.LastIndex(name, delimiter); i > 0 && !slices.Contains(target.Account(user).Mailboxes(), name[:i]) {
					return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeNonExistent, "No such parent")
				}
				return nil
			}
			target = imaptest.StartServer(t, imaptest.Options{Delimiter: delimiter, OnCreate: strict})
			dst := harness.Embedded(target, "dst")
			b := harness.Between(t, src, dst)
			b.Sh(harness.Straight).Wants(0).Appended(4)
			at := strings.NewReplacer(".", delimiter).Replace
			went(t, src, dst, "INBOX > INBOX", "a > a", "a.b.c.d > "+at("a.b.c.d"), "x.y > "+at("x.y"))
			b.Sh(harness.Straight).Wants(0).Appended(0)
			back := harness.Embedded(source, "back-"+fmt.Sprint(delimiter[0]))
			harness.Between(t, dst, back).Sh(harness.Straight).Wants(0)
			harness.Equal(t, src, back)
		})
	}
}

// TestDelimiterInAName: it makes no levels, and two names that become one
// are an error.
func TestDelimiterInAName(t *testing.T) {
	t.Parallel()
	slash, dot := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: "."})
	src, dst := harness.Holding(slash, "src", "spam.spam", "Ops.foo.bar/x.y"), harness.Embedded(dot, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(harness.Straight).Wants(0).Says(`"spam.spam" becomes "spam_spam"`, `"Ops.foo.bar/x.y" becomes "Ops_foo_bar.x_y"`)
	went(t, src, dst, "spam.spam > spam_spam", "Ops.foo.bar/x.y > Ops_foo_bar.x_y")
	b.Sh(harness.Straight).Wants(0).Appended(0)
	other := harness.Embedded(dot, "other")
	harness.Between(t, src, other).Sh(harness.PipelineWith(`--delimiter-replacement -`)).Wants(0)
	went(t, src, other, "spam.spam > spam-spam", "Ops.foo.bar/x.y > Ops-foo-bar.x-y")

	joined := harness.Embedded(dot, "joined")
	harness.Between(t, src, joined).Sh(harness.PipelineWith(`--delimiter-replacement ''`)).Wants(0)
	went(t, src, joined, "spam.spam > spamspam", "Ops.foo.bar/x.y > Opsfoobar.xy")

	src, dst = harness.Holding(dot, "src", "a/b", "c.d/e"), harness.Embedded(slash, "dst") // the other way round
	harness.Between(t, src, dst).Sh(harness.Straight).Wants(0).Says(`"a/b" becomes "a_b"`)
	went(t, src, dst, "a/b > a_b", "c.d/e > c/d_e")

	harness.Between(t, src, harness.Embedded(dot, "bad")).Sh(harness.PipelineWith(`--delimiter-replacement .`)).Wants(64)
	src = harness.Holding(slash, "two", "a.b", "a_b")
	b = harness.Between(t, src, harness.Embedded(dot, "bad"))
	for _, script := range []string{harness.Straight, harness.Offline} {
		b.Sh(script).Wants(64).Says(`"a.b" and "a_b"`, "--map")
	}
	untouched(t, harness.Embedded(dot, "bad"))
	b.Sh(harness.PipelineWith(`--map a_b=c`)).Wants(0)
	went(t, src, harness.Embedded(dot, "bad"), "a.b > a_b", "a_b > c")
}

// TestPrefixBothWays: "INBOX." comes and goes by itself, and where the
// server does not tell its namespace it is guessed.
func TestPrefixBothWays(t *testing.T) {
	t.Parallel()
	below := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	plain := imaptest.StartServer(t, imaptest.Options{})
	mute := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX.", Caps: []string{"UIDPLUS"}})
	src, middle, back := harness.Holding(below, "src", "INBOX", "INBOX.Sent", "INBOX.a.b"), harness.Embedded(plain, "middle"), harness.Embedded(below, "back")
	harness.Between(t, src, middle).Sh(harness.Straight).Wants(0)
	went(t, src, middle, "INBOX > INBOX", "INBOX.Sent > Sent", "INBOX.a.b > a/b")
	harness.Between(t, middle, back).Sh(harness.Straight).Wants(0)
	harness.Equal(t, src, back)

	src, middle = harness.Holding(mute, "src", "INBOX", "INBOX.Sent"), harness.Embedded(plain, "guessed")
	harness.Between(t, src, middle).Sh(harness.Straight).Wants(0).Says("INBOX.", "prefix")
	went(t, src, middle, "INBOX > INBOX", "INBOX.Sent > Sent")
	told := harness.Embedded(plain, "told")
	harness.Between(t, src, told).Sh(`imap-fetch --headers --prefix '' $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(0)
	went(t, src, told, "INBOX > INBOX", "INBOX.Sent > INBOX/Sent")
	empty := harness.Embedded(mute, "empty") // there is nothing to guess from
	harness.Between(t, middle, empty).Sh(`imap-fetch --headers $SRC | imap-diff --prefix INBOX. $DST | imap-fetch --select - $SRC | imap-push $DST`).Wants(0)
	went(t, middle, empty, "INBOX > INBOX", "Sent > INBOX.Sent")
}

// TestInboxInAnyCase: there is one INBOX.
func TestInboxInAnyCase(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := harness.Holding(server, "src", "INBOX", "a"), harness.Embedded(server, "dst")
	b := harness.Between(t, src, dst)
	b.Sh(harness.PipelineWith(`--map INBOX=Inbox --map a=inbox`)).Wants(0).Appended(2)
	went(t, src, dst, "INBOX > INBOX", "a > INBOX")
	if names := folderNames(t, dst); len(names) > 0 {
		t.Errorf("folders %q", names)
	}
	b.Sh(harness.PipelineWith(`--map inbox=INBOX --map a=INBOX`)).Wants(0).Appended(0)
}

// TestMapToARefusedName costs that folder; an entry that names nothing is
// a warning with what may have been meant.
func TestMapToARefusedName(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnCreate: func(_, name string) error {
		if strings.Contains(name, "?") {
			return harness.AppendError(imap.StatusResponseTypeNo, imap.ResponseCodeCannot, "I do not like it")
		}
		return nil
	}})
	src := harness.Holding(server, "src", "INBOX", "Sent Items", "Sent Items/2019", "Work")
	for _, script := range []string{harness.PipelineWith(`--map 'Sent Items=what?' --map 'Wrok=x'`), `imap-fetch -o mail --restart $SRC && imap-diff --map 'Sent Items=what?' --map 'Wrok=x' $DST mail | imap-push $DST`} {
		dst := harness.Embedded(server, "dst-"+fmt.Sprint(len(script)))
		o := harness.Between(t, src, dst).Sh(script).Wants(3).Says(`--map: the source has no folder "Wrok"`, `"Work"?`).Appended(2)
		went(t, src, dst, "INBOX > INBOX", "Work > Work")
		classes := map[string]string{}
		for _, r := range o.Receipts() {
			if r.Result == "rejected" {
				classes[fmt.Sprint(r.Target, " ", r.UID)] = r.Reason
				if !strings.Contains(r.Text, "I do not like it") {
					t.Errorf("%+v", r)
				}
			}
		}
		want := map[string]string{"what? 0": "create", "what?/2019 0": "create", "what? 1": "no-folder", "what?/2019 1": "no-folder"}
		if fmt.Sprint(classes) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", classes, want)
		}
	}
}

// TestMapTakesChildrenAlong and is read from the command line and from a
// file alike; what it leaves out is named in the plan.
func TestMapTakesChildrenAlong(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	target := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := harness.Holding(source, "src", "INBOX", "Sent Items", "Sent Items/2019/May", "Entwürfe", "a=b", "Junk", "Junk/x", "Work")
	want := []string{"INBOX > INBOX", "Sent Items > INBOX.Sent", "Sent Items/2019/May > INBOX.Sent.2019.May", "Entwürfe > INBOX.Drafts", "a=b > INBOX.c", "Work > INBOX.Work"}
	line, file := harness.Embedded(target, "line"), harness.Embedded(target, "file")
	b := harness.Between(t, src, line)
	b.Sh(harness.PipelineWith(`--map 'Sent Items=Sent' --map 'Entw&APw-rfe=INBOX.Drafts' --map '"a=b"=c' --map Junk=-`)).Wants(0).Appended(6)
	went(t, src, line, want...)
	b = harness.Between(t, src, file)
	b.Write("map", []byte("# where mail goes\n\nSent Items = Sent\n\"Entw\\u00fcrfe\" = \"Drafts\" # ours\n\"a=b\" = \"c\"\nJunk = -\n\"Work\" = \"nowhere\"\n"))
	o := b.Sh(`imap-fetch -o mail $SRC && imap-diff --map-file map --map Work=Work -o plan $DST mail && imap-push $DST plan && zstdcat plan | head -1 >begin`)
	if o.Exit == 127 {
		t.Skip("SKIPPED: no zstdcat")
	}
	o.Wants(0)
	went(t, src, file, want...)
	var begin struct{ Filters []string }
	if err := json.Unmarshal(b.Read("begin"), &begin); err != nil || !slices.Equal(begin.Filters, []string{"map=Junk=-"}) {
		t.Errorf("%v: %s", err, b.Read("begin"))
	}
	b.Sh(`imap-diff --report --equal --map-file map --map Work=Work $DST mail >report`).Wants(0)
	if strings.Contains(string(b.Read("report")), "Junk:") {
		t.Errorf("the report tells of what is left out:\n%s", b.Read("report"))
	}
	for _, bad := range []string{`--map a`, `--map =b`, `--map a=`, `--map a=b --map a=c`, `--map-file none`, `--map-file bad`, `--map-file ''`} {
		b.Write("bad", []byte("a\n"))
		code := 64
		if bad == `--map-file none` {
			code = 66
		}
		b.Sh(`imap-diff ` + bad + ` $DST mail >plan`).Wants(code)
	}
}

// TestRenameChain: each rule sees what the one before made; letters can
// change their case level by level.
func TestRenameChain(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	target := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := harness.Holding(source, "src", "INBOX", "mail/Old Stuff/été", "[Gmail]/Sent Mail", "FOO bar/bAZ")
	for _, c := range []struct {
		options string
		want    []string
	}{
		{`--rename 's/^mail\./x./' --rename 's/^x\.Old/y.New/' --rename 's,^\[Gmail\],Gmail,'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX.y.New Stuff.été", "[Gmail]/Sent Mail > INBOX.Gmail.Sent Mail", "FOO bar/bAZ > INBOX.FOO bar.bAZ"}},
		{`--rename 's/.*/\U$0/'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX.MAIL.OLD STUFF.ÉTÉ", "[Gmail]/Sent Mail > INBOX.[GMAIL].SENT MAIL", "FOO bar/bAZ > INBOX.FOO BAR.BAZ"}},
		{`--rename 's/.*/\L$0/'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX.mail.old stuff.été", "[Gmail]/Sent Mail > INBOX.[gmail].sent mail", "FOO bar/bAZ > INBOX.foo bar.baz"}},
		{`--rename 's/[^.]+/\L\u$0/g'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX.Mail.Old stuff.Été", "[Gmail]/Sent Mail > INBOX.[gmail].Sent mail", "FOO bar/bAZ > INBOX.Foo bar.Baz"}},
		{`--rename 's/(.*)/INBOX/'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX", "[Gmail]/Sent Mail > INBOX", "FOO bar/bAZ > INBOX"}},
		{`--rename 's/.*/INBOX/'`, []string{"INBOX > INBOX", "mail/Old Stuff/été > INBOX", "[Gmail]/Sent Mail > INBOX", "FOO bar/bAZ > INBOX"}},
	} {
		t.Run(c.options, func(t *testing.T) {
			dst := harness.Embedded(target, "dst-"+imaptest.Sum([]byte(c.options))[:8])
			b := harness.Between(t, src, dst)
			b.Sh(harness.PipelineWith(c.options)).Wants(0)
			went(t, src, dst, c.want...)
			b.Sh(harness.PipelineWith(c.options)).Wants(0).Appended(0)
		})
	}
	bad := harness.Embedded(target, "bad")
	for _, rule := range []string{"s/a/b", "s/(/b/", "s/a/$1/", "s/a/b/x", "a=b", ""} {
		harness.Between(t, src, bad).Sh(`imap-fetch --headers $SRC | imap-diff --rename '` + rule + `' $DST >plan`).Wants(64)
	}
	harness.Between(t, src, bad).Sh(harness.PipelineWith(`--rename 's/(.).*/$1/'`)).Wants(0) // they stay apart
	harness.Between(t, src, harness.Embedded(target, "one")).Sh(harness.PipelineWith(`--rename 's/[a-zA-Z].*//'`)).Wants(64).Says("would both become")
	untouched(t, harness.Embedded(target, "one"))
}

// TestSubfolderThereAndBack puts an account below a folder, and that
// folder's tree back to the top of another account.
func TestSubfolderThereAndBack(t *testing.T) {
	t.Parallel()
	plain, below := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	all := imaptest.Spread(imaptest.Generate(24, 60))
	all.Folders = append(all.Folders, imaptest.Folder{Path: "INBOX/below", Messages: imaptest.Generate(25, 2)})
	plain.Account("src").Fill(all)
	src := harness.Embedded(plain, "src")
	for name, server := range map[string]*imaptest.Server{"plain": plain, "prefix": below} {
		for _, sub := range harness.SomeOf(t, 1, []string{"Old", "Old Mail"}) {
			t.Run(name+", "+sub, func(t *testing.T) {
				store := harness.Embedded(server, "store-"+sub[len(sub)-1:])
				server.Account(store.User).AddMessage("INBOX", nil, harness.Day(1), harness.Letter("mine", "Hello\n"))
				b := harness.Between(t, src, store).With("SUB", sub)
				b.Sh(harness.PipelineWith(`--subfolder "$SUB"`)).Wants(0)
				for _, e := range store.Dump(t) {
					if !strings.HasPrefix(e.Path, sub+"/") && e.Path != "INBOX" {
						t.Errorf("%q is not below %q", e.Path, sub)
					}
				}
				b.Sh(harness.PipelineWith(`--subfolder "$SUB"`)).Wants(0).Appended(0)
				back := harness.Embedded(plain, "back-"+imaptest.Sum([]byte(name + sub))[:8])
				b = harness.Between(t, store, back).With("SUB", sub)
				b.Sh(harness.PipelineWith(`--strip-subfolder "$SUB"`)).Wants(0)
				harness.InOrder(t, src.Dump(t), back.Dump(t))
				b.Sh(harness.PipelineWith(`--strip-subfolder "$SUB"`)).Wants(0).Appended(0)
				b.Sh(`imap-fetch -o mail $SRC && imap-diff --report --equal --strip-subfolder "$SUB" $DST mail >report`).Wants(0)

				empty := harness.Embedded(plain, "empty")
				b = harness.Between(t, store, empty).With("SUB", sub)
				for _, none := range []string{"None", sub + "x", sub[:2]} {
					b.With("NONE", none).Sh(harness.PipelineWith(`--strip-subfolder "$NONE"`)).Wants(66).Says("no folder")
					b.With("NONE", none).Sh(`imap-diff --strip-subfolder "$NONE" $DST mail | imap-push $DST`).Wants(66)
				}
				untouched(t, empty)
			})
		}
	}
}

// TestAutomap goes by SPECIAL-USE on both sides or on one, else by known
// names; what the destination does not have stays as it is.
func TestAutomap(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for name, c := range map[string]struct {
		source, target []string // "name \Use"
		options        string
		want           []string
	}{
		"both sides":      {[]string{`Sent Items \Sent`, `Sent Items/2019`, `Basura \Trash`}, []string{`Gesendet \Sent`, `Papierkorb \Trash`}, "", []string{"Sent Items > Gesendet", "Sent Items/2019 > Gesendet/2019", "Basura > Papierkorb"}},
		"the source":      {[]string{`Verstuurd \Sent`}, []string{`Sent`}, "", []string{"Verstuurd > Sent"}},
		"the destination": {[]string{`Sent Messages`, `Bozze`}, []string{`Odeslané \Sent`, `Drafts \Drafts`}, "", []string{"Sent Messages > Odeslané", "Bozze > Drafts"}},
		"known names":     {[]string{`垃圾邮件`, `Elementos enviados`}, []string{`Junk`, `Отправленные`}, "", []string{"垃圾邮件 > Junk", "Elementos enviados > Отправленные"}},
		"nothing":         {[]string{`Sent Items \Sent`, `Work`}, nil, "", []string{"Sent Items > Sent Items", "Work > Work"}},
		"a map":           {[]string{`Sent Items \Sent`, `Sent Items/x`}, []string{`Sent \Sent`}, `--map 'Sent Items=Mine'`, []string{"Sent Items > Mine", "Sent Items/x > Mine/x"}},
		"a subfolder":     {[]string{`INBOX`, `Sent Items \Sent`}, []string{`Sent \Sent`}, `--subfolder Old`, []string{"INBOX > Old/INBOX", "Sent Items > Old/Sent"}},
		"no automap":      {[]string{`Sent Items \Sent`}, []string{`Sent \Sent`}, "-", []string{"Sent Items > Sent Items"}},
	} {
		t.Run(name, func(t *testing.T) {
			user := strings.ReplaceAll(name, " ", "-")
			account := server.Account("src-" + user)
			for i, text := range c.source {
				folder, use, _ := strings.Cut(text, ` \`)
				if use != "" {
					account.AddMailbox(folder, `\`+use)
				}
				account.AddMessage(folder, nil, harness.Day(i), harness.Letter(folder, "Hello\n"))
			}
			for _, text := range c.target {
				folder, use, _ := strings.Cut(text, ` \`)
				server.Account("dst-" + user).AddMailbox(folder)
				if use != "" {
					server.Account("dst-"+user).AddMailbox(folder, `\`+use)
				}
			}
			src, dst := harness.Embedded(server, "src-"+user), harness.Embedded(server, "dst-"+user)
			options := "--automap " + c.options
			if c.options == "-" {
				options = ""
			}
			b := harness.Between(t, src, dst)
			b.Sh(harness.PipelineWith(options)).Wants(0)
			went(t, src, dst, c.want...)
			b.Sh(harness.PipelineWith(options)).Wants(0).Appended(0)
		})
	}
}

// TestAutomapOnRealServers: Dovecot tells the special use of its folders.
func TestAutomapOnRealServers(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	src, dst := harness.Real(cyrus, "joe"), harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Gesendete Elemente", Messages: imaptest.Generate(1, 3)}, {Path: "Gesendete Elemente/2019", Messages: imaptest.Generate(2, 3)}, {Path: "Archiv", Messages: imaptest.Generate(3, 3)}}})
	dst.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Sent"}}})
	b := harness.Between(t, src, dst)
	b.Sh(harness.PipelineWith("--automap")).Wants(0).Appended(9)
	counts := map[string]int{}
	for _, e := range dst.Dump(t) {
		counts[e.Folder]++
	}
	if fmt.Sprint(counts) != "map[Archiv:3 Sent:3 Sent/2019:3]" {
		t.Error(counts)
	}
	b.Sh(harness.PipelineWith("--automap")).Wants(0).Appended(0)
}
