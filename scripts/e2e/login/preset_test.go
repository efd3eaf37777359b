package login

import (
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var presetHead = regexp.MustCompile(`(?m)^([a-z0-9]+)[a-z0-9, -]*: `)

// presetNames are the names of all presets, as the help's pointer leads to them.
func presetNames(b *harness.Shell) (names []string) {
	b.T.Helper()
	for _, m := range presetHead.FindAllStringSubmatch(b.Sh(`imap-list --list-presets`).Wants(0).Stdout, -1) {
		names = append(names, m[1])
	}
	if len(names) < 10 {
		b.T.Fatalf("%d presets: %s", len(names), names)
	}
	return names
}

// TestPresetsWork: every preset, at all four commands, in a migration, from a
// file, and where only a list is wanted: no option of it is one that a command
// does not have, or has no place beside what is typed.
func TestPresetsWork(t *testing.T) {
	t.Parallel()
	source := imaptest.StartServer(t, imaptest.Options{})
	source.Account("joe").Fill(imaptest.Spec{Folders: []imaptest.Folder{
		{Path: "INBOX", Messages: imaptest.Generate(1, 3)}, {Path: "Sent", Messages: imaptest.Generate(2, 2)}, {Path: "Old/Lists", Messages: imaptest.Generate(3, 1)},
	}})
	for _, name := range harness.SomeOf(t, 6, presetNames(harness.NewShell(t))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination := imaptest.StartServer(t, imaptest.Options{})
			b := harness.Between(t, harness.Embedded(source, "joe"), harness.Embedded(destination, "joe"))
			b.Env["SRC"] += " --preset " + name
			b.Env["DST"] += " --preset " + name
			for _, script := range []string{`imap-list --check $SRC`, `imap-fetch --folder INBOX $SRC -o mail.zst`, `imap-diff --report $DST mail.zst`} {
				b.Sh(script).Wants(0).Says(": preset " + name + ": ")
			}
			b.Sh(harness.Straight).Wants(0).Appended(6).Says("imap-fetch: preset "+name, "imap-diff: preset "+name, "imap-push: preset "+name)
			b.Sh(`imap-list --quiet $SRC | imap-fetch --quiet --select - $SRC -o picked.zst`).Wants(0).Quiet()
		})
	}
}

// TestPresetValues: what a preset does to folders and rates; what is typed is
// stronger, and so is the account file.
func TestPresetValues(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, path := range []string{"Files", "Files/Sub", "Filesystem", "Sent Items", "a^b", " front", "in  between", "Quick Step Settings"} {
		server.Account("joe").AddMessage(path, nil, harness.Day(1), harness.Letter("in "+path, ""))
	}
	destination := imaptest.StartServer(t, imaptest.Options{})
	destination.Account("joe").AddMessage("Sent", nil, harness.Day(1), harness.Letter("there", ""))
	b := harness.Between(t, harness.Embedded(server, "joe"), harness.Embedded(destination, "joe"))
	folders := func(script string) string {
		return strings.TrimSpace(b.Sh(script + ` | jq -r .name | paste -sd,`).Wants(0).Stdout)
	}
	if got := folders(`imap-list --preset office365 $SRC`); got != "INBOX, front,Filesystem,Quick Step Settings,Sent Items,a^b,in  between" {
		t.Errorf("office365 lists %s", got)
	}
	if got := folders(`imap-list --preset office365 --exclude INBOX $SRC`); !strings.Contains(got, "Files,Files/Sub") || strings.Contains(got, "INBOX") {
		t.Errorf("--exclude typed: %s", got)
	}
	if got := folders(`imap-list --preset office365 --folder-rec Files $SRC`); got != "Files,Files/Sub" {
		t.Errorf("--folder-rec typed: %s", got)
	}
	b.Sh(`imap-fetch --preset zimbra $SRC -o zimbra.zst`).Wants(0)
	if got := b.Sh(`zstdcat zimbra.zst | jq -rc 'select(.type == "begin").filters'`).Stdout; !strings.Contains(got, "exclude=^(Conversation Action Settings|") {
		t.Errorf("the stream's filters are %s", got)
	}

	b.Sh(`imap-fetch $SRC -o all.zst`).Wants(0)
	target := func(script string) string { return b.Sh(script).Wants(0).Stdout }
	if got := target(`imap-diff --preset gmail --folders-only --report $DST all.zst`); !strings.Contains(got, "a^b -> a_b") || !strings.Contains(got, "\n front -> front") || !strings.Contains(got, "in  between -> in between") || !strings.Contains(got, "Sent Items -> Sent by automap") {
		t.Errorf("gmail maps\n%s", got)
	}
	if got := target(`imap-diff --preset office365 --automap=false --folders-only --report $DST all.zst`); !strings.Contains(got, "Files -> Files_ ") || !strings.Contains(got, "Files/Sub -> Files_/Sub") || !strings.Contains(got, "Filesystem -> Filesystem (new)") || !strings.Contains(got, "Sent Items -> Sent Items") {
		t.Errorf("office365 maps\n%s", got)
	}
	if got := target(`imap-diff --preset gmail --rename 's/a/A/' --folders-only --report $DST all.zst`); !strings.Contains(got, "a^b -> A^b") {
		t.Errorf("a --rename that is typed: \n%s", got)
	}

	server.Account("ann").AddMessage("INBOX", []string{`\Deleted`, `\Seen`}, harness.Day(1), harness.Letter("deleted", ""))
	ann := harness.Between(t, harness.Embedded(server, "ann"), harness.Embedded(destination, "ann"))
	ann.Sh(`imap-fetch $SRC | imap-diff --preset gmail $DST | imap-push --preset gmail $DST`).Wants(0).Appended(1)
	if got := harness.Embedded(destination, "ann").Dump(t)[0].Flags; len(got) != 1 || got[0] != `\Seen` {
		t.Errorf("it arrived with %q", got)
	}
	ann.Sh(`imap-push --preset gmail --flags-keep '\Deleted' $DST < /dev/null`).Wants(65).Says("preset gmail: --rate '20kB/s after 1GB'\n")

	b.Write("own", []byte("host "+server.Addr()+"\nuser joe\ntls none\npassword-command echo secret\npreset softalk\ndelimiter /\n"))
	b.Sh(`imap-list --account ./own`).Wants(0).Says("imap-list: preset softalk: --prefix ''\n")
	b.Sh(`imap-fetch --account ./own --preset gmail --headers`).Wants(0).Says("preset gmail: no options for this command, or all of them given otherwise")
	b.Sh(`imap-fetch --account ./own --preset gmail --rate 1GB/s -o mail.zst`).Wants(0).Says("preset gmail: no options")
	b.With("IMAP_HOST", server.Addr()).Sh(`imap-fetch --user joe --tls none --preset gmail -o env.zst`).Wants(0).Says("preset gmail: --rate '40kB/s after 3GB'\n", "[Gmail]/All Mail")
}

// TestPresetUsage: a name that is none is 64, with the nearest and all others;
// a preset belongs to a connection.
func TestPresetUsage(t *testing.T) {
	t.Parallel()
	b := harness.NewShell(t).With("AT", "--host 127.0.0.1:1 --user joe")
	b.Write("mail.zst", nil)
	for _, command := range []string{"imap-list", "imap-fetch", "imap-diff", "imap-push"} {
		b.Sh(command+` --preset gmial $AT < /dev/null`).Wants(64).Says(`--preset: "gmial" is none that is known`, "did you mean gmail?", "office365")
		b.Sh(command + ` --preset '' $AT < /dev/null`).Wants(64).Says("zimbra")
		if help := b.Sh(command + ` --help`).Wants(0).Stdout; !strings.Contains(help, "--preset NAME") {
			t.Errorf("%s --help has no --preset", command)
		}
	}
	b.Sh(`imap-list --source mail.zst --preset gmail`).Wants(64).Says("--preset cannot be combined with --source")
	b.Sh(`imap-fetch --source mail.zst --preset gmail`).Wants(64).Says("--preset cannot be combined with --source")
	b.Sh(`imap-diff --preset gmail mail.zst mail.zst`).Wants(64).Says("--preset cannot be combined with AGAINST")
	if got := b.Sh(`imap-list --list-presets`).Wants(0).Stdout; !strings.Contains(got, "imap-push  --host imap.gmail.com --rate '20kB/s after 1GB' --flags-drop '\\Deleted'\n") {
		t.Errorf("--list-presets prints\n%s", got)
	}
}
