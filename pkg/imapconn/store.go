package imapconn

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// StoreAction says what STORE does with flags (RFC 9051 section 6.4.6).
type StoreAction string

// The actions. Other flags of the messages stay as they are.
const (
	AddFlags    StoreAction = "+FLAGS.SILENT"
	RemoveFlags StoreAction = "-FLAGS.SILENT"
)

// Store adds flags to the messages with the given UIDs, or takes them away. The
// mailbox must have been opened by Select. It resumes. Flags that cannot be sent
// are dropped, and so are those that the server refuses, one by one if it
// refuses them together; dropped names them. A UID that no message has is no
// error.
func (x *Selected) Store(ctx context.Context, uids []uint64, action StoreAction,
	flags []string) (dropped []string, err error) {
	var send []string
	for _, f := range flags {
		if flag, ok := sendable(f); ok {
			send = append(send, flag)
		} else {
			dropped = append(dropped, f)
		}
	}
	if len(send) == 0 || len(uids) == 0 {
		return dropped, nil
	}
	uids = slices.Clone(uids)
	slices.Sort(uids)
	uids = slices.Compact(uids)
	err = x.storeTwice(ctx, uids, action, send)
	if !isFlagRefusal(err) {
		return dropped, err
	}
	for _, f := range send {
		if len(send) > 1 {
			err = x.storeTwice(ctx, uids, action, []string{f})
		}
		if isFlagRefusal(err) {
			dropped = append(dropped, f)
		} else if err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// storeTwice gives a STORE once more that is refused for no reason that it names,
// for it may pass.
func (x *Selected) storeTwice(ctx context.Context, uids []uint64, action StoreAction, flags []string) error {
	err := x.store(ctx, uids, action, flags)
	var no *imap.Error
	if errors.As(err, &no) && isFlagRefusal(err) && !(&variant{flags: flags}).isNamed(no) {
		err = x.store(ctx, uids, action, flags)
	}
	return err
}

// isFlagRefusal reports whether it is the flags that the server does not want, and not
// what would befall any command.
func isFlagRefusal(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !IsBusy(err) && !isOverQuota(no) && !hasCode(no, imap.ResponseCodeNoPerm)
}

func (x *Selected) store(ctx context.Context, uids []uint64, action StoreAction, flags []string) error {
	err := x.overSets(ctx, uids, "UID STORE ", func(k *command) {
		k.text(" " + string(action) + " (" + strings.Join(flags, " ") + ")")
	})
	return refused(err, fault.Partial, "flags of messages in folder %s", quote(mailboxName(x.Wire)))
}
