package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// NDJSON prints a report for programs, a record a line.
type NDJSON struct{ enc *json.Encoder }

// NewNDJSON makes a Printer for programs.
func NewNDJSON(out io.Writer) *NDJSON {
	p := &NDJSON{json.NewEncoder(out)}
	p.enc.SetEscapeHTML(false)
	return p
}

// Subject prints what is compared.
func (p *NDJSON) Subject(s *Subject) error { return p.enc.Encode(s) }

// Difference prints one difference.
func (p *NDJSON) Difference(d *Difference) error { return p.enc.Encode(d) }

// Near prints a near miss.
func (p *NDJSON) Near(n *NearMiss) error { return p.enc.Encode(n) }

// Folder prints the counts of a folder.
func (p *NDJSON) Folder(s *Summary) error { return p.enc.Encode(s) }

// Total prints the counts of all folders.
func (p *NDJSON) Total(s *Summary) error { return p.enc.Encode(s) }

// Text prints a report for people. Whatever comes from outside passes through
// safe.
type Text struct {
	out  io.Writer
	safe func(string) string
}

// NewText makes a Printer for people.
func NewText(out io.Writer, safe func(string) string) *Text { return &Text{out, safe} }

// Subject prints what is compared.
func (p *Text) Subject(s *Subject) error {
	_, err := fmt.Fprintf(p.out, "source       %s (%s)\ndestination  %s\nkey          %s\n", p.safe(s.Source),
		s.Content,
		p.safe(s.Destination), p.safe(s.Key))
	if err == nil && len(s.Filters) > 0 {
		_, err = fmt.Fprintf(p.out, "left out     the source has only: %s\n", p.safe(strings.Join(s.Filters, ", ")))
	}
	return err
}

// Difference prints one difference.
func (p *Text) Difference(d *Difference) error {
	place, uid := d.Folder, fmt.Sprintf("UID %d", d.UID)
	if d.UID == 0 {
		place, uid = d.Target, fmt.Sprintf("UID %d", d.TargetUID)
	}
	if d.UID == 0 && d.TargetUID == 0 {
		uid = "the folder"
	}
	line := fmt.Sprintf("  %-8s %s %s", d.Kind, p.safe(place), uid)
	switch d.Kind {
	case KindMissing, KindAltered:
		line += fmt.Sprintf("  %s  %d octets  %s  %s", d.InternalDate, d.Size, d.MessageID, d.Subject)
	case KindByKey:
		line += fmt.Sprintf("  %s  %d octets  %s  %s: only the key agrees with UID %d of %s, %s  %d octets",
			d.InternalDate,
			d.Size,
			d.MessageID, d.Subject, d.TargetUID, d.Target, d.TargetDate, d.TargetSize)
	case KindExtra:
		line += fmt.Sprintf("  %s  %d octets", d.TargetDate, d.Size)
	case KindCopy:
		line += fmt.Sprintf("  of UID %d  %s  %d octets", d.CopyOf, d.TargetDate, d.Size)
	case KindFlags:
		line += fmt.Sprintf("  (%s) here, (%s) there", strings.Join(d.Flags, " "), strings.Join(d.TargetFlags, " "))
	case KindDate:
		line += fmt.Sprintf("  %s here, %s there", d.InternalDate, d.TargetDate)
	case KindFolder:
		line += " is not there"
	case KindUnknown:
		line += "  " + d.Text
	case KindFailed:
		line += fmt.Sprintf("  %s: %s", d.Reason, d.Text)
	}
	_, err := fmt.Fprintln(p.out, strings.TrimRight(p.safe(line), " "))
	return err
}

// Near prints a near miss: what is alike after a blank, what is not after the
// signs that diff(1) uses.
func (p *Text) Near(n *NearMiss) error {
	what := "is missing, and"
	if len(n.Same) == 0 {
		what = "counts as present because"
		n.Same = []string{"key and nothing else"}
	}
	lines := []string{fmt.Sprintf("near: %s UID %d %s UID %d of %s has the same %s", n.Folder, n.UID, what, n.TargetUID,
		n.Target, strings.Join(n.Same, " and "))}
	for _, f := range n.Fields {
		switch {
		case f.Here == f.There && f.Here == "":
			lines = append(lines, "    "+f.Name+" is on neither side")
		case f.Here == f.There:
			lines = append(lines, "    "+f.Name+": "+f.Here)
		default:
			lines = append(lines, "  - "+f.Name+": "+f.Here, "  + "+f.Name+": "+f.There)
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.out, strings.TrimRight(p.safe(line), " ")); err != nil {
			return err
		}
	}
	return nil
}

// Folder prints the counts of a folder.
func (p *Text) Folder(s *Summary) error {
	name := s.Target
	if s.Folder != "" && s.Folder != s.Target {
		name = s.Folder + " -> " + s.Target
	}
	_, err := fmt.Fprintf(p.out, "%s: %s\n", p.safe(name), s.counts())
	return err
}

// Total prints the counts of all folders.
func (p *Text) Total(s *Summary) error {
	verdict := "equal"
	if !s.Equal() {
		verdict = "different"
	}
	unread := ""
	if s.Unread > 0 {
		unread = fmt.Sprintf("bodies not compared: %s, by key, flags and date alone\n", text.Count(s.Unread, "message"))
	}
	_, err := fmt.Fprintf(p.out, "total: %s\n%s%s\n", s.counts(), unread, verdict)
	return err
}

func (s *Summary) counts() string {
	text := fmt.Sprintf("%d listed, %d present, %d missing, %d extra", s.Listed, s.Present, s.Missing, s.Extra)
	for _, more := range []struct {
		n    int64
		name string
	}{{s.ByKey, "present by key alone"}, {s.Folders, "folders missing"}, {s.Flags, "with other flags"},
		{s.Date, "with another date"}, {s.Altered, "altered"}, {s.Ambiguous, "ambiguous"}, {s.Expunged, "expunged"},
		{s.Failed, "failed"}, {s.Elsewhere, "in another folder"}, {s.Unknown, "with unknown flags or date"},
		{s.Excluded, "excluded"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %d %s", more.n, more.name)
		}
	}
	return text
}
