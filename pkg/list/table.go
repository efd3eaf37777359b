package list

import (
	"io"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// table is lines of cells for a terminal. Numbers stand on the right of their
// column, all else on the left.
type table struct {
	rows  [][]string
	right []bool
}

// cell separator, and the mark of what is not known or does not apply.
const (
	gap  = "  "
	none = "-"
)

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// maxWidth bounds a column: one long name is not to push all else off the screen.
const maxWidth = 60

// write prints the rows. Blanks at the end of a line are left out.
func (t *table) write(w io.Writer) error {
	widths := make([]int, len(t.right))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], min(maxWidth, text.Columns(cell)))
		}
	}
	for _, row := range t.rows {
		line := ""
		for i, cell := range row {
			if i > 0 {
				line += gap
			}
			if pad := strings.Repeat(" ", max(0, widths[i]-text.Columns(cell))); t.right[i] {
				line += pad + cell
			} else {
				line += cell + pad
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line, " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// writeTable prints all folders, those that are left out with the reason, and
// the sum of those that are taken.
func writeTable(w io.Writer, entries []Entry, request Request) error {
	t := &table{right: []bool{true}}
	head := []string{"messages"}
	if request.Sizes {
		t.right = append(t.right, true, true, false, false)
		head = append(head, "size", "largest", "oldest", "newest")
	}
	t.right = append(t.right, false, false)
	t.add(append(head, "folder", "")...)
	var messages, octets int64
	taken := 0
	for i := range entries {
		e := &entries[i]
		t.add(append(e.numbers(request), text.Safe(e.Name), e.remark())...)
		if e.Left == "" && e.HoldsMessages() && e.Failed == "" {
			taken++
			messages += int64(e.Messages)
			octets += max(e.Octets, 0)
		}
	}
	sum := []string{text.Thousands(messages)}
	if request.Sizes {
		sum = append(sum, text.Octets(octets), "", "", "")
	}
	folders := " folders"
	if taken == 1 {
		folders = " folder"
	}
	t.add(append(sum, "total of "+text.Thousands(int64(taken))+folders, "")...)
	return t.write(w)
}

// numbers are the cells in front of the name.
func (e *Entry) numbers(request Request) []string {
	known := e.Left == "" && e.HoldsMessages() && e.Failed == ""
	cells := []string{none}
	if known {
		cells[0] = text.Thousands(int64(e.Messages))
	}
	if !request.Sizes {
		return cells
	}
	cells = append(cells, none, none, none, none)
	if known {
		cells[1] = text.Octets(max(e.Octets, 0))
	}
	if known && e.LargestUID != 0 {
		cells[2] = text.Octets(e.Largest)
	}
	for i, date := range []string{e.Oldest, e.Newest} {
		if day, _, ok := strings.Cut(date, "T"); known && ok {
			cells[3+i] = text.Safe(day)
		}
	}
	return cells
}

// remark is what stands behind the name: why a folder is left out, or what kind
// it is.
func (e *Entry) remark() string {
	switch {
	case e.Left != "":
		return "skipped: " + text.Safe(e.Left)
	case e.Failed != "":
		return "failed: " + text.Safe(e.Failed)
	}
	var words []string
	if !e.HoldsMessages() {
		words = append(words, "skipped: holds no messages itself")
	}
	for _, a := range e.Attributes {
		if !slices.Contains(dull, a) {
			words = append(words, text.Safe(a))
		}
	}
	if e.Namespace != "" {
		words = append(words, e.Namespace)
	}
	if e.Subscribed {
		words = append(words, "subscribed")
	}
	for _, g := range e.ACL {
		words = append(words, text.Safe(g.Identifier)+"="+text.Safe(g.Rights))
	}
	return strings.Join(words, " ")
}

// dull are attributes that the table shows in another way, or that every folder
// has.
var dull = []string{`\HasChildren`, `\HasNoChildren`, `\Noselect`, `\NonExistent`}
