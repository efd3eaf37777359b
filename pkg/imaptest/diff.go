package imaptest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// DiffOptions says what two dumps need not have in common.
type DiffOptions struct {
	IgnoreFlags   bool
	IgnoreDates   bool
	IgnoreFolders bool
	// Order also demands that each folder's messages come in the same order.
	Order bool
	// Path is applied to both sides' Entry.Path, where folders were renamed.
	Path func(string) string
}

// Diff compares two accounts as multisets of messages. It returns "" when
// they are equal, else one line for each difference: "-" for what got lacks,
// "+" for what got has beyond want, "~" for a message of another order.
func Diff(want, got []Entry, opts DiffOptions) string {
	counts := map[string]int{}
	for _, entry := range want {
		counts[opts.line(entry)]++
	}
	for _, entry := range got {
		counts[opts.line(entry)]--
	}
	var lines []string
	for line, n := range counts {
		switch {
		case n > 0:
			lines = append(lines, difference("-", line, n))
		case n < 0:
			lines = append(lines, difference("+", line, -n))
		}
	}
	// Sorted by what follows the sign, so that a message that merely changed
	// its flags shows as two lines next to each other.
	sort.Slice(lines, func(i, j int) bool { return lines[i][2:]+lines[i][:1] < lines[j][2:]+lines[j][:1] })
	if len(lines) == 0 && opts.Order {
		lines = opts.order(want, got)
	}
	return strings.Join(lines, "\n")
}

func difference(sign, line string, n int) string {
	if n == 1 {
		return sign + " " + line
	}
	return fmt.Sprintf("%s %s (%d times)", sign, line, n)
}

func (o DiffOptions) path(entry Entry) string {
	switch {
	case o.IgnoreFolders:
		return "*"
	case o.Path != nil:
		return o.Path(entry.Path)
	}
	return entry.Path
}

func (o DiffOptions) line(entry Entry) string {
	line := fmt.Sprintf("%q %s %d octets", o.path(entry), entry.SHA256, entry.Size)
	if !o.IgnoreDates {
		line += " " + entry.InternalDate.UTC().Format(time.RFC3339)
	}
	if !o.IgnoreFlags {
		line += " (" + strings.Join(entry.Flags, " ") + ")"
	}
	return line
}

func (o DiffOptions) order(want, got []Entry) []string {
	wanted, found := o.sequences(want), o.sequences(got)
	var lines []string
	for path, sequence := range wanted {
		for i, sum := range sequence {
			if found[path][i] != sum {
				lines = append(lines, fmt.Sprintf("~ %q: message %d is %s, want %s", path, i+1, found[path][i], sum))
				break
			}
		}
	}
	sort.Strings(lines)
	return lines
}

func (o DiffOptions) sequences(entries []Entry) map[string][]string {
	sorted := slices.Clone(entries)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].UID < sorted[j].UID })
	out := map[string][]string{}
	for _, entry := range sorted {
		out[o.path(entry)] = append(out[o.path(entry)], entry.SHA256)
	}
	return out
}

// Sum is the lower-case hex sha256 of octets, as in Entry.SHA256.
func Sum(octets []byte) string {
	sum := sha256.Sum256(octets)
	return hex.EncodeToString(sum[:])
}
