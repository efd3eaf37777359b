package preset

import (
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Options spells values as they are typed in a shell, between blanks.
func Options(values []Value) string {
	var words []string
	for _, v := range values {
		words = append(words, v.String())
	}
	return strings.Join(words, " ")
}

// String spells an option as it is typed in a shell. One that takes no value
// has none, and so cannot be told from one whose value is empty, but for those
// of which that is known.
func (v Value) String() string {
	option := "--" + v.Option
	if v.Value == "" && v.Option != "prefix" && v.Option != "delimiter" {
		return option
	}
	return option + " " + text.ShellWord(v.Value)
}

// Text is the table of all presets for people, with options as they are typed.
func Text() string {
	var b strings.Builder
	for i, p := range all() {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(strings.Join(p.Names, ", ") + ": " + p.About + "\n")
		p.write(&b)
	}
	return b.String()
}

func (p *Preset) write(b *strings.Builder) {
	told := map[string]bool{}
	for _, command := range Commands {
		if values := p.Values(command); len(values) > 0 {
			b.WriteString("  " + command + strings.Repeat(" ", 11-len(command)) + Options(values) + "\n")
		}
	}
	for _, command := range Commands {
		for _, sentence := range p.Advice(command) {
			if !told[sentence] {
				b.WriteString("  - " + sentence + "\n")
			}
			told[sentence] = true
		}
	}
}
