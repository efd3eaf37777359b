package connect

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// TestPreset: an option has its value from the command line, else from the
// account file, else from the preset; where it is from the preset, that is
// said.
func TestPreset(t *testing.T) {
	dir := accounts(t, map[string]string{
		"known": "host own.example\nuser joe\npassword-command x\npreset gmail\n",
		"short": "user joe\npassword-command x\npreset GoogleMail\n",
		"other": "host own.example\nuser joe\npassword-command x\npreset softalk\ndelimiter /\n",
		"wrong": "host own.example\nuser joe\n\npreset gmial\n",
		"bare":  "user joe\npassword-command x\n",
	})
	const nothing = "no options for this command"
	for _, test := range []struct {
		args    []string
		env     string // IMAP_HOST
		command string // imap-fetch if empty
		code    exit.Code
		err     string
		host    string
		rate    string
		line    string // delimiter
		said    string // on stderr, after "preset NAME: "
	}{
		{args: []string{"--preset=gmail", "--user=joe"}, host: "imap.gmail.com", rate: "40kB/s after 3GB", said: "gmail: --host imap.gmail.com --rate '40kB/s after 3GB'"},
		{args: []string{"--preset=gmail", "--user=joe"}, command: "imap-push", host: "imap.gmail.com", rate: "20kB/s after 1GB", said: "gmail: --host imap.gmail.com --rate '20kB/s after 1GB' --flags-drop '\\Deleted'\n"},
		{args: []string{"--preset=gmail", "--user=joe"}, command: "imap-list", host: "imap.gmail.com", said: "gmail: --host imap.gmail.com"},
		{args: []string{"--preset=GMail", "--user=joe", "--host=own.example"}, host: "own.example", rate: "40kB/s after 3GB", said: "gmail: --rate '40kB/s after 3GB'"},
		{args: []string{"--preset=gmail", "--user=joe", "--rate=4/s", "--rate=1MB/s"}, env: "env.example", host: "env.example", rate: "4/s|1MB/s", said: "gmail: " + nothing},
		{args: []string{"--preset=gmail", "--user=joe", "--headers"}, host: "imap.gmail.com", said: "gmail: --host imap.gmail.com\n"},
		{args: []string{"--preset=softalk", "--user=joe", "--host=h"}, host: "h", line: ".", said: "softalk: --prefix '' --delimiter . --client-search\n"},
		{args: []string{"--preset=softalk", "--user=joe", "--host=h", "--delimiter="}, host: "h", line: "none", said: "softalk: --prefix '' --client-search\n"},

		{args: []string{"--account=known"}, env: "env.example", host: "own.example", rate: "40kB/s after 3GB", said: "gmail: --rate '40kB/s after 3GB'"},
		{args: []string{"--account=known", "--rate=4/s"}, host: "own.example", rate: "4/s", said: "gmail: " + nothing},
		{args: []string{"--account=known", "--preset=office365"}, host: "own.example", rate: "4/s", said: "office365: --exclude '^(Files|Shared Folders)(/|$)' --rate 4/s\n"},
		{args: []string{"--account=short"}, env: "env.example", host: "imap.gmail.com", rate: "40kB/s after 3GB", said: "gmail: --host imap.gmail.com"},
		{args: []string{"--account=bare", "--preset=gmail"}, env: "env.example", host: "imap.gmail.com", rate: "40kB/s after 3GB", said: "gmail: --host"},
		{args: []string{"--account=other"}, host: "own.example", line: "/", said: "softalk: --prefix '' --client-search\n"},
		{args: []string{"--account=other", "--delimiter=\\"}, host: "own.example", line: `\`, said: "softalk: --prefix '' --client-search\n"},

		{args: []string{"--preset=gmial", "--user=joe"}, code: exit.Usage, err: `--preset: "gmial" is none that is known`},
		{args: []string{"--preset=", "--user=joe"}, code: exit.Usage, err: `--preset: "" is none`},
		{args: []string{"--account=wrong"}, code: exit.Usage, err: filepath.Join(dir, "wrong") + `:4: --preset: "gmial" is none`},
		{args: []string{"--account=bare"}, code: exit.Usage, err: "no line for the host"},
		{args: []string{"--account=missing", "--preset=gmail"}, code: exit.NoInput, err: "cannot read the account file"},
		{args: []string{"--preset=zimbra", "--user=joe", "--host=h"}, command: "imap-diff", code: exit.Bug, err: "the preset zimbra has --automap"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Setenv("IMAP_HOST", test.env)
			if test.command == "" {
				test.command = "imap-fetch"
			}
			flags := slices.Concat(Flags(), cli.LimitFlags(), cli.FolderFlags())
			for _, name := range []string{"headers", "client-search"} {
				flags = append(flags, &ucli.BoolFlag{Name: name})
			}
			flags = append(flags, &ucli.StringSliceFlag{Name: "flags-drop"})
			host, rate, line := "", "", ""
			action := func(c *ucli.Context) error {
				opt, err := Options(c)
				host, rate = opt.Host, strings.Join(c.StringSlice("rate"), "|")
				if opt.Delimiter != nil {
					if line = *opt.Delimiter; line == "" {
						line = "none"
					}
				}
				return err
			}
			said, err := execute(t, cli.Command{Name: test.command, Flags: flags, Action: action,
				GivesWay: map[string][]string{"headers": {"rate", "advice"}}}, test.args...)
			if exit.CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("%v (%d), want %d %s", err, exit.CodeOf(err), test.code, test.err)
			}
			if test.code != 0 {
				return
			}
			if host != test.host || rate != test.rate || line != test.line {
				t.Errorf("host %q rate %q delimiter %q, want %q %q %q", host, rate, line, test.host, test.rate, test.line)
			}
			if !strings.Contains(said, test.command+": preset "+test.said) {
				t.Errorf("said %q, want %q", said, test.said)
			}
		})
	}
}
