package list

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// findings prints what a check comes upon, as it does so.
type findings struct {
	w    *bufio.Writer
	json *json.Encoder // nil: text
	safe func(string) string
}

func newFindings(out io.Writer, opt CheckOptions) *findings {
	f := &findings{w: bufio.NewWriter(out), safe: opt.Safe}
	if !opt.Text {
		f.json = json.NewEncoder(f.w)
		f.json.SetEscapeHTML(false)
	}
	return f
}

func (f *findings) flush() error { return fault.Wrap(fault.IO, f.w.Flush()) }

func (f *findings) line(format string, args ...any) error {
	_, err := fmt.Fprintf(f.w, format+"\n", args...)
	return fault.Wrap(fault.IO, err)
}

func (f *findings) finding(d *Finding) error {
	if f.json != nil {
		d.Text = strings.ToValidUTF8(d.Text, "\ufffd")
		return fault.Wrap(fault.IO, f.json.Encode(d))
	}
	what := f.safe(d.Folder)
	if d.UID != 0 {
		what += fmt.Sprintf(" UID %d", d.UID)
	}
	text := f.safe(d.Text)
	switch {
	case text == "":
		text = f.safe(d.Reason)
	case d.Type == "failed":
		text = f.safe(d.Reason) + ": " + text
	}
	return f.line("%s: %s: %s", d.Type, what, text)
}

func (f *findings) verdict(v *Verdict) error {
	if f.json != nil {
		return fault.Wrap(fault.IO, f.json.Encode(v))
	}
	err := f.line("checked: %s, %s, %s, %s", text.Count(v.Streams, "stream"), text.Count(v.Records, "record"),
		text.Count(v.Folders, "folder"), text.Count(v.Messages, "message"))
	if err == nil {
		err = f.line("hashed: %s, %s", text.Count(v.Hashed, "message"), text.Count(v.Octets, "octet"))
	}
	if err == nil && v.Failed > 0 {
		err = f.line("failed when it was made: %s", text.Count(v.Failed, "message or folder"))
	}
	if err == nil && v.Differ > 0 {
		err = f.line("another size than the server said: %s", text.Count(v.Differ, "message"))
	}
	if err == nil && v.Unknown > 0 {
		err = f.line("flags, date or labels not told by the server: %s", text.Count(v.Unknown, "message"))
	}
	if err != nil {
		return err
	}
	line := v.Verdict
	if v.Lost > 0 {
		line += ", " + text.Count(v.Lost, "message") + " lost"
	}
	if v.Text != "" {
		line += ": " + f.safe(v.Text)
	}
	return f.line("%s", line)
}
