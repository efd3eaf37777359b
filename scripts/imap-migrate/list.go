package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// account is a mailbox account that moves from one server to another.
type account struct {
	id       string   // a file name
	old, new []string // connection options of the commands, as in --host=mail.example
	limited  []string // its servers that have a limit, sorted
	failure  error    // why it could not be worked on, or nil
}

// The connection options that a list may hold, in the order in which the commands get them. Others
// belong in account files, or nowhere near a list of users.
var (
	columns = []string{
		"account", "host", "user", "tls", "ca-file", "tls-pin", "tls-server-name", "tls-min", "tls-cert", "tls-key",
		"auth", "auth-user", "proxy", "prefix", "delimiter",
	}
	passwordColumns = []string{"password-file", "password-command", "token-command"}
)

const maxID = 200 // bytes

// listReader reads a CSV file of accounts.
type listReader struct {
	path          string
	allowCommands bool

	line      int // the number of the line being read
	separator byte
	width     int            // columns of the header
	column    map[string]int // places of the columns that count, from 0
	cells     []string       // of the line being read
	lineOf    map[string]int // of each id
}

// readList reads the accounts of a list, in its order. A list with a command is refused unless
// commands are allowed.
func readList(path string, allowCommands bool) ([]*account, error) {
	if err := refuseWritableByOthers(path, 0o022); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, exit.Errorf(exit.NoInput, "%w", err)
	}
	if !utf8.Valid(content) || slices.Contains(content, 0) {
		return nil, exit.Errorf(exit.Usage, "%s is not UTF-8 text", path).WithHint(`save it as "CSV UTF-8"`)
	}
	r := &listReader{path: path, allowCommands: allowCommands, column: map[string]int{}, lineOf: map[string]int{}}
	var accounts []*account
	for line := range strings.Lines(strings.TrimPrefix(string(content), "\uFEFF")) {
		r.line++
		a, err := r.read(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		switch {
		case err != nil:
			return nil, err
		case a != nil:
			accounts = append(accounts, a)
		}
	}
	if len(accounts) == 0 {
		return nil, exit.Errorf(exit.NoInput, "%s names no account", path)
	}
	return accounts, nil
}

// refuseWritableByOthers: whoever can write to a list or a state folder decides which commands run
// and where mail goes. mode holds the permission bits that nobody may have.
func refuseWritableByOthers(path string, mode os.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return exit.Errorf(exit.NoInput, "%w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if info.Mode().Perm()&mode == 0 && (owner == 0 || owner == uint32(os.Geteuid())) {
		return nil
	}
	return exit.Errorf(exit.Usage, "others may write to %s", path).
		WithHint("chown and chmod go-w it, then check its content")
}

// read returns the account of a line, nil for the header and for a line without any cell.
func (r *listReader) read(line string) (*account, error) {
	if r.line == 1 {
		r.separator = separatorOf(line)
	}
	printable := line
	if r.separator == '\t' {
		printable = strings.ReplaceAll(line, "\t", " ")
	}
	if text.Safe(printable) != printable {
		return nil, r.errorf("a control character or an invisible one")
	}
	cells, err := r.split(line)
	if err != nil {
		return nil, err
	}
	r.cells = cells
	switch {
	case r.line == 1:
		return nil, r.readHeader()
	case strings.Trim(line, " ,;\t") == "":
		return nil, nil
	case len(cells) != r.width:
		return nil, r.errorf("%s, but the header has %d", text.Count(len(cells), "field"), r.width)
	}
	return r.account()
}

func separatorOf(header string) byte {
	if i := strings.IndexAny(header, ",;\t"); i >= 0 {
		return header[i]
	}
	return ','
}

// split returns the cells of a line. encoding/csv does not serve: spreadsheets and people put spaces
// around quoted cells, and spaces count inside quotes only.
func (r *listReader) split(line string) (cells []string, err error) {
	for {
		line = strings.TrimLeft(line, " ")
		var cell string
		if quoted, ok := strings.CutPrefix(line, `"`); ok {
			cell, line, err = r.unquote(quoted)
			if err != nil {
				return nil, err
			}
		} else {
			end := strings.IndexByte(line, r.separator)
			if end < 0 {
				end = len(line)
			}
			cell, line = strings.TrimRight(line[:end], " "), line[end:]
		}
		cells = append(cells, cell)
		if line == "" {
			return cells, nil
		}
		line = line[1:]
	}
}

// unquote returns the cell whose opening quote has been taken off, and what follows it.
func (r *listReader) unquote(line string) (cell, rest string, err error) {
	var b strings.Builder
	for {
		part, after, closed := strings.Cut(line, `"`)
		b.WriteString(part)
		if !closed {
			return "", "", r.errorf("a quoted field does not end on its line")
		}
		if line, closed = strings.CutPrefix(after, `"`); closed { // a quote that is doubled
			b.WriteByte('"')
			continue
		}
		rest = strings.TrimLeft(after, " ")
		if rest != "" && rest[0] != r.separator {
			return "", "", r.errorf("text after a closing quote")
		}
		return b.String(), rest, nil
	}
}

// looksSecret finds the names of columns that would hold a password. An unknown name is never
// repeated: in a file without a header it may be a password.
var looksSecret = regexp.MustCompile(`pass|secret|token`)

func (r *listReader) readHeader() error {
	r.width = len(r.cells)
	for i, cell := range r.cells {
		name := strings.Join(strings.FieldsFunc(strings.ToLower(cell), isWordBreak), "-")
		option, ofSide := strings.CutPrefix(name, "old-")
		if !ofSide {
			option, ofSide = strings.CutPrefix(name, "new-")
		}
		known := ofSide && (slices.Contains(columns, option) || slices.Contains(passwordColumns, option))
		switch {
		case !known && looksSecret.MatchString(name):
			return r.errorf("column %d would hold a secret", i+1).
				WithHint("a column says where it is: old-password-file, old-password-command, old-token-command")
		case !known && ofSide:
			return r.errorf("column %d is not a connection option that a list may hold", i+1)
		case !known && name != "id":
			continue
		}
		if before, twice := r.column[name]; twice {
			return r.errorf("columns %d and %d have the same name", before+1, i+1)
		}
		r.column[name] = i
	}
	_, hasUser := r.column["old-user"]
	_, hasAccount := r.column["old-account"]
	if !hasUser && !hasAccount {
		return r.errorf("no column old-user").WithHint("the first line is a header, as in: " +
			"old-host,old-user,old-password-file,new-host,new-user,new-password-file")
	}
	return nil
}

func isWordBreak(c rune) bool { return c == ' ' || c == '_' }

// value returns the cell of a column, "" where there is none.
func (r *listReader) value(name string) string {
	if i, there := r.column[name]; there {
		return r.cells[i]
	}
	return ""
}

func (r *listReader) account() (*account, error) {
	var a account
	var err error
	if a.id, err = r.identity(); err != nil {
		return nil, err
	}
	if a.old, err = r.options("old-"); err != nil {
		return nil, err
	}
	a.new, err = r.options("new-")
	return &a, err
}

// identity returns the id of the line's account, as a file name.
func (r *listReader) identity() (string, error) {
	id := r.value("id")
	for _, column := range []string{"new-user", "new-account"} {
		if id == "" {
			id = r.value(column)
		}
	}
	id = fileName(id)
	if len(id) > maxID {
		return "", r.errorf("the id is longer than %d bytes", maxID)
	}
	if before, twice := r.lineOf[id]; twice {
		return "", r.errorf("the same account as in line %d: %s", before, id).
			WithHint("a column id can tell them apart")
	}
	r.lineOf[id] = r.line
	return id, nil
}

// fileName makes an id the name of a file that is not hidden.
func fileName(id string) string {
	id = strings.NewReplacer("%", "%25", "/", "%2F").Replace(id)
	if strings.HasPrefix(id, ".") {
		id = "%2E" + id[1:]
	}
	return id
}

// options returns the connection options of one side, "old-" or "new-".
func (r *listReader) options(side string) (options []string, err error) {
	passwords := 0
	for _, name := range slices.Concat(columns, passwordColumns) {
		value := r.value(side + name)
		if value == "" {
			continue
		}
		if strings.HasSuffix(name, "-command") && !r.allowCommands {
			return nil, r.errorf("%s is a command that a shell would run", side+name).
				WithHint("--allow-commands allows that, if you trust whoever wrote the list")
		}
		if slices.Contains(passwordColumns, name) {
			passwords++
		}
		options = append(options, "--"+name+"="+inHome(name, value))
	}
	switch {
	case passwords > 1:
		return nil, r.errorf("more than one place for a password: %s", strings.TrimSuffix(side, "-"))
	case r.value(side+"account") != "":
	case r.value(side+"host") == "" || r.value(side+"user") == "":
		return nil, r.errorf("no %shost or no %[1]suser", side)
	case passwords == 0 && r.value(side+"auth") != "external":
		return nil, r.errorf("no place for a password").
			WithHint("give %spassword-file, %[1]spassword-command, %[1]stoken-command or %[1]saccount", side)
	}
	return options, nil
}

// inHome replaces ~ at the beginning of a file's name by the home, as a shell does.
func inHome(option, value string) string {
	rest, ok := strings.CutPrefix(value, "~/")
	isFile := strings.HasSuffix(option, "-file") || slices.Contains([]string{"tls-cert", "tls-key", "account"}, option)
	if home, err := os.UserHomeDir(); ok && isFile && err == nil {
		return filepath.Join(home, rest)
	}
	return value
}

func (r *listReader) errorf(format string, args ...any) *exit.Error {
	return exit.Errorf(exit.Usage, "%s, line %d: %s", r.path, r.line, fmt.Sprintf(format, args...))
}
