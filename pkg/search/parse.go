package search

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// Bounds of criteria.
const (
	maxText    = 64 << 10 // octets
	maxNesting = 100      // of NOT, OR and parentheses
)

// Parse reads search keys as they stand behind SEARCH (RFC 3501 6.4.4), in any
// case, with white space of any length between them: quoted strings and atoms,
// which may hold UTF-8, and no literals. Dates may be written as ParseDate takes
// them. Message numbers and \Recent, which mean something within one session
// only, are refused: RECENT, NEW, OLD. Errors name the column, in characters.
func Parse(text string) (Criteria, error) {
	p := parser{text: text}
	switch {
	case len(text) > maxText:
		return Criteria{}, fault.Errorf(fault.Usage, "the search criteria are longer than %d octets", maxText)
	case !utf8.ValidString(text):
		return Criteria{}, fault.Errorf(fault.Usage, "the search criteria are not UTF-8")
	case strings.Trim(text, blanks) == "":
		return Criteria{}, fault.Errorf(fault.Usage, "the search criteria are empty").WithHint("ALL selects everything")
	}
	keys, err := p.keys(false)
	if err != nil {
		return Criteria{}, err
	}
	return criteria(keys...), nil
}

const blanks = " \t\r\n"

// parser goes through a text once.
type parser struct {
	text    string
	at      int
	nesting int
}

// keys reads keys up to the end, or the parenthesis that closes them.
func (p *parser) keys(inside bool) ([]key, error) {
	var keys []key
	for {
		p.skipBlanks()
		switch {
		case p.at == len(p.text) && !inside:
			return keys, nil
		case p.at == len(p.text):
			return nil, p.errorf(p.at, "a closing parenthesis is missing")
		case p.text[p.at] == ')' && inside && len(keys) > 0:
			p.at++
			return keys, nil
		}
		k, err := p.key()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
		if err := p.ended(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) skipBlanks() {
	for p.at < len(p.text) && strings.IndexByte(blanks, p.text[p.at]) >= 0 {
		p.at++
	}
}

// ended makes sure that what was read ends here.
func (p *parser) ended() error {
	if p.at == len(p.text) || strings.IndexByte(blanks+")", p.text[p.at]) >= 0 {
		return nil
	}
	return p.errorf(p.at, "a blank is missing")
}

// key reads one key with its arguments.
func (p *parser) key() (key, error) {
	p.skipBlanks()
	at := p.at
	if p.nesting++; p.nesting > maxNesting {
		return nil, p.errorf(at, "more than %d keys within each other", maxNesting)
	}
	defer func() { p.nesting-- }()
	switch {
	case at == len(p.text):
		return nil, p.errorf(at, "a search key is missing")
	case p.text[at] == '(':
		p.at++
		keys, err := p.keys(true)
		return and(keys...), err
	case p.text[at] == ')':
		return nil, p.errorf(at, "a search key is missing before the parenthesis")
	case p.text[at] == '"':
		return nil, p.errorf(at, "a search key is missing before the quoted string")
	}
	word := p.word()
	name := strings.ToUpper(word)
	if read := readers[name]; read != nil {
		return read(p, name)
	}
	return nil, p.unknownKey(at, word)
}

// word reads up to a blank, a parenthesis or a quote.
func (p *parser) word() string {
	at := p.at
	end := strings.IndexAny(p.text[at:], blanks+`()"`)
	if end < 0 {
		end = len(p.text) - at
	}
	p.at += end
	return p.text[at:p.at]
}

// reader reads the arguments of a key. readers has one for each.
type reader func(p *parser, name string) (key, error)

var readers map[string]reader

func init() {
	readers = map[string]reader{
		"ALL":       func(*parser, string) (key, error) { return all{}, nil },
		"NOT":       (*parser).not,
		"OR":        (*parser).or,
		"UID":       (*parser).uid,
		"HEADER":    (*parser).header,
		"BODY":      (*parser).textKey,
		"TEXT":      (*parser).textKey,
		"LARGER":    (*parser).size,
		"SMALLER":   (*parser).size,
		"KEYWORD":   (*parser).keyword,
		"UNKEYWORD": (*parser).keyword,
	}
	for name, flagName := range systemFlags {
		readers[name] = func(*parser, string) (key, error) { return flag{flagName, true}, nil }
		readers["UN"+name] = func(*parser, string) (key, error) { return flag{flagName, false}, nil }
	}
	for is, name := range comparisonNames {
		readers[name] = func(p *parser, name string) (key, error) {
			day, err := p.date(name)
			return arrival{comparison(is), day}, err
		}
		readers["SENT"+name] = func(p *parser, name string) (key, error) {
			day, err := p.date(name)
			return &sent{comparison(is), day}, err
		}
	}
	for name, fieldName := range fieldKeys {
		readers[name] = func(p *parser, name string) (key, error) {
			words, err := p.string(name)
			return newField(name, fieldName, words), err
		}
	}
}

func (p *parser) not(string) (key, error) {
	k, err := p.next("NOT")
	if err != nil {
		return nil, err
	}
	return not(k), nil
}

func (p *parser) or(string) (key, error) {
	a, err := p.next("OR")
	if err != nil {
		return nil, err
	}
	b, err := p.next("OR")
	if err != nil {
		return nil, err
	}
	return disjunction{a, b}, nil
}

// next reads a key that another takes.
func (p *parser) next(name string) (key, error) {
	at := p.at
	p.skipBlanks()
	switch {
	case p.at == len(p.text) || p.text[p.at] == ')':
		return nil, p.errorf(p.at, "%s takes a search key after it", name).
			WithHint("OR takes two keys, NOT one; put several in parentheses: OR SEEN (FLAGGED FROM joe)")
	case p.at == at:
		return nil, p.errorf(p.at, "a blank is missing")
	}
	return p.key()
}

// argument goes to the argument of a key.
func (p *parser) argument(name, what string) (at int, err error) {
	at = p.at
	p.skipBlanks()
	switch {
	case p.at == len(p.text) || strings.IndexByte("()", p.text[p.at]) >= 0:
		return p.at, p.errorf(p.at, "%s takes %s", name, what)
	case p.at == at:
		return p.at, p.errorf(p.at, "a blank is missing")
	}
	return p.at, nil
}

// string reads a quoted string or an atom.
func (p *parser) string(name string) (string, error) {
	if _, err := p.argument(name, "a string"); err != nil {
		return "", err
	}
	return p.astring()
}

func (p *parser) astring() (string, error) {
	at := p.at
	if p.text[at] == '"' {
		return p.quoted()
	}
	word := p.word()
	if i := strings.IndexFunc(word, isSpecial); i >= 0 {
		if word[0] == '{' {
			return "", p.errorf(at, "literals are not taken here").WithHint(`quote the string: "…"`)
		}
		return "", p.errorf(at+i, "%s stands in a string that is not quoted", shown(word[i:][:1])).
			WithHint(`quote the string: "…", and write \" and \\ for quote and backslash`)
	}
	return word, nil
}

// isSpecial tells what an atom cannot have (astring, RFC 3501 9).
func isSpecial(c rune) bool { return c < ' ' || c == 0x7F || strings.ContainsRune(`{%*\`, c) }

// quoted reads a quoted string.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	start := p.at
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case '"':
			p.at = i + 1
			return b.String(), nil
		case '\r', '\n', 0:
			return "", p.errorf(i, "a string cannot have line ends or NUL in it")
		case '\\':
			i++
			if i == len(p.text) || p.text[i] != '"' && p.text[i] != '\\' {
				return "", p.errorf(i-1, "a backslash that is followed by neither quote nor backslash").
					WithHint(`write \\ for a backslash`)
			}
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorf(start, "the quoted string does not end")
}

func (p *parser) textKey(name string) (key, error) {
	words, err := p.string(name)
	return newText(name == "BODY", words), err
}

func (p *parser) header(name string) (key, error) {
	at, err := p.argument(name, "the name of a field and a string")
	if err != nil {
		return nil, err
	}
	fieldName, err := p.astring()
	if err != nil {
		return nil, err
	}
	if !header.IsName(fieldName) || len(fieldName) > header.MaxName {
		return nil, p.errorf(at, "%s is no name of a header field", shown(fieldName))
	}
	words, err := p.string("HEADER " + fieldName)
	return newField("", fieldName, words), err
}

func (p *parser) keyword(name string) (key, error) {
	at, err := p.argument(name, "a keyword")
	if err != nil {
		return nil, err
	}
	word := p.word()
	if systemFlags[strings.ToUpper(strings.TrimPrefix(word, `\`))] != "" && word[0] == '\\' {
		return nil, p.errorf(at, "%s is not a keyword", shown(word)).
			WithHint("flags that begin with a backslash have keys of their own: SEEN, UNSEEN and the like")
	}
	if !isAtom(word) {
		return nil, p.errorf(at, "%s is not a keyword", shown(word))
	}
	return flag{word, name == "KEYWORD"}, nil
}

// isAtom follows RFC 3501 9.
func isAtom(s string) bool {
	return isASCII(s) && s != "" && strings.IndexFunc(s, func(c rune) bool { return isSpecial(c) || c == ']' }) < 0
}

func (p *parser) size(name string) (key, error) {
	at, err := p.argument(name, "a number of octets")
	if err != nil {
		return nil, err
	}
	word := p.word()
	n, err := strconv.ParseUint(word, 10, 63)
	if err != nil {
		return nil, p.errorf(at, "%s is no number of octets", shown(word)).
			WithHint("sizes are octets, in digits: 10485760 for 10 MiB")
	}
	return size{name == "LARGER", int64(n)}, nil
}

func (p *parser) uid(name string) (key, error) {
	at, err := p.argument(name, "a set of UIDs")
	if err != nil {
		return nil, err
	}
	set, bad := parseUIDSet(p.word())
	if bad != "" {
		return nil, p.errorf(at, "%s", bad).WithHint("a UID set looks like %s", uidForms)
	}
	return uids{set}, nil
}

func (p *parser) date(name string) (Date, error) {
	at, err := p.argument(name, "a date")
	if err != nil {
		return Date{}, err
	}
	word, err := p.astring()
	if err != nil {
		return Date{}, err
	}
	day, ok := parseDate(word)
	if !ok {
		return Date{}, p.errorf(at, "%s is no date", shown(word)).WithHint("dates look like %s", dateForms)
	}
	return day, nil
}

// errorf says what is wrong at an octet of the text.
func (p *parser) errorf(at int, format string, args ...any) *fault.Error {
	column := utf8.RuneCountInString(p.text[:at]) + 1
	return fault.Errorf(fault.Usage, "search criteria, column %d: %s", column, fmt.Sprintf(format, args...))
}
