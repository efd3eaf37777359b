package stream

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func formatText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The example of FORMAT.md is a vector, and its hash is what the page says.
func TestFormatExample(t *testing.T) {
	text := formatText(t)
	_, octets := loadVector(t, "body-text")
	for line := range strings.Lines(string(octets)) {
		if !strings.Contains(text, "    "+line) {
			t.Errorf("FORMAT.md lacks the line %s", line)
		}
	}
	lines := strings.Split(strings.TrimSuffix(string(octets), "\n"), "\n")
	if want := hashOf(lines[:len(lines)-1]); !strings.Contains(text, "\n    "+want+"  -\n") {
		t.Errorf("FORMAT.md does not give the hash %s", want)
	}
}

// The tables of section 5 hold the rows of the codec, in their order; only the
// meanings are written by hand.
func TestFormatTables(t *testing.T) {
	text := formatText(t)
	for kind, records := range recordTypes {
		was := regexp.MustCompile(`(?s)\n### ` + kind + `\n.*?\n(\| field .*?)\n(?:\n|$)`).FindStringSubmatch(text)
		if was == nil {
			t.Errorf("FORMAT.md has no table of %s records", kind)
			continue
		}
		want := formatTable(records, was[1])
		if *update {
			text = strings.Replace(text, was[0], strings.Replace(was[0], was[1], want, 1), 1)
		} else if was[1] != want {
			t.Errorf("%s records: run with -update, FORMAT.md should have\n%s\nand has\n%s", kind, want, was[1])
		}
	}
	if *update {
		if err := os.WriteFile("FORMAT.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// formatTable returns the table of a type of record, with the meanings that an
// earlier one gives.
func formatTable(records recordType, earlier string) string {
	meanings := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)`(?: \\|[^|]*){3} \\|(.*)\\|$").FindAllStringSubmatch(earlier, -1) {
		meanings[row[1]] = row[2]
	}
	table := "| field | type | req. | since | meaning |\n|---|---|---|---|---|"
	for _, f := range records.fields() {
		if f.Name == "" {
			table += "\n| others | | | | |"
			continue
		}
		table += fmt.Sprintf("\n| `%s` | %s | %s | %d |%s|", f.Name, f.Kind, f.Need, f.Since, cmp.Or(meanings[f.Name], " "))
	}
	return table
}

// Every reason and kind of damage has its row.
func TestFormatNamesEveryReason(t *testing.T) {
	text := formatText(t)
	for _, r := range []Reason{ReasonNotReturned, ReasonTruncated, ReasonUnreadable, ReasonUIDValidity, ReasonKey, ReasonFolderLost, ReasonRefused, ReasonNoFolder, ReasonTarget, ReasonIncomplete, ReasonTooLarge, ReasonAmbiguous, ReasonDamaged, ReasonInBase} {
		if !strings.Contains(text, "\n| `"+string(r)+"` |") {
			t.Errorf("FORMAT.md has no row for the reason %s", r)
		}
	}
	for _, k := range []Kind{Truncated, Corrupt, Limit, NewVersion, Edited, NotStream} {
		if !strings.Contains(text, "\n| `"+string(k)+"` |") {
			t.Errorf("FORMAT.md has no row for the damage %s", k)
		}
	}
}
