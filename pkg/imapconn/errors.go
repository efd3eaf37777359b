package imapconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// lineError says that a connection was lost. What was asked for may be asked
// again on a new one.
type lineError struct {
	host string
	err  error
	bye  string // the server's last words
}

func (e *lineError) Error() string {
	what := e.err.Error()
	switch {
	case errors.Is(e.err, errNoAnswer):
		what = fmt.Sprintf("the server talks, but %d times the timeout brought no answer", maxKeepalives)
	case errors.Is(e.err, os.ErrDeadlineExceeded):
		what = "no progress before the timeout"
	case errors.Is(e.err, io.ErrUnexpectedEOF):
		what = "closed by the server"
	}
	text := fmt.Sprintf("connection to %s lost: %s", printable(e.host), what)
	if IsGarbled(e.err) {
		text = fmt.Sprintf("%s does not speak IMAP as it should: %s", printable(e.host), what)
	}
	if e.bye != "" {
		text += "; the server said: " + printable(e.bye)
	}
	return text
}

func (e *lineError) Unwrap() error { return e.err }

// limitError says that a server sent more of something than any purpose needs,
// or something that cannot be understood without losing the place.
type limitError struct{ what string }

func (e *limitError) Error() string { return "the server sent " + e.what }

// IsGarbled reports whether a connection was ended because what the server sent
// could not be understood.
func IsGarbled(err error) bool {
	var limit *limitError
	return errors.As(err, &limit)
}

func isLost(err error) bool {
	var lost *lineError
	return errors.As(err, &lost)
}

// overQuota are words for a quota that is used up, of servers that have no code
// for it.
var overQuota = []string{"over quota", "overquota", "quota exceeded", "exceeds quota", "exceeded quota",
	"exceeded your quota", "exceeded your mail quota", "quota is full", "mailbox full", "mailbox is full"}

// isOverQuota reports whether a refusal says that the mailbox is full (RFC 5530).
func isOverQuota(err *imap.Error) bool {
	if err.Code != "" && !hasCode(err, imap.ResponseCodeAlert) {
		return hasCode(err, imap.ResponseCodeOverQuota)
	}
	text := strings.ToLower(err.Text)
	return slices.ContainsFunc(overQuota, func(words string) bool { return strings.Contains(text, words) })
}

func hasCode(err *imap.Error, code imap.ResponseCode) bool {
	return strings.EqualFold(string(err.Code), string(code))
}

// refused gives a server's refusal its kind and says what was refused.
func refused(err error, kind fault.Kind, format string, args ...any) error {
	var no *imap.Error
	if !errors.As(err, &no) {
		return err
	}
	switch {
	case isTemporary(no) || hasCode(no, imap.ResponseCodeLimit):
		kind = fault.Temporary
	case isOverQuota(no):
		kind = fault.CantCreate
	case no.Type == imap.StatusResponseTypeBad:
		kind = fault.Protocol
	}
	return fault.Errorf(kind, "%s: %w", fmt.Sprintf(format, args...), &refusal{no})
}

// during says at what a server refused, or could not be understood any more.
func during(err error, format string, args ...any) error {
	if IsGarbled(err) {
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return refused(err, fault.Protocol, format, args...)
}

// FolderError says that the connection ended each time that something was asked of
// one folder, while the server answers otherwise. Other folders may be read.
type FolderError struct{ err error }

func (e *FolderError) Error() string { return e.err.Error() }
func (e *FolderError) Unwrap() error { return e.err }

// IsFolder reports whether err is a FolderError.
func IsFolder(err error) bool {
	var f *FolderError
	return errors.As(err, &f)
}

// folderError says what could not be done with a folder. A refusal has the given
// kind. A loss of the connection each time is a FolderError, unless it goes on
// folder after folder.
func (s *Session) folderError(ctx context.Context, err error, kind fault.Kind, doing, wire string) error {
	if !isLost(err) || IsBusy(err) || ctx.Err() != nil || IsFolder(err) {
		return refused(err, kind, "%s folder %s", doing, quote(mailboxName(wire)))
	}
	text := fmt.Sprintf("%s folder %s", doing, quote(mailboxName(wire)))
	err = fmt.Errorf("%s: %w", text, err)
	if s.fatal++; s.fatal <= maxFatal && !errors.Is(err, errUnreachable) && s.answers(ctx) {
		return &FolderError{err}
	}
	return err
}

// refusal prints a server's refusal safely; errors.As finds the *imap.Error.
type refusal struct{ err *imap.Error }

func (r *refusal) Unwrap() error { return r.err }

func (r *refusal) Error() string {
	text := string(r.err.Type)
	if r.err.Code != "" {
		text += " [" + printable(string(r.err.Code)) + "]"
	}
	return "the server said " + text + " " + printable(r.err.Text)
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
