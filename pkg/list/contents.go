package list

import (
	"context"
	"slices"
	"strconv"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Contents lists the chosen folders with their status, in the order of a
// stream. Folders that tell nothing, or that were asked for by name and are
// not there, are in failed.
func Contents(ctx context.Context, session *imapconn.Session, choice folder.Selection, sizes bool) (toc []stream.Folder, failed []stream.Failed, err error) {
	boxes, err := session.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(boxes) == 0 {
		return nil, nil, exit.Errorf(exit.Protocol, "the server lists no folder, not even INBOX")
	}
	names := make([]string, len(boxes))
	for i, b := range boxes {
		names[i] = b.Name
	}
	for _, name := range choice.Unmatched(names, session.Namespace().Delimiter) {
		failed = append(failed, stream.Failed{Folder: name, Reason: stream.ReasonNoFolder, Text: "the account has no such folder"})
	}
	boxes = slices.DeleteFunc(boxes, func(b imapconn.Mailbox) bool { return !choice.Match(b.Name, b.Delimiter, b.Subscribed) })
	selectable := slices.DeleteFunc(slices.Clone(boxes), func(b imapconn.Mailbox) bool { return !b.Selectable() })
	results, err := session.Status(ctx, selectable, sizes)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range boxes {
		var status *imapconn.Status
		if b.Selectable() {
			if r := results[0]; r.Err == nil {
				status = &r.Status
			} else {
				failed = append(failed, stream.Failed{Folder: b.Name, Reason: stream.ReasonRefused, Text: r.Err.Error()})
			}
			results = results[1:]
		}
		toc = append(toc, Folder(b, status))
	}
	return toc, failed, nil
}

// Folder makes the record of a mailbox; st is nil where it cannot be opened.
func Folder(b imapconn.Mailbox, st *imapconn.Status) stream.Folder {
	f := stream.Folder{Name: b.Name, Delimiter: b.Delimiter, Attributes: lasting(b.Attributes), Subscribed: b.Subscribed, Octets: -1}
	if st != nil {
		f.UIDValidity, f.UIDNext, f.Messages, f.Octets = st.UIDValidity, st.UIDNext, st.Messages, st.Octets
		if st.HighestModSeq > 0 {
			f.HighestModSeq = strconv.FormatUint(st.HighestModSeq, 10)
		}
	}
	return f
}

// lasting leaves out what says how busy a mailbox is: the same state exported
// twice is to be the same stream.
func lasting(attributes []string) []string {
	return slices.DeleteFunc(slices.Clone(attributes), func(a string) bool { return a == `\Marked` || a == `\Unmarked` })
}
