package imapconn

import (
	"context"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
)

// ErrNoACL is returned where the server has no ACL (RFC 4314).
var ErrNoACL = errors.New("the server has no access control lists (ACL)")

// Grant is the rights of one identifier on a mailbox. An identifier that begins
// with "-" is denied them.
type Grant struct {
	Identifier string // valid UTF-8, not safe to print
	Rights     string // letters of RFC 4314 section 2.1, in the server's order
}

// ACLResult is the access control list of one mailbox, or why it cannot be had:
// to see it takes the right to administer the mailbox.
type ACLResult struct {
	Grants []Grant
	Err    error
}

// ACLs asks for the access control lists of mailboxes, many in one round trip;
// those that cannot be selected have none. The error is ErrNoACL where the
// server has no such thing. It resumes.
func (s *Session) ACLs(ctx context.Context, boxes []Mailbox) ([]ACLResult, error) {
	if !s.Has(imap.CapACL) {
		return nil, ErrNoACL
	}
	var asked []int
	var names []string
	for i := range boxes {
		if boxes[i].Selectable() {
			asked, names = append(asked, i), append(names, boxes[i].Wire)
		}
	}
	octets, kept := 0, 0
	replies, err := ask(ctx, s, names, question[[]Grant]{
		command: func(c *conn, wire string) *command { return c.command("GETACL").astring(wire) },
		read: func(c *conn, resp *response) (grants []Grant, mine bool, err error) {
			if resp.typ != "ACL" {
				return nil, false, nil
			}
			grants, err = readACL(c.tokenizer)
			for _, g := range grants {
				octets += len(g.Identifier) + len(g.Rights) + 32
			}
			if octets > maxACLs {
				err = tooMuch("access control lists of more than %d octets", maxACLs)
			}
			return grants, true, err
		},
		undo: func() { octets = kept },
		keep: func() { kept = octets },
	})
	if err != nil {
		return nil, refused(err, fault.Partial, "access control lists")
	}
	results := make([]ACLResult, len(boxes))
	for k, i := range asked {
		if results[i].Grants = replies[k].value; replies[k].err != nil {
			results[i].Err = aboutFolder(replies[k].err, "access control list of folder %s", &boxes[i])
		}
	}
	return results, nil
}

// maxACLs bounds all access control lists of an account, in octets.
var maxACLs = 32 << 20

// maxGrants bounds one access control list.
const maxGrants = 10_000

// readACL reads what follows "* ACL " (RFC 4314 3.6): a mailbox, then
// identifiers and their rights by turns.
func readACL(r *tokenizer) ([]Grant, error) {
	words, err := r.words(1 + 2*maxGrants)
	if err == nil && len(words)%2 == 0 {
		err = errMalformed
	}
	grants := []Grant{}
	for i := 1; i+1 < len(words); i += 2 {
		grants = append(grants, Grant{serverText(words[i]), SortRights(words[i+1])})
	}
	return grants, err
}

// usualRights are letters in the order in which people write them.
const usualRights = "lrswipkxteacdn0123456789"

// SortRights puts the letters of rights into the usual order, each once. What
// is no lower-case letter or digit is dropped.
func SortRights(rights string) string {
	var sorted []byte
	for _, c := range []byte(usualRights + "bfghjmoquvyz") {
		if strings.IndexByte(rights, c) >= 0 {
			sorted = append(sorted, c)
		}
	}
	return string(sorted)
}

// MyRights returns what the user may do with a mailbox. It resumes.
func (s *Session) MyRights(ctx context.Context, box *Mailbox) (string, error) {
	found := ""
	err := s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("MYRIGHTS").astring(box.Wire), func(resp *response) error {
			if resp.typ != "MYRIGHTS" {
				return nil
			}
			words, err := c.words(2)
			if len(words) == 2 {
				found = SortRights(words[1])
			}
			return err
		})
		return err
	})
	return found, refused(err, fault.Partial, "rights on folder %s", quote(box.Name))
}

// GrantableRights returns the letters that the server knows for an identifier
// on a mailbox (LISTRIGHTS). It resumes.
func (s *Session) GrantableRights(ctx context.Context, box *Mailbox, identifier string) (string, error) {
	known := ""
	err := s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("LISTRIGHTS").astring(box.Wire).astring(identifier), func(resp *response) error {
			if resp.typ != "LISTRIGHTS" {
				return nil
			}
			words, err := c.words(2 + len(usualRights)*4)
			if len(words) > 2 {
				known = SortRights(strings.Join(words[2:], ""))
			}
			return err
		})
		return err
	})
	return known, refused(err, fault.Partial, "rights to grant on folder %s", quote(box.Name))
}

// Grant adds rights to those of an identifier on a mailbox (SETACL with "+");
// none are taken away. It resumes.
//
// Do not grant anything to the user who is logged in, nor to Dovecot's "owner":
// Dovecot takes that for all the rights that he shall have.
func (s *Session) Grant(ctx context.Context, box *Mailbox, g Grant) error {
	err := s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("SETACL").astring(box.Wire).astring(g.Identifier).astring("+"+g.Rights), nil)
		return err
	})
	return refused(err, fault.Partial, "grant %s the rights %s on folder %s", quote(g.Identifier), quote(g.Rights),
		quote(box.Name))
}
