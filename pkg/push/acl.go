package push

import (
	"errors"
	"fmt"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Access control lists are added to: nobody loses a right by what a plan says,
// least of all the user who is logged in.

// grants applies the access control lists of the plan's folders.
func (p *pusher) grants() error {
	if !p.opt.ACL {
		return nil
	}
	var listed []*stream.Folder
	var boxes []imapconn.Mailbox
	for _, f := range p.toc {
		if t := p.goal(f); f.ACL != nil && t != nil && (t.Exists || p.opt.DryRun) {
			listed = append(listed, f)
			boxes = append(boxes, imapconn.Mailbox{Name: t.Name, Wire: t.Wire})
		}
	}
	if len(listed) == 0 {
		p.warnOnce("--acl: the plan has no access control lists; imap-fetch --acl puts them into its stream")
		return nil
	}
	if p.opt.DryRun {
		return p.rehearseGrants(listed)
	}
	have, err := p.session.IMAP.ACLs(p.session.Ctx, boxes)
	if errors.Is(err, imapconn.ErrNoACL) {
		p.warnOnce("--acl: " + err.Error() + "; none are applied")
		return nil
	}
	if err != nil {
		return err
	}
	for i, f := range listed {
		if err := p.grantsOf(f, &boxes[i], have[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *pusher) rehearseGrants(listed []*stream.Folder) error {
	for _, f := range listed {
		for _, g := range f.ACL {
			x := receipt.Receipt{Result: receipt.Skipped, Folder: f.Name, Target: p.targetOf(f), Identifier: g.Identifier, Rights: imapconn.SortRights(g.Rights), Reason: "dry-run"}
			if err := p.receipts.Folder(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// grantsOf applies one list.
func (p *pusher) grantsOf(f *stream.Folder, box *imapconn.Mailbox, have imapconn.ACLResult) error {
	has := map[string]string{}
	for _, g := range have.Grants {
		has[g.Identifier] += g.Rights
	}
	for _, g := range f.ACL {
		x := receipt.Receipt{Folder: f.Name, Target: box.Name, Identifier: g.Identifier, Rights: imapconn.SortRights(g.Rights)}
		if p.isSelf(g.Identifier) {
			continue // what the user may do in his own account is the server's affair
		}
		var err error
		switch why := unfit(g); {
		case why != "":
			x.Result, x.Reason, x.Text = receipt.Rejected, "acl", why
			err = p.receipts.Folder(x)
		case have.Err != nil:
			x.Result, x.Reason, x.Text = receipt.Rejected, "acl", have.Err.Error()
			err = p.receipts.Folder(x)
		default:
			err = p.grantTold(x, box, has[g.Identifier])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grantTold grants the rights of x, and writes the receipt, or keeps it until the end
// of the run if the server refuses.
func (p *pusher) grantTold(x receipt.Receipt, box *imapconn.Mailbox, has string) error {
	answer := x
	if err := p.grant(&answer, box, has); err != nil {
		return err
	}
	if answer.Result != receipt.Rejected {
		return p.receipts.Folder(answer)
	}
	return p.refusedOnce(answer, func() (receipt.Receipt, error) {
		again := x
		err := p.grant(&again, box, has)
		return again, err
	})
}

// grant adds what an identifier lacks of the rights of x.
func (p *pusher) grant(x *receipt.Receipt, box *imapconn.Mailbox, has string) error {
	known, err := p.grantable(box, x.Identifier)
	if err != nil && !destination.Refused(err) {
		return err
	}
	if err != nil {
		x.Result, x.Reason, x.Text = receipt.Rejected, "acl", err.Error()
		return nil
	}
	wanted, dropped := translateRights(x.Rights, known)
	if dropped != "" {
		p.warnOnce(fmt.Sprintf("--acl: the destination does not know the rights %q; they are left out", dropped))
	}
	lacking := without(wanted, has)
	x.Rights, x.DroppedRights, x.Result = wanted, dropped, receipt.Present
	if lacking == "" {
		return nil
	}
	err = p.session.IMAP.Grant(p.session.Ctx, box, imapconn.Grant{Identifier: x.Identifier, Rights: lacking})
	switch {
	case err == nil:
		x.Result = receipt.Granted
	case destination.Refused(err):
		x.Result, x.Reason, x.Text = receipt.Rejected, "acl", err.Error()
	default:
		return err
	}
	return nil
}

// grantable returns the rights that the destination knows for an identifier. It
// asks once for each.
func (p *pusher) grantable(box *imapconn.Mailbox, identifier string) (string, error) {
	if known, ok := p.rights[identifier]; ok {
		return known, nil
	}
	known, err := p.session.IMAP.GrantableRights(p.session.Ctx, box, identifier)
	if err == nil {
		p.rights[identifier] = known
	}
	return known, err
}

// isSelf tells the identifiers that stand for the account itself: the user at
// the source and at the destination, and Dovecot's "owner". To say what he may
// do takes from him all that is not said (Dovecot 2.3, with "+" too).
func (p *pusher) isSelf(identifier string) bool {
	name := strings.TrimPrefix(identifier, "-")
	return name == "owner" || sameUser(name, p.begin.User) || sameUser(name, p.session.Conn.User)
}

// sameUser compares user names; a domain counts where both have one.
func sameUser(a, b string) bool {
	nameA, domainA, hasA := strings.Cut(strings.ToLower(a), "@")
	nameB, domainB, hasB := strings.Cut(strings.ToLower(b), "@")
	return nameA == nameB && (domainA == domainB || !hasA || !hasB)
}

// unfit says why a grant is not even tried, or nothing. A denial that is not
// about one user might be about ourselves.
func unfit(g stream.Grant) string {
	name, denied := strings.CutPrefix(g.Identifier, "-")
	switch {
	case name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return "this is no identifier"
	case denied && (name == "anyone" || name == "anonymous" || name == "authenticated" || strings.ContainsAny(name, "$!#:=")):
		return "a denial to many might be one to the account itself; set it by hand"
	}
	return ""
}

// translateRights spells rights for a server that knows some letters: "c" and
// "d" of RFC 2086 stand for "kx" and "te" of RFC 4314, and the other way round.
func translateRights(rights, known string) (wanted, dropped string) {
	for _, c := range rights {
		letter := string(c)
		switch {
		case letter == "c" && strings.ContainsAny(rights, "kx"), letter == "d" && strings.ContainsAny(rights, "xte"):
			continue // said for old servers' sake
		case letter == "c" && strings.Contains(known, "k"):
			wanted += both("kx", known)
		case letter == "d" && strings.Contains(known, "t"):
			wanted += both("te", known)
		case strings.Contains(known, letter):
			wanted += letter
		case strings.Contains("kx", letter) && strings.Contains(known, "c"):
			wanted += "c"
		case strings.Contains("te", letter) && strings.Contains(known, "d"):
			wanted += "d"
		default:
			dropped += letter
		}
	}
	return imapconn.SortRights(wanted), dropped
}

// both returns the letters of a that are in b.
func both(a, b string) string { return without(a, without(a, b)) }

// without returns the letters of a that are not in b.
func without(a, b string) (rest string) {
	for _, c := range a {
		if !strings.ContainsRune(b, c) {
			rest += string(c)
		}
	}
	return rest
}

// warnOnce keeps what is true of every folder from being said of each.
func (p *pusher) warnOnce(message string) {
	if !p.warned[message] {
		p.warned[message] = true
		p.opt.Warn("%s", message)
	}
}
