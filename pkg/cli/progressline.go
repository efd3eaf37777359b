package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/cli/descriptor"
	"github.com/imap-pipe/imap-pipe/pkg/text"
	"golang.org/x/term"
)

// line is progress for people:
//
//	reading: 1,234/20,000 messages, 56.7 MB/1.2 GB, 12.3 MB/s, 310/s, 1:32 left, Archive/2019
func (p *Progress) line() string {
	c, v := p.snapshot()
	var parts []string
	parts = append(parts, ratio(c.messages, c.totalMessages, text.Thousands)+" messages")
	if c.octets > 0 || c.totalOctets > 0 {
		parts = append(parts, ratio(c.octets, c.totalOctets, text.Octets))
	}
	if v.octets > 0 {
		parts = append(parts, text.Octets(int64(v.octets))+"/s")
	}
	if v.messages > 0 {
		parts = append(parts, text.Thousands(int64(math.Round(v.messages)))+"/s")
	}
	if v.left >= 0 {
		parts = append(parts, clock(v.left)+" left")
	}
	if c.folder != "" {
		parts = append(parts, Safe(c.folder))
	}
	line := strings.Join(parts, ", ")
	if c.phase != "" {
		line = Safe(c.phase) + ": " + line
	}
	return line
}

// object is progress for programs, one JSON object a line.
func (p *Progress) object(done bool) string {
	c, v := p.snapshot()
	object := struct {
		Type          string  `json:"type"`
		Command       string  `json:"command"`
		Phase         string  `json:"phase,omitempty"`
		Messages      int64   `json:"messages"`
		TotalMessages int64   `json:"total_messages,omitempty"`
		Octets        int64   `json:"octets"`
		TotalOctets   int64   `json:"total_octets,omitempty"`
		Seconds       float64 `json:"seconds"`
		OctetRate     int64   `json:"octets_per_second"`
		MessageRate   float64 `json:"messages_per_second"`
		Left          *int64  `json:"seconds_left,omitempty"`
		Done          bool    `json:"done"`
		Folder        string  `json:"folder,omitempty"`
	}{
		Type: "progress", Command: p.messages.name, Phase: c.phase, Messages: c.messages,
		TotalMessages: c.totalMessages,
		Octets:        c.octets, TotalOctets: c.totalOctets, Seconds: tenths(v.elapsed.Seconds()),
		OctetRate:   int64(v.octets),
		MessageRate: tenths(v.messages), Done: done, Folder: c.folder,
	}
	if v.left >= 0 {
		left := int64(v.left.Seconds())
		object.Left = &left
	}
	line, err := json.Marshal(object)
	if err != nil {
		panic(err) // strings and finite numbers: cannot be
	}
	return text.SafeJSON(string(line))
}

func tenths(f float64) float64 { return math.Round(f*10) / 10 }

// ratio is "done/total", or "done" where the total is not known.
func ratio(done, total int64, format func(int64) string) string {
	if total == 0 {
		return format(done)
	}
	return format(done) + "/" + format(total)
}

// clock writes a duration as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// stderrWidth is the width of the terminal, 80 columns if it does not tell.
func stderrWidth() int {
	columns := 0
	descriptor.Control(os.Stderr, func(fd int) { columns, _, _ = term.GetSize(fd) })
	if columns < 2 {
		return 80
	}
	return columns
}
