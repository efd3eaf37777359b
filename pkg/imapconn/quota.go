package imapconn

import (
	"context"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// ErrNoQuota is returned by Quotas where the server has no QUOTA (RFC 9208).
var ErrNoQuota = errors.New("the server has no QUOTA")

// QuotaRoot is what a server counts together, and up to which bounds.
type QuotaRoot struct {
	Name      string // as the server spells it, valid UTF-8, not safe to print
	Resources []QuotaResource
}

// QuotaResource is one thing that is counted.
type QuotaResource struct {
	Name        imap.QuotaResourceType // in upper case: STORAGE (units of 1,024 octets), MESSAGE, MAILBOX ...
	Used, Limit int64
}

// storageUnit is what STORAGE counts, in octets.
const storageUnit = 1024

// Storage returns the octets used and allowed; ok is false if the root does not
// bound them.
func (r *QuotaRoot) Storage() (used, limit int64, ok bool) {
	for _, x := range r.Resources {
		if x.Name == imap.QuotaResourceStorage {
			return x.Used * storageUnit, x.Limit * storageUnit, true
		}
	}
	return 0, 0, false
}

// QuotaResult names the quota roots of one mailbox, or says why it cannot.
type QuotaResult struct {
	Roots []string // names, keys of what Quotas returns
	Err   error
}

// Quotas asks for the quota roots of mailboxes, many in one round trip: those of
// each mailbox, in the order of boxes, and the roots themselves by name. Where
// the server has no quota the error is ErrNoQuota. It resumes.
func (s *Session) Quotas(ctx context.Context, boxes []Mailbox) ([]QuotaResult, map[string]*QuotaRoot, error) {
	if !s.Has(imap.CapQuota) {
		return nil, nil, ErrNoQuota
	}
	roots := map[string]*QuotaRoot{}
	replies, err := ask(ctx, s, wires(boxes), question[[]string]{
		command: func(c *conn, wire string) *command { return c.command("GETQUOTAROOT").astring(wire) },
		read: func(c *conn, resp *response) (names []string, mine bool, err error) {
			switch resp.typ {
			case "QUOTAROOT":
				names, err = readQuotaRoot(c.tokenizer)
				return names, true, err
			case "QUOTA":
				err = readQuota(c.tokenizer, roots)
			}
			return nil, false, err
		},
	})
	if err != nil {
		return nil, nil, refused(err, fault.Partial, "quota")
	}
	results := make([]QuotaResult, len(boxes))
	for i, r := range replies {
		if results[i].Roots = r.value; r.err != nil {
			results[i].Err = aboutFolder(r.err, "quota of folder %s", &boxes[i])
		}
	}
	return results, roots, nil
}

func wires(boxes []Mailbox) []string {
	list := make([]string, len(boxes))
	for i := range boxes {
		list[i] = boxes[i].Wire
	}
	return list
}

// maxRoots bounds the quota roots of a server, maxResources those of one.
const (
	maxRoots     = 10_000
	maxResources = 16
)

// readQuotaRoot reads what follows "* QUOTAROOT " (RFC 9208 5.2): a mailbox
// and its roots.
func readQuotaRoot(r *tokenizer) ([]string, error) {
	names, err := r.words(1 + maxRoots)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	for i := range names {
		names[i] = serverText(names[i])
	}
	return names[1:], nil
}

// readQuota reads what follows "* QUOTA " (RFC 9208 5.1): a root and its
// resources. A number that makes no sense bounds nothing.
func readQuota(r *tokenizer, roots map[string]*QuotaRoot) error {
	text, _, err := r.str(maxName)
	if err != nil {
		return err
	}
	root := &QuotaRoot{Name: serverText(string(text))}
	if r.blanks(); !r.accept('(') {
		return errMalformed
	}
	for r.blanks(); !r.accept(')'); r.blanks() {
		name := strings.ToUpper(serverText(string(r.word())))
		r.blanks()
		used, knownUse := r.number()
		r.blanks()
		limit, knownLimit := r.number()
		if name == "" || !knownUse || !knownLimit {
			return errMalformed
		}
		if used < maxSize/storageUnit && limit < maxSize/storageUnit && len(root.Resources) < maxResources {
			root.Resources = append(root.Resources, QuotaResource{imap.QuotaResourceType(name), int64(used), int64(limit)})
		}
	}
	if len(roots) < maxRoots {
		roots[root.Name] = root
	}
	return nil
}
