package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

var presetHead = regexp.MustCompile(`(?m)^([a-z0-9]+)[a-z0-9, -]*: `)

// presetNames are the names of all presets, as the help's pointer leads to them.
func presetNames(b *bench) (names []string) {
	b.t.Helper()
	for _, m := range presetHead.FindAllStringSubmatch(b.sh(`imap-list --list-presets`).wants(0).stdout, -1) {
		names = append(names, m[1])
	}
	if len(names) < 10 {
		b.t.Fatalf("%d presets: %s", len(names), names)
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
	for _, name := range someOf(t, 6, presetNames(newBench(t))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination := imaptest.StartServer(t, imaptest.Options{})
			b := between(t, embedded(source, "joe"), embedded(destination, "joe"))
			b.env["SRC"] += " --preset " + name
			b.env["DST"] += " --preset " + name
			for _, script := range []string{`imap-list --check $SRC`, `imap-fetch --folder INBOX $SRC -o mail.zst`, `imap-diff --report $DST mail.zst`} {
				b.sh(script).wants(0).says(": preset " + name + ": ")
			}
			b.sh(straight).wants(0).appended(6).says("imap-fetch: preset "+name, "imap-diff: preset "+name, "imap-push: preset "+name)
			b.sh(`imap-list --quiet $SRC | imap-fetch --quiet --select - $SRC -o picked.zst`).wants(0).quiet()
		})
	}
}

// TestPresetValues: what a preset does to folders and rates; what is typed is
// stronger, and so is the account file.
func TestPresetValues(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	for _, path := range []string{"Files", "Files/Sub", "Filesystem", "Sent Items", "a^b", " front", "in  between", "Quick Step Settings"} {
		server.Account("joe").AddMessage(path, nil, day(1), letter("in "+path, ""))
	}
	destination := imaptest.StartServer(t, imaptest.Options{})
	destination.Account("joe").AddMessage("Sent", nil, day(1), letter("there", ""))
	b := between(t, embedded(server, "joe"), embedded(destination, "joe"))
	folders := func(script string) string {
		return strings.TrimSpace(b.sh(script + ` | jq -r .name | paste -sd,`).wants(0).stdout)
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
	b.sh(`imap-fetch --preset zimbra $SRC -o zimbra.zst`).wants(0)
	if got := b.sh(`zstdcat zimbra.zst | jq -rc 'select(.type == "begin").filters'`).stdout; !strings.Contains(got, "exclude=^(Conversation Action Settings|") {
		t.Errorf("the stream's filters are %s", got)
	}

	b.sh(`imap-fetch $SRC -o all.zst`).wants(0)
	target := func(script string) string { return b.sh(script).wants(0).stdout }
	if got := target(`imap-diff --preset gmail --folders-only --report $DST all.zst`); !strings.Contains(got, "a^b -> a_b") || !strings.Contains(got, "\n front -> front") || !strings.Contains(got, "in  between -> in between") || !strings.Contains(got, "Sent Items -> Sent by automap") {
		t.Errorf("gmail maps\n%s", got)
	}
	if got := target(`imap-diff --preset office365 --automap=false --folders-only --report $DST all.zst`); !strings.Contains(got, "Files -> Files_ ") || !strings.Contains(got, "Files/Sub -> Files_/Sub") || !strings.Contains(got, "Filesystem -> Filesystem (new)") || !strings.Contains(got, "Sent Items -> Sent Items") {
		t.Errorf("office365 maps\n%s", got)
	}
	if got := target(`imap-diff --preset gmail --rename 's/a/A/' --folders-only --report $DST all.zst`); !strings.Contains(got, "a^b -> A^b") {
		t.Errorf("a --rename that is typed: \n%s", got)
	}

	server.Account("ann").AddMessage("INBOX", []string{`\Deleted`, `\Seen`}, day(1), letter("deleted", ""))
	ann := between(t, embedded(server, "ann"), embedded(destination, "ann"))
	ann.sh(`imap-fetch $SRC | imap-diff --preset gmail $DST | imap-push --preset gmail $DST`).wants(0).appended(1)
	if got := embedded(destination, "ann").dump(t)[0].Flags; len(got) != 1 || got[0] != `\Seen` {
		t.Errorf("it arrived with %q", got)
	}
	ann.sh(`imap-push --preset gmail --flags-keep '\Deleted' $DST < /dev/null`).wants(65).says("preset gmail: --rate '20kB/s after 1GB'\n")

	b.write("own", []byte("host "+server.Addr()+"\nuser joe\ntls none\npassword-command echo secret\npreset softalk\ndelimiter /\n"))
	b.sh(`imap-list --account ./own`).wants(0).says("imap-list: preset softalk: --prefix ''\n")
	b.sh(`imap-fetch --account ./own --preset gmail --headers`).wants(0).says("preset gmail: no options for this command, or all of them given otherwise")
	b.sh(`imap-fetch --account ./own --preset gmail --rate 1GB/s -o mail.zst`).wants(0).says("preset gmail: no options")
	b.with("IMAP_HOST", server.Addr()).sh(`imap-fetch --user joe --tls none --preset gmail -o env.zst`).wants(0).says("preset gmail: --rate '40kB/s after 3GB'\n", "[Gmail]/All Mail")
}

// TestPresetUsage: a name that is none is 64, with the nearest and all others;
// a preset belongs to a connection.
func TestPresetUsage(t *testing.T) {
	t.Parallel()
	b := newBench(t).with("AT", "--host 127.0.0.1:1 --user joe")
	b.write("mail.zst", nil)
	for _, command := range []string{"imap-list", "imap-fetch", "imap-diff", "imap-push"} {
		b.sh(command+` --preset gmial $AT < /dev/null`).wants(64).says(`--preset: "gmial" is none that is known`, "did you mean gmail?", "office365")
		b.sh(command + ` --preset '' $AT < /dev/null`).wants(64).says("zimbra")
		if help := b.sh(command + ` --help`).wants(0).stdout; !strings.Contains(help, "--preset NAME") {
			t.Errorf("%s --help has no --preset", command)
		}
	}
	b.sh(`imap-list --source mail.zst --preset gmail`).wants(64).says("--preset cannot be combined with --source")
	b.sh(`imap-fetch --source mail.zst --preset gmail`).wants(64).says("--preset cannot be combined with --source")
	b.sh(`imap-diff --preset gmail mail.zst mail.zst`).wants(64).says("--preset cannot be combined with AGAINST")
	if got := b.sh(`imap-list --list-presets`).wants(0).stdout; !strings.Contains(got, "imap-push  --host imap.gmail.com --rate '20kB/s after 1GB' --flags-drop '\\Deleted'\n") {
		t.Errorf("--list-presets prints\n%s", got)
	}
}
