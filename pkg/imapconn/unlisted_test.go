package imapconn

import (
	"testing"

	"github.com/emersion/go-imap/v2"
)

// Only these refusals mean that a mailbox does not exist.
func TestRefusalsOfWhatDoesNotExist(t *testing.T) {
	for _, c := range []struct {
		kind  imap.StatusResponseType
		code  string
		text  string
		plain bool
		says  bool
	}{
		{imap.StatusResponseTypeNo, "", "no such folder", true, false},
		{imap.StatusResponseTypeNo, "TRYCREATE", "no such folder", true, false},
		{imap.StatusResponseTypeNo, "nonexistent", "no such folder", false, true},
		{imap.StatusResponseTypeNo, "UNAVAILABLE", "backend is down", false, false},
		{imap.StatusResponseTypeNo, "", "Server error - Please try again later", false, false},
		{imap.StatusResponseTypeNo, "NOPERM", "not for you", false, false},
		{imap.StatusResponseTypeNo, "INUSE", "locked", false, false},
		{imap.StatusResponseTypeBad, "", "what is that", false, false},
		{imap.StatusResponseTypeBad, "NONEXISTENT", "what is that", false, false},
	} {
		err := error(&imap.Error{Type: c.kind, Code: imap.ResponseCode(c.code), Text: c.text})
		if isPlainNo(err) != c.plain || saysNonexistent(err) != c.says {
			t.Errorf("%v: plain %v, says that it does not exist %v", err, isPlainNo(err), saysNonexistent(err))
		}
	}
	if isPlainNo(nil) || saysNonexistent(nil) || isPlainNo(errSilent) {
		t.Error("no refusal at all is taken for one")
	}
}
