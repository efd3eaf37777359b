package transform

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// Options are rules as a user writes them.
type Options struct {
	Fixes          []string // see ParseRules
	MaxLine        string   // N=skip or N=wrap
	Delete         []string // names of header fields
	Rename         []string // OLD=NEW
	DisarmReceipts bool
	Set, Add       []string // "Name: value", with placeholders
	Pipe           string   // a shell command
	PipeTimeout    time.Duration
	Date           string // "" or a DateSource
}

// Rules say what is changed. The zero value changes nothing.
type Rules struct {
	mends      mends
	edits      edits
	pipe       *pipe
	dateSource DateSource
}

const (
	defaultMaxLine = longLine
	minMaxLine     = 100 // an encoded line has 76 octets, a boundary 74
	mostMaxLine    = 1 << 20
)

// ParseRules checks all rules. The fixes are
//
//	mbox-from=drop|rename     the "From " line of an mbox before the header
//	nul=strip|skip            NUL octets; skip leaves the message out
//	bare-lf                   LF without CR becomes CRLF
//	header-fold               lines in the header that are no fields continue the field before
//	header-colon              blanks between a field's name and its colon go
//	header-8bit=encode|mask   octets from 0x80 in the header
//	message-id                a Message-ID for messages that have none
//	long-lines                as MaxLine "998=wrap"
//	final-crlf                a line end at the end
//
// An error is a *RuleError, and fault.Usage.
func ParseRules(o Options) (*Rules, error) {
	r := &Rules{}
	for _, fix := range o.Fixes {
		if err := r.mends.add(fix); err != nil {
			return nil, &RuleError{"fix", err}
		}
	}
	if o.MaxLine != "" {
		if err := r.mends.addMaxLine(o.MaxLine); err != nil {
			return nil, &RuleError{"max-line", err}
		}
	}
	if err := r.edits.parse(o); err != nil {
		return nil, err
	}
	switch r.dateSource = DateSource(o.Date); r.dateSource {
	case "", DateOfSource, DateHeader, DateReceived, DateNow:
	default:
		return nil, &RuleError{"internaldate",
			fault.Errorf(fault.Usage, "%q is not source, header, received or now", o.Date)}
	}
	if o.Pipe != "" {
		var err error
		if r.pipe, err = newPipe(o.Pipe, o.PipeTimeout); err != nil {
			return nil, &RuleError{"pipe", err}
		}
	}
	return r, nil
}

// RuleError says which rule is wrong, by the name that changes are recorded under.
type RuleError struct {
	Rule string // "header-set"
	err  error
}

func (e *RuleError) Error() string { return e.Rule + ": " + e.err.Error() }
func (e *RuleError) Unwrap() error { return e.err }

func (e *edits) parse(o Options) error {
	for _, name := range o.Delete {
		if err := checkName(name); err != nil {
			return &RuleError{"header-delete", err}
		}
	}
	e.remove = o.Delete
	if o.DisarmReceipts {
		for _, name := range receiptFields {
			e.rename = append(e.rename, [2]string{name, "X-Disarmed-" + name})
		}
	}
	for _, s := range o.Rename {
		pair, err := parseRename(s)
		if err != nil {
			return &RuleError{"header-rename", err}
		}
		e.rename = append(e.rename, pair)
	}
	for _, s := range o.Set {
		f, err := parseSetting(s)
		if err != nil {
			return &RuleError{"header-set", err}
		}
		e.set = append(e.set, f)
	}
	for _, s := range o.Add {
		f, err := parseSetting(s)
		if err != nil {
			return &RuleError{"header-add", err}
		}
		e.add = append(e.add, f)
	}
	if err := e.checkOnce(); err != nil {
		return &RuleError{"header-set", err}
	}
	return nil
}

// fixChoices are the fixes, and what may stand behind the "=" of each.
var fixChoices = []struct {
	name    string
	choices []string
}{
	{"mbox-from", []string{"drop", "rename"}}, {"nul", []string{"strip", "skip"}}, {"bare-lf", nil},
	{"header-fold", nil}, {"header-colon", nil},
	{"header-8bit", []string{"encode", "mask"}}, {"message-id", nil}, {"long-lines", nil}, {"final-crlf", nil},
}

func (m *mends) add(fix string) error {
	name, choice, _ := strings.Cut(fix, "=")
	var known []string
	for _, f := range fixChoices {
		forms := []string{f.name}
		for i, c := range f.choices {
			forms = slices.Insert(forms[:i], i, f.name+"="+c)
		}
		if forms = forms[:max(1, len(f.choices))]; !slices.Contains(forms, fix) {
			known = append(known, forms...)
			continue
		}
		m.choose(name, choice)
		return nil
	}
	return fault.Errorf(fault.Usage, "there is no fix %q", fix).WithHint("they are %s", strings.Join(known, ", "))
}

func (m *mends) choose(name, choice string) {
	switch name {
	case "mbox-from":
		m.mboxFrom = choice
	case "nul":
		m.nul = choice
	case "bare-lf":
		m.bareLF = true
	case "header-fold":
		m.headerFold = true
	case "header-colon":
		m.headerColon = true
	case "header-8bit":
		m.eightBit = choice
	case "message-id":
		m.messageID = true
	case "long-lines":
		m.maxLine = defaultMaxLine
	case "final-crlf":
		m.finalCRLF = true
	}
}

func (m *mends) addMaxLine(s string) error {
	number, what, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(number)
	if err != nil || n < minMaxLine || n > mostMaxLine || what != "skip" && what != "wrap" {
		return fault.Errorf(fault.Usage, "%q is no bound on lines", s).
			WithHint("it is N=skip or N=wrap, N octets from 100 to 1048576, as in 998=wrap")
	}
	m.maxLine, m.skipLongest = n, what == "skip"
	return nil
}

// Any reports whether there is a rule at all.
func (r *Rules) Any() bool {
	return r != nil && (r.mends != mends{} || len(r.edits.names()) > 0 || r.pipe != nil ||
		r.dateSource != "" && r.dateSource != DateOfSource)
}

// Fields lists the header fields that the edits are about.
func (r *Rules) Fields() []string { return r.edits.names() }
