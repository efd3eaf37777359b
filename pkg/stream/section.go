package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/canonical"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
)

// Kind says what is wrong with a stream.
type Kind string

// The kinds of damage; all of them are fault.Data.
const (
	Truncated  Kind = "truncated"
	Corrupt    Kind = "corrupt"
	Limit      Kind = "limit"
	NewVersion Kind = "version"
	Edited     Kind = "edited"
	NotStream  Kind = "not-a-stream"
)

// What errors of streams come of, where it is something that users can change.
var (
	ErrFiltered    = errors.New("the stream was filtered")
	ErrLateDelta   = errors.New("a delta comes after what it is about")
	ErrCompression = errors.New("the compression is damaged")
	ErrFolderIsTwo = errors.New("a folder comes under two UIDVALIDITYs")
)

// Error is damage to a stream as a whole.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func damage(kind Kind, err error) error {
	e := fault.New(fault.Data, &Error{kind, err})
	if kind == Edited {
		e.Because(ErrFiltered)
	}
	return e
}

// counts is what both ends of a stream count, in one way.
type counts struct {
	records, emitted, expunged, failed, folders, skipped, octets int64
	unknown, differ                                              int64 // messages, see End

	open parts // the message whose parts are under way
}

// parts is where a message with body parts stands.
type parts struct {
	folder    string
	validity  uint64
	uid       uint64
	next, all int
	size      int64

	unknown, differ int64 // 1 if it counts there
}

func (c *counts) add(r Record) {
	c.records++
	switch r := r.(type) {
	case *Message:
		c.emitted++
		c.octets += r.Size
		c.open = parts{}
		unknown, differ := int64(min(1, len(r.Unknown))), int64(0)
		if r.RFC822Size != nil {
			differ = 1
		}
		c.unknown += unknown
		c.differ += differ
		if r.Parts > 0 {
			c.open = parts{folder: r.Folder, validity: r.UIDValidity, uid: r.UID, next: 1, all: r.Parts, size: r.Size,
				unknown: unknown, differ: differ}
		}
	case *Body:
		if c.open.next++; r.Part == r.Parts {
			c.open = parts{}
		}
	case *Expunged:
		c.expunged++
	case *Skipped:
		c.skipped++
	case *Failed:
		c.fail(r)
	}
}

// fail counts a failure; one for the message under way takes it back.
func (c *counts) fail(r *Failed) {
	if r.UID == 0 {
		c.folders++
		return
	}
	c.failed++
	if c.open.all > 0 && c.open.uid == r.UID && c.open.folder == r.Folder {
		c.emitted--
		c.octets -= c.open.size
		c.unknown -= c.open.unknown
		c.differ -= c.open.differ
		c.open = parts{}
	}
}

// contents is the table of contents of a stream, and how far its messages are in it.
type contents struct {
	folders  map[string]int
	unstable map[int]bool // those whose UIDVALIDITY is unstable
	octets   int
	at       int // the folder that the messages have come to, or -1
}

func newContents() contents {
	return contents{folders: map[string]int{}, unstable: map[int]bool{}, at: -1}
}

// section checks the records of one stream, from begin to end or abort, and
// the start of the next.
type section struct {
	edited bool
	ended  bool // one stream at least
	late   bool // this is a delta, and another stream of its account stands before it
	before before
	moved  moved

	begin    *Begin
	contents contents
	altered  bool    // not as the producer wrote it
	skipped  int64   // body parts without their message
	lost     *Failed // a message that ended before its last part did
	hash     hash.Hash
	counts   counts

	decoder codec.Decoder
	msg     Message // reused
	part    Body
}

func newSection(edited bool) *section {
	return &section{edited: edited, hash: sha256.New(), moved: moved{}}
}

// line takes the next line without its line feed. The record is valid until
// the next call. A nil record without an error is to be passed over.
func (s *section) line(line []byte) (Record, error) {
	if !utf8.Valid(line) {
		return nil, s.corrupt(errors.New("invalid UTF-8"))
	}
	kind, err := codec.TypeOf(line)
	if err != nil {
		return nil, s.corrupt(err)
	}
	if (s.begin == nil) != (kind == "begin") && !(s.begin == nil && kind == "abort") {
		return nil, s.outside(kind)
	}
	r := s.decode(kind, line)
	if s.decoder.Err != nil {
		return nil, s.unreadable(kind, s.decoder.Err)
	}
	if end, ok := r.(*End); ok {
		return s.close(end)
	}
	if r, err = s.order(r); r == nil || err != nil {
		return nil, err
	}
	if kind == "folder" {
		if s.contents.octets += len(line) + 1; s.contents.octets > MaxContents {
			return nil, damage(Limit, fmt.Errorf("record %d: a table of contents of more than %d octets",
				s.counts.records+1, MaxContents))
		}
	}
	s.altered = s.altered || s.decoder.Late()
	if at := s.decoder.BodyAt(); at >= 0 {
		line = line[:at]
	}
	s.hash.Write(line)
	s.hash.Write(lineFeed)
	s.counts.add(r)
	if _, ok := r.(*Abort); ok {
		s.reset()
	}
	return r, nil
}

func (s *section) corrupt(err error) error {
	kind := Corrupt
	if errors.Is(err, canonical.ErrDepth) {
		kind = Limit
	}
	return damage(kind, fmt.Errorf("record %d: %w", s.counts.records+1, err))
}

// unreadable says what it means that a record cannot be taken.
func (s *section) unreadable(kind string, err error) error {
	var format *formatError
	var version *versionError
	switch {
	case errors.As(err, &format):
		return damage(NotStream, err)
	case errors.As(err, &version):
		return damage(NewVersion, err)
	}
	return s.corrupt(fmt.Errorf("%s record: %w", quote(kind), err))
}

// filtered is damage that filtering on purpose leaves behind.
func (s *section) filtered(format string, args ...any) error {
	return damage(Edited, fmt.Errorf("record %d: %w", s.counts.records+1, fmt.Errorf(format, args...)))
}

// outside says why a record may not stand where no stream is open, or a
// begin where one is.
func (s *section) outside(kind string) error {
	switch {
	case kind == "begin":
		return damage(Truncated, errors.New("a stream begins before the one in front of it has ended"))
	case s.edited:
		return s.corrupt(fmt.Errorf("a %s record without a begin: keep begin, folder and end records when you filter",
			quote(kind)))
	case s.ended:
		return s.corrupt(fmt.Errorf("a %s record after the end", quote(kind)))
	}
	return damage(NotStream, fmt.Errorf("the first record is %s, not begin", quote(kind)))
}

// decode reads a record of the type kind. s.decoder has what is wrong with it.
func (s *section) decode(kind string, line []byte) Record {
	d := &s.decoder
	d.Begin(line)
	switch kind { // records that a stream has many of are made once
	case messageTable.Kind:
		messageTable.Decode(d, &s.msg)
		return &s.msg
	case partTable.Kind:
		partTable.Decode(d, &s.part)
		return &s.part
	}
	if t, ok := recordTypes[kind]; ok {
		return t.decode(d)
	}
	return &Unknown{Type: kind, Line: d.Unknown()}
}

// order checks that a record may stand where it does. It returns nil for one
// to be passed over.
func (s *section) order(r Record) (Record, error) {
	if b, ok := r.(*Body); ok {
		return s.orderPart(b)
	}
	if err := s.interrupts(r); err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *Begin:
		s.begin, s.contents, s.altered = r, newContents(), s.edited
		return r, s.continues(r)
	case *Folder:
		if _, twice := s.contents.folders[r.Name]; twice || s.contents.at >= 0 {
			return nil, s.corrupt(fmt.Errorf("folder %s stands twice or after the first message", quote(r.Name)))
		}
		if r.Unstable {
			s.contents.unstable[len(s.contents.folders)] = true
		}
		s.contents.folders[r.Name] = len(s.contents.folders)
	case *Message:
		i, ok := s.contents.folders[r.Folder]
		if !ok || i < s.contents.at {
			return nil, s.corrupt(fmt.Errorf("%s UID %d stands outside its folder's turn in the table of contents",
				quote(r.Folder), r.UID))
		}
		if err := s.takesTurn(i, r); err != nil {
			return nil, err
		}
	case *FolderExpunged:
		s.moved.forget(s.begin, r)
	}
	return r, nil
}

// interrupts reports whether a record may stand between a message and its parts:
// a failure of that message and an abort may.
func (s *section) interrupts(r Record) error {
	o := s.counts.open
	if o.all == 0 {
		return nil
	}
	switch r := r.(type) {
	case *Abort:
		return nil
	case *Failed:
		if r.UID == o.uid && r.Folder == o.folder {
			return nil
		}
	}
	if !s.edited {
		return s.filtered("%s UID %d: body part %d of %d is missing", quote(o.folder), o.uid, o.next, o.all)
	}
	s.abandon()
	return nil
}

func (s *section) orderPart(b *Body) (Record, error) {
	o := s.counts.open
	switch {
	case o.all > 0 && b.Folder == o.folder && b.UID == o.uid && b.Part == o.next && b.Parts == o.all:
		return b, nil
	case !s.edited:
		return nil, s.filtered("%s UID %d: body part %d without its message or out of order", quote(b.Folder), b.UID, b.Part)
	}
	s.skipped++
	return nil, nil
}

// abandon turns a message whose parts an edited stream lacks into a failure.
func (s *section) abandon() {
	o := s.counts.open
	s.lost = &Failed{Folder: o.folder, UIDValidity: o.validity, UID: o.uid, Reason: ReasonIncomplete,
		Text: "body parts are missing"}
	s.counts.add(s.lost)
}

// close checks the end record against what came.
func (s *section) close(end *End) (Record, error) {
	c := s.counts
	fits := end.Hash == hex.EncodeToString(s.hash.Sum(nil)) && end.Records == c.records && end.Emitted == c.emitted &&
		end.Expunged == c.expunged && end.Failed == c.failed && end.Folders == c.folders &&
		end.Skipped == c.skipped && end.Octets == c.octets && end.Unknown == c.unknown &&
		end.SizesDiffer == c.differ && c.open.all == 0
	if !s.begin.Plan { // a plan has present ones besides
		fits = fits && end.Listed == c.emitted+c.expunged+c.failed
	}
	switch {
	case !fits && !s.edited:
		return nil, damage(Edited, errors.New("the counts and hash of the end record do not fit what came before it"))
	case s.altered && !s.edited:
		return nil, damage(Edited, errors.New("a field stands after a body"))
	}
	if c.open.all > 0 {
		s.abandon()
	}
	s.before.ended(end)
	s.reset()
	return end, nil
}

// reset makes ready for the next stream of a concatenation.
func (s *section) reset() {
	s.begin, s.contents, s.counts, s.ended = nil, contents{}, counts{}, true
	s.hash.Reset()
}
