package imapconn

import (
	"context"
	"errors"
	"io"
)

// Limits of one MULTIAPPEND command. Append cuts longer slices itself.
const (
	MaxBatchMessages = 200
	MaxBatchOctets   = 8 << 20
)

// AppendMessage is one message to append.
type AppendMessage struct {
	Flags        []string
	InternalDate string // RFC 3339 with an offset, or "": the server's clock
	Size         int64
	Body         io.ReaderAt // Size octets; may be read more than once
}

// AppendResult is the known fate of one message.
type AppendResult struct {
	UIDValidity, UID uint64 // 0 if the server does not tell (RFC 4315)
	// Err is nil if the message was stored. Else it was not stored, for a reason
	// of its own: an *imap.Error holds the server's refusal, in words that are
	// not safe to print; ErrEmpty and ErrTooBig mean that it was not even sent.
	Err          error
	DroppedFlags []string // flags that could not be sent or were refused
	RefusedFlags []string // those of DroppedFlags that were refused: STORE may set them later
	DroppedDate  bool     // InternalDate was no date or was refused
}

var (
	// ErrNoMailbox is returned by Append when the mailbox does not exist
	// ([TRYCREATE]). Nothing that was not reported done was stored.
	ErrNoMailbox = errors.New("no such mailbox")
	// ErrEmpty is the fate of a message without octets: servers refuse it, and
	// with it the batch it is in.
	ErrEmpty = errors.New("an empty message cannot be appended")
	// ErrTooBig is the fate of a message above the server's APPENDLIMIT.
	ErrTooBig = errors.New("larger than the server's APPENDLIMIT")
)

// InDoubt is returned by Append when the connection was lost before the server
// answered, or the answer was none that IMAP has: whether those of the messages
// From to To-1 that were not reported done were stored is unknown. Any other
// message that was not reported done was not stored. Look those in doubt up
// before they are sent again.
type InDoubt struct {
	From, To int
	Err      error
}

func (e *InDoubt) Error() string { return e.Err.Error() }
func (e *InDoubt) Unwrap() error { return e.Err }

// LookUp is asked about messages, by their places in the slice, that the server
// has refused after their octets had gone out: it returns those that are not in
// the mailbox, in the same order. Those that are there are the caller's to report;
// Append is done with them. It may use the Session. Its error ends the Append.
type LookUp func(refused []int) (missing []int, err error)

// Append appends messages to the mailbox with the given name (as the server
// spells it), in the order of the slice. done is called, from the caller's
// goroutine and in that order, for each message whose fate is known: stored, or
// refused for a reason of its own. If Append returns an error, those that were
// not reported were not stored, save those that an InDoubt names; the call can
// be repeated with them.
//
// A refusal is not always one: some servers refuse what they have stored. Nothing
// of which octets went out is sent a second time, or reported as refused, before
// lookUp says that it is missing. nil believes every refusal.
//
// Other errors are ErrNoMailbox, and by their kind: fault.CantCreate the mailbox is
// full, fault.Temporary the server is busy or away, fault.IO a Body could not be read.
//
// It resumes, but sends nothing again that may have been stored. The end of ctx
// is seen between commands only: what is on its way is seen through.
//
// Many messages go in one command where the server has MULTIAPPEND (RFC 3502),
// else in commands that do not wait for each other where it has LITERAL+ (RFC
// 7888). A message whose flags or date a server might not understand goes
// alone and waits for the server's consent, for a server that does not
// understand a command takes the text of the message behind it for commands. A
// keyword that was taken so is sent with others from then on.
func (s *Session) Append(ctx context.Context, mailboxWire string, msgs []AppendMessage,
	done func(i int, r AppendResult), lookUp LookUp) error {
	st := s.takeStage(mailboxWire, msgs)
	if st != nil {
		return st.a.resume(ctx, st, done, lookUp)
	}
	limit, err := s.AppendLimit(ctx, mailboxWire)
	if err != nil {
		return err
	}
	a := newAppender(ctx, s, mailboxWire, msgs, limit)
	a.done, a.lookUp = done, lookUp
	return a.run()
}
