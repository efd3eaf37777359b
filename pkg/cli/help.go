package cli

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
)

// answer prints what was asked for to stdout.
func answer(text string) error {
	if _, err := os.Stdout.WriteString(text); err != nil {
		return files.WriteError("stdout", err)
	}
	return nil
}

// helpText is the answer to --help: examples first, then the options in
// their groups, a line each.
func helpText(c Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n\nusage: %s\n", c.Name, c.Summary, usageLine(c))
	if len(c.Examples) > 0 {
		b.WriteString("\nexamples:\n")
	}
	for _, e := range c.Examples {
		fmt.Fprintf(&b, "  # %s\n  %s\n", e.Does, strings.ReplaceAll(e.Line, "\n", "\n  "))
	}
	for _, category := range categories(c.Flags) {
		fmt.Fprintf(&b, "\n%s:\n", category)
		writeOptions(&b, c.Flags, category)
	}
	b.WriteString(modesText(c))
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	return b.String()
}

func usageLine(c Command) string {
	line := c.Name + " [OPTION ...]"
	for _, operand := range c.Operands {
		line += " [" + operand
	}
	return line + strings.Repeat("]", len(c.Operands))
}

// categories returns the groups of the visible flags in the order of their
// first member.
func categories(flags []ucli.Flag) []string {
	var names []string
	seen := map[string]bool{}
	for _, f := range flags {
		name := categoryOf(f)
		if !seen[name] && !hidden(f) {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func categoryOf(f ucli.Flag) string {
	if c, ok := f.(ucli.CategorizableFlag); ok && c.GetCategory() != "" {
		return c.GetCategory()
	}
	return "Options"
}

// Categories of options that an account file holds.
const (
	Connecting = "Connecting"
	LoggingIn  = "Logging in"
)

// optionColumn is where the texts of the options begin.
const optionColumn = 30

func writeOptions(b *strings.Builder, flags []ucli.Flag, category string) {
	for _, f := range flags {
		if hidden(f) || categoryOf(f) != category {
			continue
		}
		head, text := optionLine(f)
		pad := max(2, optionColumn-utf8.RuneCountInString(head))
		fmt.Fprintf(b, "%s%s%s\n", head, strings.Repeat(" ", pad), text)
	}
}

// optionLine spells one option and its text. A word in back quotes at the
// beginning of the usage names the value.
func optionLine(f ucli.Flag) (head, text string) {
	var names []string
	for _, name := range f.Names() {
		names = append(names, Dashed(name))
	}
	head = "  " + strings.Join(names, ", ")
	doc, ok := f.(ucli.DocGenerationFlag)
	if !ok {
		return head, ""
	}
	text = doc.GetUsage()
	if placeholder, rest, found := strings.Cut(strings.TrimPrefix(text, "`"), "`"); found {
		head += " " + placeholder
		text = strings.TrimLeft(rest, ": ")
	}
	for _, env := range doc.GetEnvVars() {
		text += " ($" + env + ")"
	}
	return head, text + defaultText(doc)
}

func defaultText(doc ucli.DocGenerationFlag) string {
	value := doc.GetDefaultText()
	if !doc.TakesValue() || value == "" || value == `""` {
		return ""
	}
	return " (default " + strings.Trim(value, `"`) + ")"
}
