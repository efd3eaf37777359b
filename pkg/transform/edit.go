package transform

import (
	"errors"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// ErrTwoValues is the cause of an error: a field is set twice. Its detail is the field.
var ErrTwoValues = errors.New("a header field cannot be set to two values")

// maxFieldName is how long a name may be that goes into a header: its line has
// room for a value.
const maxFieldName = 76

// setting is a field with a value that a rule gives.
type setting struct {
	name  string
	value template
}

// edits are the rules about fields of the header.
type edits struct {
	remove []string
	rename [][2]string
	set    []setting
	add    []setting
}

// receiptFields ask whoever reads a message to tell its sender: RFC 8098 and
// what was there before it.
var receiptFields = []string{"Disposition-Notification-To", "Return-Receipt-To", "X-Confirm-Reading-To"}

func parseSetting(s string) (setting, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return setting{}, fault.Errorf(fault.Usage, "%q has no colon", s).
			WithHint("it is a field, as in 'X-Folder: {folder}'")
	}
	if err := checkName(name); err != nil {
		return setting{}, err
	}
	t, err := parseTemplate(strings.Trim(value, " \t"))
	if err != nil {
		return setting{}, fault.Errorf(fault.Usage, "%s: %w", name, err)
	}
	return setting{name, t}, nil
}

func parseRename(s string) (pair [2]string, err error) {
	before, after, ok := strings.Cut(s, "=")
	if !ok {
		return pair, fault.Errorf(fault.Usage, "%q has no =", s).
			WithHint("it is OLD=NEW, as in Delivered-To=X-Delivered-To")
	}
	for _, name := range []string{before, after} {
		if err := checkName(name); err != nil {
			return pair, err
		}
	}
	return [2]string{before, after}, nil
}

func checkName(name string) error {
	if !header.IsName(name) || len(name) > maxFieldName {
		return fault.Errorf(fault.Usage, "%q is no name of a header field (RFC 5322 section 2.2)", name)
	}
	return nil
}

// apply edits a header, and names what it did.
func (e *edits) apply(b *block, s stand) (changes, touched []string) {
	note := func(did, name string) {
		changes = append(changes, did+":"+name)
		touched = append(touched, name)
	}
	for _, name := range e.remove {
		if b.remove(name) {
			note("header-delete", name)
		}
	}
	for _, pair := range e.rename {
		if b.rename(pair[0], pair[1]) {
			note("header-rename", pair[0])
			touched = append(touched, pair[1])
		}
	}
	for _, f := range e.set {
		if value, ok := f.value.fill(s); ok && b.set(f.name, value) {
			note("header-set", f.name)
		}
	}
	for _, f := range slices.Backward(e.add) { // each goes to the top
		if value, ok := f.value.fill(s); ok {
			b.insert(b.top(), b.make(f.name, value))
			note("header-add", f.name)
		}
	}
	return changes, touched
}

// make writes a field.
func (b *block) make(name string, value []byte) field {
	return field{name, fold(name, value, lineLength, b.eol)}
}

// remove takes all fields of a name out.
func (b *block) remove(name string) bool {
	before := len(b.fields)
	b.fields = slices.DeleteFunc(b.fields, func(f field) bool { return f.is(name) })
	return len(b.fields) < before
}

// rename changes the name of all fields of a name; their values stay, octet by
// octet.
func (b *block) rename(before, after string) (done bool) {
	for i := range b.fields {
		if f := &b.fields[i]; f.is(before) && f.name != after {
			*f = field{after, slices.Concat([]byte(after), f.raw[len(f.name):])}
			done = true
		}
	}
	return done
}

// set gives a field a value. Others of its name go.
func (b *block) set(name string, value []byte) (done bool) {
	f := b.make(name, value)
	at := slices.IndexFunc(b.fields, func(f field) bool { return f.is(name) })
	if at < 0 {
		b.insert(b.top(), f)
		return true
	}
	before := len(b.fields)
	done = string(b.fields[at].raw) != string(f.raw)
	b.fields[at] = f
	kept := b.fields[:at+1]
	for _, other := range b.fields[at+1:] {
		if !other.is(name) {
			kept = append(kept, other)
		}
	}
	b.fields = kept
	return done || len(b.fields) < before
}

// names lists what the edits are about.
func (e *edits) names() (list []string) {
	list = slices.Clone(e.remove)
	for _, pair := range e.rename {
		list = append(list, pair[0], pair[1])
	}
	for _, f := range slices.Concat(e.set, e.add) {
		list = append(list, f.name)
	}
	return list
}

// checkOnce refuses two rules of which only one could be followed.
func (e *edits) checkOnce() error {
	var seen []string
	for _, f := range e.set {
		name := strings.ToLower(f.name)
		if slices.Contains(seen, name) {
			return fault.Errorf(fault.Usage, "%s has two values", f.name).Because(ErrTwoValues, f.name)
		}
		seen = append(seen, name)
	}
	return nil
}
