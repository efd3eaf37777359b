package stream

import (
	"encoding/json"
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

// Every field that is written has its row, under the record that has it.
func TestFormatNamesEveryField(t *testing.T) {
	text := formatText(t)
	m := &Message{Folder: "A", UIDValidity: 1, UID: 1, Target: "A", Flags: []string{"x"}, InternalDate: "x", Received: "x", Twin: true, Header: []byte("{}"), Parts: 2}
	m.SetBody([]byte("\xff"))
	b := &Body{Folder: "A", UID: 1, Part: 1, Parts: 1, SHA256: "x", body: body{kind: textBody}}
	for _, r := range []Record{
		&Begin{Prefix: "x", Delimiter: "x", TargetUser: "x", TargetHost: "x", Base: "x"},
		&Folder{Name: "x", UIDs: "1", Namespace: "other", HighestModSeq: "1", LargestUID: 1, Oldest: "x", Newest: "x", ACL: []Grant{}, Target: "x", TargetUIDValidity: 1},
		m, b, &Failed{Folder: "A", UIDValidity: 1, UID: 1, Reason: "x", Text: "x"}, &Expunged{}, &FolderExpunged{}, &Message{Change: ChangeFlags}, &Skipped{Text: "x"}, &Create{Folder: "x"}, &Subscribe{Folder: "x"}, &Delete{CopyOf: 1, SHA256: "x"}, &DeleteFolder{}, &FlagChange{Add: []string{"x"}, Remove: []string{"x"}}, &Tie{}, &End{Plan: true, FlagChanges: 1, Excluded: 1, Skipped: 1}, &Abort{},
	} {
		section := regexp.MustCompile(`(?s)\n### (?:create, )?` + r.kind() + `\b.*?\n##`).FindString(text)
		if r.kind() == "create" {
			section = regexp.MustCompile(`(?s)\n### create, subscribe.*?\n##`).FindString(text)
		}
		var fields map[string]any
		if err := json.Unmarshal(Line(r), &fields); err != nil {
			t.Fatal(err)
		}
		for name := range fields {
			if row := regexp.MustCompile(`(?m)^\| .*` + "`" + name + "`"); name != "type" && !row.MatchString(section) {
				t.Errorf("%s: FORMAT.md has no row for %s", r.kind(), name)
			}
		}
	}
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
