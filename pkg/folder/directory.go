package folder

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// directory finds names as people write them.
type directory struct {
	delimiter string
	spellings [4]map[string][]string // the names, by spelling: see keys
	all       []string
}

// keys are the spellings by which a name is found, the best first: the name
// itself; as a person would write it; in modified UTF-7; and with what looks
// the same made the same.
func keys(name, delimiter string) [4]string {
	wire, err := ToWire(name)
	if err != nil {
		wire = name
	}
	return [4]string{foldInbox(name), Plain(name), wire, alike(Plain(name), delimiter)}
}

// foldInbox spells INBOX in capitals.
func foldInbox(name string) string {
	if IsInbox(name) {
		return Inbox
	}
	return name
}

// alike is equal for names that look the same: whatever way accents are
// composed in (Unicode's NFC and NFD), and INBOX as the first level in any
// case.
func alike(name, delimiter string) string {
	if n := len(Inbox); delimiter != "" && len(name) > n && IsInbox(name[:n]) &&
		strings.HasPrefix(name[n:], delimiter) {
		name = Inbox + name[n:]
	}
	return norm.NFC.String(foldInbox(name))
}

func newDirectory(delimiter string) *directory {
	d := &directory{delimiter: delimiter}
	for i := range d.spellings {
		d.spellings[i] = map[string][]string{}
	}
	return d
}

// add enters a name, once.
func (d *directory) add(name string) {
	for i, key := range keys(name, d.delimiter) {
		if i == 0 && d.spellings[0][key] != nil {
			return
		}
		d.spellings[i][key] = append(d.spellings[i][key], name)
	}
	d.all = append(d.all, name)
}

// find returns the names that asked spells in the best way that any name is
// spelt in. More than one means that it cannot be told which is meant.
func (d *directory) find(asked string) []string {
	for i, key := range [4]string{foldInbox(asked), asked, asked, alike(asked, d.delimiter)} {
		if found := d.spellings[i][key]; found != nil {
			return found
		}
	}
	if text, err := DecodeUTF7(asked); err == nil && text != asked {
		return d.spellings[3][alike(text, d.delimiter)]
	}
	return nil
}
