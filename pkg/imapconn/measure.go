package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Extent is what the messages of a mailbox measure.
type Extent struct {
	Octets     int64  // the sum of their RFC822.SIZE
	Largest    int64  // of them, in octets
	LargestUID uint64 // the first of that size, 0 where there is no message
	Oldest     string // INTERNALDATE, RFC 3339 with the server's offset; "" if no message has one
	Newest     string
}

// Measured is the extent of a mailbox, or why it is not known.
type Measured struct {
	Extent
	Messages uint32 // that were measured
	Unsized  int    // those of them whose size the server does not tell

	Err    error
	Reason Reason // of Err: Refused, Unreadable, UIDValidityChanged or Contradiction
}

// Measure asks for the size and the arrival date of every message in a
// mailbox, of which STATUS said that it holds told. It resumes, and selects the
// mailbox for reading. The error is one that does not concern this mailbox alone.
func (s *Session) Measure(ctx context.Context, box *Mailbox, told uint32) (Measured, error) {
	var meter Meter
	var measured Measured
	var uids []uint64
	var claims *Claims
	items := Items{Size: true, InternalDate: true}
	measure := func(m *Message) error {
		if m.State != Have {
			return nil
		}
		if m.Unknown.Has(UnknownSize) {
			measured.Unsized++
		}
		measured.Messages++
		meter.Add(m.UID, m.Size, m.InternalDate)
		return nil
	}
	x, err := s.Examine(ctx, box.Wire)
	if err == nil {
		err = x.FetchAll(ctx, 1, 0, items, 0, func(m *Message) error {
			uids = append(uids, m.UID)
			return measure(m)
		})
	}
	if err == nil {
		slices.Sort(uids)
		claims, err = x.Reconcile(ctx, told, uids, nil)
	}
	if err == nil && claims.Text == "" && len(claims.More) > 0 {
		err = x.Fetch(ctx, claims.More, items, 0, measure)
	}
	switch {
	case err == nil && claims.Text != "":
		return Measured{Err: fmt.Errorf("folder %s: %s", quote(box.Name), claims.Text), Reason: Contradiction}, nil
	case err == nil:
		measured.Extent = meter.Extent
		return measured, nil
	case errors.Is(err, errReplaced):
		return Measured{Err: err, Reason: UIDValidityChanged}, nil
	case reasonOf(err) == Refused:
		return Measured{Err: err, Reason: Refused}, nil
	case IsFolder(err):
		return Measured{Err: err, Reason: Unreadable}, nil
	}
	return Measured{}, err
}

// Meter is an Extent that grows.
type Meter struct {
	Extent
	oldest, newest time.Time
}

// Add takes in a message of so many octets, with its INTERNALDATE in RFC 3339
// or "".
func (e *Meter) Add(uid uint64, octets int64, internalDate string) {
	octets = max(octets, 0)
	e.Octets = min(e.Octets+octets, maxSize-1)
	if octets > e.Largest || e.LargestUID == 0 || octets == e.Largest && uid < e.LargestUID {
		e.Largest, e.LargestUID = octets, uid
	}
	date, err := time.Parse(time.RFC3339, internalDate)
	if err != nil {
		return
	}
	if e.Oldest == "" || date.Before(e.oldest) {
		e.oldest, e.Oldest = date, internalDate
	}
	if e.Newest == "" || date.After(e.newest) {
		e.newest, e.Newest = date, internalDate
	}
}
