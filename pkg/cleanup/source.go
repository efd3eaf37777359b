package cleanup

import (
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// Source plans to delete the messages of a stream from the account that they
// were taken from. What the stream exclude is not meant; but it must be whole
// and as its producer wrote it. A message whose bytes are not those of its
// record stays, and the error is fault.Partial. Messages of folders that
// have failed stay too: all wait in a temporary file until the stream was read.
func Source(opt diff.Options, in *stream.Reader, w *stream.Writer) (*Removal, error) {
	spool, err := stream.NewSpool()
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	in.CheckBodies()
	l := &sourceReader{opt: &opt, w: w, sum: &Removal{}, spool: spool, failed: map[string]bool{}}
	for rec, err := range in.All() {
		if err == nil {
			err = l.record(rec)
		}
		if err != nil {
			return l.sum, err
		}
	}
	if l.damaged > 0 {
		return l.sum, fault.Errorf(fault.Partial, "%s %s damaged in the stream, and %s", text.Count(l.damaged, "message"),
			text.Either(l.damaged, "is", "are"), text.Either(l.damaged, "stays", "stay"))
	}
	return l.sum, nil
}

type sourceReader struct {
	opt   *diff.Options
	w     *stream.Writer
	sum   *Removal
	begin *stream.Begin
	large *stream.Delete // its parts are under way

	damaged int             // messages whose bytes are not those of their records
	spool   *stream.Spool   // what the stream under way deletes
	failed  map[string]bool // its folders that have failed
}

func (l *sourceReader) record(rec stream.Record) error {
	switch r := rec.(type) {
	case *stream.Begin:
		if r.Plan {
			return fault.Errorf(fault.Usage, "the stream is a plan").WithHint("give what imap-fetch wrote")
		}
		l.begin = r
		return begin(l.w, l.opt, r, r.Account(), r.Account())
	case *stream.Message:
		l.large = nil
		if r.Change != "" && !r.HasOctets() {
			return nil // the stream holds its flags alone
		}
		d := &stream.Delete{Target: r.Folder, TargetUIDValidity: r.UIDValidity, TargetUID: r.UID, Key: r.Key,
			SHA256: r.SHA256}
		if r.Parts > 0 {
			l.large = d
			return nil
		}
		return l.delete(d)
	case *stream.Body:
		if l.large != nil && r.Part == r.Parts {
			l.large.SHA256 = r.SHA256
			return l.delete(l.large)
		}
	case *stream.Failed:
		l.large = nil
		switch {
		case r.UID == 0:
			l.failed[r.Folder] = true
		case r.Reason == stream.ReasonDamaged:
			l.damaged++
			l.opt.Warn("not deleted: %s", r.Text)
		}
	case *stream.End:
		if err := l.plan(); err != nil {
			return err
		}
		return l.w.End(&stream.End{Plan: true})
	case *stream.Abort:
		if l.begin == nil || !l.w.Begun() {
			return r.Err()
		}
		if err := l.plan(); err != nil {
			return err
		}
		if err := l.w.Abort(r); err != nil {
			return err
		}
		return r.Err()
	}
	return nil
}

func (l *sourceReader) delete(d *stream.Delete) error {
	l.sum.Listed++
	return l.spool.Add(d)
}

// plan writes what is to be deleted of the stream that ends.
func (l *sourceReader) plan() error {
	for place := range l.spool.Len() {
		record, err := l.spool.At(place)
		if err != nil {
			return err
		}
		if d, ok := record.(*stream.Delete); ok && l.failed[d.Target] {
			continue
		}
		l.sum.Deleted++
		if err := l.w.Write(record); err != nil {
			return err
		}
	}
	if n := l.sum.Listed - l.sum.Deleted; n > 0 {
		l.opt.Warn("%s %s: their folders have failed when the stream was made", text.Count(n, "message"),
			text.Either(n, "stays", "stay"))
	}
	clear(l.failed)
	return l.spool.Reset()
}
