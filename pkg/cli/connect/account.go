package connect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
	"github.com/imap-pipe/imap-pipe/pkg/preset"
)

// accountCap is the largest account file, in octets.
const accountCap = 64 << 10

// accountFile holds connection options, one a line: the option's name without
// its dashes, then its value up to the end of the line. Empty lines and those
// that begin with # are skipped. There is no quoting.
type accountFile struct {
	path  string
	info  fs.FileInfo
	lines []accountLine
}

type accountLine struct {
	number int
	name   string // the option's first name, without dashes
	value  string
}

// What an account file may not hold: a file that turns verification off does
// so for ever, and nobody is reminded.
var notInFiles = []string{"account", "tls-insecure"}

// fileOptions take the name of a file. A relative one begins at the account
// file's folder, so that it means the same wherever a command is run.
var fileOptions = []string{"ca-file", "tls-cert", "tls-key", "password-file", "trace"}

// rivals are options of which one takes the place of another: one on the
// command line is stronger than its rivals in the file.
var rivals = [][]string{
	{"ca-file", "tls-pin", "tls-insecure"},
	{"password-file", "password-command", "password-fd", "token-command"},
}

// useAccount sets the options of --account, which UseSources has read, that are
// not on the command line, as if they were. It returns nil if there is no
// --account.
func useAccount(c *ucli.Context) (*accountFile, error) {
	from := sourcesOf(c)
	file := from.file
	if file == nil || from.fileErr != nil {
		return nil, from.fileErr
	}
	file.warnWritable(cli.MessagesOf(c))
	onCommandLine := func(name string) bool { return cli.IsSet(c, name) }
	strong := map[string]bool{}
	for _, f := range Flags() {
		name := f.Names()[0]
		strong[name] = onCommandLine(name)
		for _, group := range rivals {
			if slices.Contains(group, name) && slices.ContainsFunc(group, onCommandLine) {
				strong[name] = true
			}
		}
	}
	for _, name := range []string{"host", "user"} { // not from the environment
		if !cli.IsSet(c, name) {
			c.Set(name, "")
		}
	}
	for _, line := range file.lines {
		if strong[line.name] {
			continue
		}
		if strings.HasSuffix(line.name, "-command") && othersMayWrite(file.info) {
			return nil, file.errorf(line.number, "the command is not run: others may write to the file").
				WithHint("chown it, chmod go-w %s, and look at what is in it", file.path)
		}
		if err := c.Set(line.name, line.value); err != nil {
			return nil, file.errorf(line.number, "%s cannot take the value %q", line.name, line.value)
		}
		cli.MarkSet(c, line.name)
	}
	for _, name := range []string{"host", "user"} {
		if c.String(name) == "" {
			return nil, exit.Errorf(exit.Usage, "the account file %s has no line for the %s", file.path, name).
				WithHint("as in: host mail.example, user joe")
		}
	}
	return file, nil
}

// readAccount reads the file of that name, or at that path if there is a
// slash in it.
func readAccount(name string) (*accountFile, error) {
	path, err := accountPath(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, noAccount(name, path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, accountCap+1))
	if err != nil {
		return nil, noAccount(name, path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, noAccount(name, path, err)
	}
	file := &accountFile{path: path, info: info}
	switch {
	case len(text) > accountCap:
		return nil, exit.Errorf(exit.Usage, "the account file %s is larger than %d octets", path, accountCap)
	case !utf8.Valid(text):
		return nil, exit.Errorf(exit.Usage, "the account file %s is no UTF-8", path)
	}
	return file, file.parse(string(text))
}

// Server returns the host that --host names or, where that is empty, the account file of --account: in lower
// case, without a port. A path in account has a slash in it.
// Errors: exit.Usage, exit.NoInput for an account file that cannot be read.
func Server(host, account string) (string, error) {
	id, err := Identify(host, "", account)
	if err == nil && id.Host == "" {
		_, err = parseHost("")
	}
	return id.Host, err
}

// Identity says which account connection options name.
type Identity struct {
	Host string // in lower case, "" if nothing names one
	Port int    // 0: the default one
	User string // "" if nothing names one
	File string // a hash of the options in the account file, "" without a file
}

// Identify returns the account that --host and --user name. Where one is empty, the account file of --account
// says it, or the preset in that file. The environment does not count.
// Errors: exit.Usage, exit.NoInput for an account file that cannot be read.
func Identify(host, user, account string) (Identity, error) {
	var file *accountFile
	if account != "" {
		var err error
		if file, err = readAccount(account); err != nil {
			return Identity{}, err
		}
	}
	id := Identity{User: user, File: file.hash()}
	if line := file.line("user"); line != nil && user == "" {
		id.User = line.value
	}
	if host == "" {
		var err error
		if host, err = file.host(); host == "" {
			return id, err
		}
	}
	at, err := parseHost(host)
	id.Host, id.Port = at.host, at.port
	return id, err
}

// host returns the host that the file or its preset names, "" if neither does.
func (a *accountFile) host() (string, error) {
	if line := a.line("host"); line != nil {
		return line.value, nil
	}
	line := a.line("preset")
	if line == nil {
		return "", nil
	}
	p, err := preset.Find(line.value)
	if err != nil {
		return "", a.locate(err)
	}
	for _, v := range p.Values("imap-fetch") {
		if v.Option == "host" {
			return v.Value, nil
		}
	}
	return "", nil
}

// hash returns a hash of the file's options. Comments do not count.
func (a *accountFile) hash() string {
	if a == nil {
		return ""
	}
	h := sha256.New()
	for _, line := range a.lines {
		fmt.Fprintf(h, "%s %s\n", line.name, line.value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func accountPath(name string) (string, error) {
	if name == "" {
		return "", exit.Errorf(exit.Usage, "--account is empty").
			WithHint("it takes the name of a file in ~/.config/imap-pipe, or a path with a slash in it")
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // then it does not count, says its specification
		home, err := os.UserHomeDir()
		if err != nil {
			return "", exit.Errorf(exit.NoInput, "no place to look for the account %q: %w", name, err)
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "imap-pipe", name), nil
}

func noAccount(name, path string, err error) error {
	failure := exit.Errorf(exit.NoInput, "cannot read the account file %s: %w", path, files.Bare(err))
	if errors.Is(err, fs.ErrNotExist) && name != path {
		return failure.WithHint("it is a file of connection options, one a line: host mail.example; a path has a "+
			"slash in it, as in ./%s", name)
	}
	return failure
}

// warnWritable: who can write to the file decides where mail and password go.
func (a *accountFile) warnWritable(messages *cli.Messages) {
	if othersMayWrite(a.info) {
		messages.Warn("others may write to the account file %s (mode %04o): chmod go-w %s", a.path, a.info.Mode().
			Perm(), a.path)
	}
}

// othersMayWrite reports whether a file can be changed by somebody other than
// the user and root.
func othersMayWrite(info fs.FileInfo) bool {
	uid := files.Owner(info)
	return info.Mode().IsRegular() && (info.Mode().Perm()&0o022 != 0 || uid > 0 && uid != os.Geteuid())
}

func (a *accountFile) parse(text string) error {
	known := cli.FlagsByName(Flags())
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			name, value = line[:i], strings.TrimSpace(line[i:])
		}
		if err := a.add(known, accountLine{number: number, name: name, value: value}); err != nil {
			return err
		}
	}
	return nil
}

// add takes a line in. An unknown name is not repeated: it may be a password.
func (a *accountFile) add(known map[string]ucli.Flag, line accountLine) error {
	flag := known[line.name]
	switch {
	case slices.Contains(notInFiles, line.name):
		return a.errorf(line.number, "%s belongs on the command line", line.name)
	case strings.HasPrefix(line.name, "pass") && flag == nil:
		return a.errorf(line.number, "a password does not belong here").
			WithHint("password-file FILE or password-command COMMAND tells where it is; without, it is asked for")
	case flag == nil:
		err := a.errorf(line.number, "this is no connection option")
		if near := cli.Nearest(Flags(), line.name); near != "" {
			return err.WithHint("did you mean %s?", near)
		}
		return err.WithHint("a line is the name of an option and its value, as in: host mail.example")
	case !cli.TakesValue(flag) && line.value == "":
		line.value = "true"
	case line.value == "" && line.name != "prefix" && line.name != "delimiter":
		return a.errorf(line.number, "%s needs a value", line.name)
	}
	line.name = flag.Names()[0]
	for _, before := range a.lines {
		if before.name == line.name && !cli.Repeatable(flag) {
			return a.errorf(line.number, "%s was given in line %d already", line.name, before.number)
		}
	}
	if slices.Contains(fileOptions, line.name) && line.value != "-" {
		line.value = a.resolve(line.value)
	}
	a.lines = append(a.lines, line)
	return nil
}

// resolve is where a file of that name is: ~ is the home, as a shell has it.
func (a *accountFile) resolve(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(a.path), name)
}

// line returns the first line with that option, nil if there is none.
func (a *accountFile) line(name string) *accountLine {
	if a == nil {
		return nil
	}
	for i := range a.lines {
		if a.lines[i].name == name {
			return &a.lines[i]
		}
	}
	return nil
}

func (a *accountFile) errorf(line int, format string, args ...any) *exit.Error {
	return exit.Errorf(exit.Usage, "%s:%d: %s", a.path, line, fmt.Sprintf(format, args...))
}

var optionInText = lazyregexp.New(`--[a-z0-9-]+`)

// locate puts before err the lines of the options that it is about: messages
// name an option as it is typed.
func (a *accountFile) locate(err error) error {
	if a == nil || err == nil {
		return err
	}
	place := ""
	for _, option := range optionInText.FindAllString(err.Error(), -1) {
		for _, line := range a.lines {
			at := fmt.Sprintf("%s:%d: ", a.path, line.number)
			if cli.Dashed(line.name) == option && !strings.Contains(place, at) {
				place += at
			}
		}
	}
	if place == "" {
		return err
	}
	return exit.Errorf(exit.CodeOf(err), "%s%w", place, err).WithHint("%s", exit.HintOf(err))
}
