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

// went demands where the mail of an account has gone: "source > destination"
// for each message, INBOX first, by the destination's names.
func went(t *testing.T, src, dst account, want ...string) {
	t.Helper()
	from := placeOf(src.dump(t))
	var got []string
	for _, e := range dst.dump(t) {
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
func folderNames(t *testing.T, a account) (names []string) {
	t.Helper()
	for _, box := range a.folders(t) {
		if box.Folder != "INBOX" && box.Selectable() {
			names = append(names, box.Folder)
		}
	}
	return names
}

// untouched demands that nothing was made in an account.
func untouched(t *testing.T, a account) {
	t.Helper()
	if names := folderNames(t, a); len(names) > 0 || len(a.dump(t)) > 0 {
		t.Errorf("folders %q, %d messages", names, len(a.dump(t)))
	}
}

// TestOtherDelimiters: the hierarchy is kept, and parents are made first
// where the server wants that.
func TestOtherDelimiters(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{Delimiter: "."})
	src := holding(source, "src", "INBOX", "a", "a.b.c.d", "x.y")
	for _, delimiter := range []string{`\`, "/", "^", "|"} {
		t.Run(delimiter, func(t *testing.T) {
			var target *imaptest.Server
			strict := func(user, name string) error {
				if i := strings.LastIndex(name, delimiter); i > 0 && !slices.Contains(target.Account(user).Mailboxes(), name[:i]) {
					return says(imap.StatusResponseTypeNo, imap.ResponseCodeNonExistent, "No such parent")
				}
				return nil
			}
			target = imaptest.StartServer(t, imaptest.Options{Delimiter: delimiter, OnCreate: strict})
			dst := embedded(target, "dst")
			b := between(t, src, dst)
			b.sh(straight).wants(0).appended(4)
			at := strings.NewReplacer(".", delimiter).Replace
			went(t, src, dst, "INBOX > INBOX", "a > a", "a.b.c.d > "+at("a.b.c.d"), "x.y > "+at("x.y"))
			b.sh(straight).wants(0).appended(0)
			back := embedded(source, "back-"+fmt.Sprint(delimiter[0]))
			between(t, dst, back).sh(straight).wants(0)
			equal(t, src, back)
		})
	}
}

// TestDelimiterInAName: it makes no levels, and two names that become one
// are an error.
func TestDelimiterInAName(t *testing.T) {
	t.Parallel()
	slash, dot := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: "."})
	src, dst := holding(slash, "src", "spam.spam", "Ops.foo.bar/x.y"), embedded(dot, "dst")
	b := between(t, src, dst)
	b.sh(straight).wants(0).says(`"spam.spam" becomes "spam_spam"`, `"Ops.foo.bar/x.y" becomes "Ops_foo_bar.x_y"`)
	went(t, src, dst, "spam.spam > spam_spam", "Ops.foo.bar/x.y > Ops_foo_bar.x_y")
	b.sh(straight).wants(0).appended(0)
	other := embedded(dot, "other")
	between(t, src, other).sh(by(`--delimiter-replacement -`)).wants(0)
	went(t, src, other, "spam.spam > spam-spam", "Ops.foo.bar/x.y > Ops-foo-bar.x-y")

	joined := embedded(dot, "joined")
	between(t, src, joined).sh(by(`--delimiter-replacement ''`)).wants(0)
	went(t, src, joined, "spam.spam > spamspam", "Ops.foo.bar/x.y > Opsfoobar.xy")

	src, dst = holding(dot, "src", "a/b", "c.d/e"), embedded(slash, "dst") // the other way round
	between(t, src, dst).sh(straight).wants(0).says(`"a/b" becomes "a_b"`)
	went(t, src, dst, "a/b > a_b", "c.d/e > c/d_e")

	between(t, src, embedded(dot, "bad")).sh(by(`--delimiter-replacement .`)).wants(64)
	src = holding(slash, "two", "a.b", "a_b")
	b = between(t, src, embedded(dot, "bad"))
	for _, script := range []string{straight, offline} {
		b.sh(script).wants(64).says(`"a.b" and "a_b"`, "--map")
	}
	untouched(t, embedded(dot, "bad"))
	b.sh(by(`--map a_b=c`)).wants(0)
	went(t, src, embedded(dot, "bad"), "a.b > a_b", "a_b > c")
}

// TestPrefixBothWays: "INBOX." comes and goes by itself, and where the
// server does not tell its namespace it is guessed.
func TestPrefixBothWays(t *testing.T) {
	t.Parallel()
	below := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	plain := imaptest.StartServer(t, imaptest.Options{})
	mute := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX.", Caps: []string{"UIDPLUS"}})
	src, middle, back := holding(below, "src", "INBOX", "INBOX.Sent", "INBOX.a.b"), embedded(plain, "middle"), embedded(below, "back")
	between(t, src, middle).sh(straight).wants(0)
	went(t, src, middle, "INBOX > INBOX", "INBOX.Sent > Sent", "INBOX.a.b > a/b")
	between(t, middle, back).sh(straight).wants(0)
	equal(t, src, back)

	src, middle = holding(mute, "src", "INBOX", "INBOX.Sent"), embedded(plain, "guessed")
	between(t, src, middle).sh(straight).wants(0).says("INBOX.", "--prefix")
	went(t, src, middle, "INBOX > INBOX", "INBOX.Sent > Sent")
	told := embedded(plain, "told")
	between(t, src, told).sh(`imap-fetch --headers --prefix '' $SRC | imap-diff $DST | imap-fetch --select - $SRC | imap-push $DST`).wants(0)
	went(t, src, told, "INBOX > INBOX", "INBOX.Sent > INBOX/Sent")
	empty := embedded(mute, "empty") // there is nothing to guess from
	between(t, middle, empty).sh(`imap-fetch --headers $SRC | imap-diff --prefix INBOX. $DST | imap-fetch --select - $SRC | imap-push $DST`).wants(0)
	went(t, middle, empty, "INBOX > INBOX", "Sent > INBOX.Sent")
}

// TestInboxInAnyCase: there is one INBOX.
func TestInboxInAnyCase(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	src, dst := holding(server, "src", "INBOX", "a"), embedded(server, "dst")
	b := between(t, src, dst)
	b.sh(by(`--map INBOX=Inbox --map a=inbox`)).wants(0).appended(2)
	went(t, src, dst, "INBOX > INBOX", "a > INBOX")
	if names := folderNames(t, dst); len(names) > 0 {
		t.Errorf("folders %q", names)
	}
	b.sh(by(`--map inbox=INBOX --map a=INBOX`)).wants(0).appended(0)
}

// TestMapToARefusedName costs that folder; an entry that names nothing is
// a warning with what may have been meant.
func TestMapToARefusedName(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{OnCreate: func(_, name string) error {
		if strings.Contains(name, "?") {
			return says(imap.StatusResponseTypeNo, imap.ResponseCodeCannot, "I do not like it")
		}
		return nil
	}})
	src := holding(server, "src", "INBOX", "Sent Items", "Sent Items/2019", "Work")
	for _, script := range []string{by(`--map 'Sent Items=what?' --map 'Wrok=x'`), `imap-fetch -o mail --restart $SRC && imap-diff --map 'Sent Items=what?' --map 'Wrok=x' $DST mail | imap-push $DST`} {
		dst := embedded(server, "dst-"+fmt.Sprint(len(script)))
		o := between(t, src, dst).sh(script).wants(3).says(`--map: the source has no folder "Wrok"`, `"Work"?`).appended(2)
		went(t, src, dst, "INBOX > INBOX", "Work > Work")
		classes := map[string]string{}
		for _, r := range o.receipts() {
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
	src := holding(source, "src", "INBOX", "Sent Items", "Sent Items/2019/May", "Entwürfe", "a=b", "Junk", "Junk/x", "Work")
	want := []string{"INBOX > INBOX", "Sent Items > INBOX.Sent", "Sent Items/2019/May > INBOX.Sent.2019.May", "Entwürfe > INBOX.Drafts", "a=b > INBOX.c", "Work > INBOX.Work"}
	line, file := embedded(target, "line"), embedded(target, "file")
	b := between(t, src, line)
	b.sh(by(`--map 'Sent Items=Sent' --map 'Entw&APw-rfe=INBOX.Drafts' --map '"a=b"=c' --map Junk=-`)).wants(0).appended(6)
	went(t, src, line, want...)
	b = between(t, src, file)
	b.write("map", []byte("# where mail goes\n\nSent Items = Sent\n\"Entw\\u00fcrfe\" = \"Drafts\" # ours\n\"a=b\" = \"c\"\nJunk = -\n\"Work\" = \"nowhere\"\n"))
	o := b.sh(`imap-fetch -o mail $SRC && imap-diff --map-file map --map Work=Work -o plan $DST mail && imap-push $DST plan && zstdcat plan | head -1 >begin`)
	if o.exit == 127 {
		t.Skip("SKIPPED: no zstdcat")
	}
	o.wants(0)
	went(t, src, file, want...)
	var begin struct{ Filters []string }
	if err := json.Unmarshal(b.read("begin"), &begin); err != nil || !slices.Equal(begin.Filters, []string{"map=Junk=-"}) {
		t.Errorf("%v: %s", err, b.read("begin"))
	}
	b.sh(`imap-diff --report --equal --map-file map --map Work=Work $DST mail >report`).wants(0)
	if strings.Contains(string(b.read("report")), "Junk:") {
		t.Errorf("the report tells of what is left out:\n%s", b.read("report"))
	}
	for _, bad := range []string{`--map a`, `--map =b`, `--map a=`, `--map a=b --map a=c`, `--map-file none`, `--map-file bad`, `--map-file ''`} {
		b.write("bad", []byte("a\n"))
		code := 64
		if bad == `--map-file none` {
			code = 66
		}
		b.sh(`imap-diff ` + bad + ` $DST mail >plan`).wants(code)
	}
}

// TestRenameChain: each rule sees what the one before made; letters can
// change their case level by level.
func TestRenameChain(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	target := imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	src := holding(source, "src", "INBOX", "mail/Old Stuff/été", "[Gmail]/Sent Mail", "FOO bar/bAZ")
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
			dst := embedded(target, "dst-"+imaptest.Sum([]byte(c.options))[:8])
			b := between(t, src, dst)
			b.sh(by(c.options)).wants(0)
			went(t, src, dst, c.want...)
			b.sh(by(c.options)).wants(0).appended(0)
		})
	}
	bad := embedded(target, "bad")
	for _, rule := range []string{"s/a/b", "s/(/b/", "s/a/$1/", "s/a/b/x", "a=b", ""} {
		between(t, src, bad).sh(`imap-fetch --headers $SRC | imap-diff --rename '` + rule + `' $DST >plan`).wants(64)
	}
	between(t, src, bad).sh(by(`--rename 's/(.).*/$1/'`)).wants(0) // they stay apart
	between(t, src, embedded(target, "one")).sh(by(`--rename 's/[a-zA-Z].*//'`)).wants(64).says("would both become")
	untouched(t, embedded(target, "one"))
}

// TestSubfolderThereAndBack puts an account below a folder, and that
// folder's tree back to the top of another account.
func TestSubfolderThereAndBack(t *testing.T) {
	t.Parallel()
	plain, below := imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{Delimiter: ".", Prefix: "INBOX."})
	all := imaptest.Spread(imaptest.Generate(24, 60))
	all.Folders = append(all.Folders, imaptest.Folder{Path: "INBOX/below", Messages: imaptest.Generate(25, 2)})
	plain.Account("src").Fill(all)
	src := embedded(plain, "src")
	for name, server := range map[string]*imaptest.Server{"plain": plain, "prefix": below} {
		for _, sub := range someOf(t, 1, []string{"Old", "Old Mail"}) {
			t.Run(name+", "+sub, func(t *testing.T) {
				store := embedded(server, "store-"+sub[len(sub)-1:])
				server.Account(store.user).AddMessage("INBOX", nil, day(1), letter("mine", "Hello\n"))
				b := between(t, src, store).with("SUB", sub)
				b.sh(by(`--subfolder "$SUB"`)).wants(0)
				for _, e := range store.dump(t) {
					if !strings.HasPrefix(e.Path, sub+"/") && e.Path != "INBOX" {
						t.Errorf("%q is not below %q", e.Path, sub)
					}
				}
				b.sh(by(`--subfolder "$SUB"`)).wants(0).appended(0)
				back := embedded(plain, "back-"+imaptest.Sum([]byte(name + sub))[:8])
				b = between(t, store, back).with("SUB", sub)
				b.sh(by(`--strip-subfolder "$SUB"`)).wants(0)
				inOrder(t, src.dump(t), back.dump(t))
				b.sh(by(`--strip-subfolder "$SUB"`)).wants(0).appended(0)
				b.sh(`imap-fetch -o mail $SRC && imap-diff --report --equal --strip-subfolder "$SUB" $DST mail >report`).wants(0)

				empty := embedded(plain, "empty")
				b = between(t, store, empty).with("SUB", sub)
				for _, none := range []string{"None", sub + "x", sub[:2]} {
					b.with("NONE", none).sh(by(`--strip-subfolder "$NONE"`)).wants(66).says("no folder")
					b.with("NONE", none).sh(`imap-diff --strip-subfolder "$NONE" $DST mail | imap-push $DST`).wants(66)
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
				account.AddMessage(folder, nil, day(i), letter(folder, "Hello\n"))
			}
			for _, text := range c.target {
				folder, use, _ := strings.Cut(text, ` \`)
				server.Account("dst-" + user).AddMailbox(folder)
				if use != "" {
					server.Account("dst-"+user).AddMailbox(folder, `\`+use)
				}
			}
			src, dst := embedded(server, "src-"+user), embedded(server, "dst-"+user)
			options := "--automap " + c.options
			if c.options == "-" {
				options = ""
			}
			b := between(t, src, dst)
			b.sh(by(options)).wants(0)
			went(t, src, dst, c.want...)
			b.sh(by(options)).wants(0).appended(0)
		})
	}
}

// TestAutomapOnRealServers: Dovecot tells the special use of its folders.
func TestAutomapOnRealServers(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	src, dst := real(cyrus, "joe"), real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Gesendete Elemente", Messages: imaptest.Generate(1, 3)}, {Path: "Gesendete Elemente/2019", Messages: imaptest.Generate(2, 3)}, {Path: "Archiv", Messages: imaptest.Generate(3, 3)}}})
	dst.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "Sent"}}})
	b := between(t, src, dst)
	b.sh(by("--automap")).wants(0).appended(9)
	counts := map[string]int{}
	for _, e := range dst.dump(t) {
		counts[e.Folder]++
	}
	if fmt.Sprint(counts) != "map[Archiv:3 Sent:3 Sent/2019:3]" {
		t.Error(counts)
	}
	b.sh(by("--automap")).wants(0).appended(0)
}
