// Package preset knows what kinds of servers are known to want: options with
// their values, and advice. The table is presets.txt.
package preset

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

//go:embed presets.txt
var table string

// Preset is what is known of one kind of server.
type Preset struct {
	// Names are what it goes by, in lower case; the first is its own.
	Names []string
	About string
	lines []line
}

// line says something to some of the commands.
type line struct {
	commands []string
	option   string
	value    string
}

// Value is the value of an option, which is named without dashes.
type Value struct {
	Option, Value string
}

// Commands are those that a preset speaks to, in the order of a migration.
var Commands = []string{"imap-list", "imap-fetch", "imap-diff", "imap-push"}

// advice stands in the place of an option.
const advice = "advice"

// all are the presets, in the order of the table. That the table can be read
// is a matter of tests.
var all = sync.OnceValue(func() []Preset {
	list, err := parse(table)
	if err != nil {
		panic(err)
	}
	return list
})

// All returns the presets, in the order of the table.
func All() []Preset { return slices.Clone(all()) }

// Find returns the preset of that name, in any case of its letters. Errors:
// fault.Usage, with the nearest name.
func Find(name string) (*Preset, error) {
	list := all()
	asked := strings.ToLower(strings.TrimSpace(name))
	best, least := "", len(asked)/3+2
	for i := range list {
		for _, known := range list[i].Names {
			if known == asked {
				return &list[i], nil
			}
			if d := text.Distance([]byte(asked), []byte(known), least); d < least {
				best, least = known, d
			}
		}
	}
	hint := "they are " + strings.Join(names(list), ", ")
	if best != "" {
		hint = "did you mean " + best + "? All: " + strings.Join(names(list), ", ")
	}
	return nil, fault.Errorf(fault.Usage, "%q is none that is known", name).WithHint("%s", hint)
}

func names(list []Preset) (names []string) {
	for i := range list {
		names = append(names, list[i].Names[0])
	}
	return names
}

// Values returns the options of a command, with a value for each time that
// one is given.
func (p *Preset) Values(command string) (values []Value) {
	for _, l := range p.lines {
		if l.option != advice && slices.Contains(l.commands, command) {
			values = append(values, Value{l.option, l.value})
		}
	}
	return values
}

// Advice returns what else there is to know for who uses a command, a
// sentence each.
func (p *Preset) Advice(command string) (sentences []string) {
	for _, l := range p.lines {
		if l.option == advice && slices.Contains(l.commands, command) {
			sentences = append(sentences, l.value)
		}
	}
	return sentences
}

// parse reads the table.
func parse(table string) (list []Preset, err error) {
	number := 0
	for row := range strings.Lines(table) {
		number++
		row = strings.TrimSpace(row)
		if row == "" || row[0] == '#' {
			continue
		}
		head, rest := cut(row)
		switch {
		case head == "preset":
			list = append(list, Preset{Names: strings.Fields(rest)})
			err = checkNames(list)
		case len(list) == 0:
			err = fmt.Errorf("%s stands before the first preset", head)
		case head == "about":
			list[len(list)-1].About = rest
		default:
			p := &list[len(list)-1]
			var l line
			l.option, l.value = cut(rest)
			l.commands, err = commands(head)
			p.lines = append(p.lines, l)
			if l.option == "" {
				err = fmt.Errorf("%s has no option", head)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("presets.txt:%d: %w", number, err)
		}
	}
	return list, nil
}

// cut takes the first word of s.
func cut(s string) (word, rest string) {
	word, rest, _ = strings.Cut(s, " ")
	return word, strings.TrimSpace(rest)
}

// commands spells out the commands of a line.
func commands(words string) (list []string, err error) {
	if words == "all" {
		return Commands, nil
	}
	for word := range strings.SplitSeq(words, ",") {
		command := "imap-" + word
		if !slices.Contains(Commands, command) {
			return nil, fmt.Errorf("%s is no command", word)
		}
		list = append(list, command)
	}
	return list, nil
}

// checkNames looks at the names of the last preset.
func checkNames(list []Preset) error {
	last := list[len(list)-1]
	if len(last.Names) == 0 {
		return fmt.Errorf("a preset without a name")
	}
	for i, name := range last.Names {
		if name != strings.ToLower(name) || slices.Contains(last.Names[:i], name) {
			return fmt.Errorf("the name %s is not in lower case, or is there twice", name)
		}
		for _, other := range list[:len(list)-1] {
			if slices.Contains(other.Names, name) {
				return fmt.Errorf("the name %s is another preset's already", name)
			}
		}
	}
	return nil
}
