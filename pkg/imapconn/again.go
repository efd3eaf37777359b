package imapconn

import (
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// explained are response codes that say why a command is refused. The same command
// would be refused again.
var explained = []string{"ALREADYEXISTS", "AUTHORIZATIONFAILED", "CANNOT", "CLIENTBUG", "HASCHILDREN", "LIMIT", "NONEXISTENT", "NOPERM", "OVERQUOTA", "TRYCREATE"}

// isUnexplained reports whether err is a refusal without a reason: it may pass.
func isUnexplained(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !IsBusy(err) && !isOverQuota(no) && !slices.Contains(explained, strings.ToUpper(string(no.Code)))
}
