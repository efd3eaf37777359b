package folders

import (
	"errors"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/push/receipts"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Access control lists are added to: nobody loses a right by what a plan says,
// least of all the user who is logged in.

// ACLSetter adds to access control lists.
type ACLSetter struct {
	session  *destination.Session
	receipts *receipts.Writer
	retries  *Retries
	warnOnce func(format string, args ...any)
	dryRun   bool
	rights   map[string]string // letters that the destination knows, by identifier
}

// NewACLSetter makes an ACLSetter.
func NewACLSetter(session *destination.Session, retries *Retries, warnOnce func(string, ...any),
	dryRun bool) *ACLSetter {
	return &ACLSetter{
		session: session, receipts: retries.receipts, retries: retries, warnOnce: warnOnce, dryRun: dryRun,
		rights: map[string]string{},
	}
}

// List is the access control list that a folder of a plan has at the source.
type List struct {
	Folder *stream.Folder
	Target *destination.Folder
}

// Run applies lists of a plan. user is the account's at the source.
func (a *ACLSetter) Run(lists []List, user string) error {
	if len(lists) == 0 {
		a.warnOnce("rights: the plan has no access control lists; imap-fetch can put them into its stream")
		return nil
	}
	if a.dryRun {
		return a.rehearse(lists)
	}
	boxes := make([]imapconn.Mailbox, len(lists))
	for i, l := range lists {
		boxes[i] = imapconn.Mailbox{Name: l.Target.Name, Wire: l.Target.Wire}
	}
	have, err := a.session.IMAP.ACLs(a.session.Ctx, boxes)
	if errors.Is(err, imapconn.ErrNoACL) {
		a.warnOnce("rights: %v; none are applied", err)
		return nil
	}
	if err != nil {
		return err
	}
	for i, l := range lists {
		if err := a.apply(l.Folder, user, &boxes[i], have[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *ACLSetter) rehearse(lists []List) error {
	for _, l := range lists {
		for _, g := range l.Folder.ACL {
			x := answer(l.Folder, l.Target.Name, g)
			x.Result, x.Reason = receipt.Skipped, "dry-run"
			if err := a.receipts.Folder(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer begins the receipt of a grant.
func answer(f *stream.Folder, target string, g stream.Grant) receipt.Receipt {
	return receipt.Receipt{
		Folder: f.Name, Target: target, Identifier: g.Identifier, Rights: imapconn.SortRights(g.Rights),
	}
}

// apply applies one list.
func (a *ACLSetter) apply(f *stream.Folder, user string, box *imapconn.Mailbox, have imapconn.ACLResult) error {
	has := map[string]string{}
	for _, g := range have.Grants {
		has[g.Identifier] += g.Rights
	}
	for _, g := range f.ACL {
		if a.isSelf(g.Identifier, user) {
			continue // what the user may do in his own account is the server's affair
		}
		x := answer(f, box.Name, g)
		why := unfit(g)
		if why == "" && have.Err != nil {
			why = have.Err.Error()
		}
		var err error
		if why != "" {
			x.Result, x.Reason, x.Text = receipt.Rejected, "acl", why
			err = a.receipts.Folder(x)
		} else {
			err = a.retries.do(func() (receipt.Receipt, error) { return a.grant(x, box, has[g.Identifier]) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grant adds what an identifier lacks of the rights of x.
func (a *ACLSetter) grant(x receipt.Receipt, box *imapconn.Mailbox, has string) (receipt.Receipt, error) {
	reject := func(err error) (receipt.Receipt, error) {
		if !destination.Refused(err) {
			return x, err
		}
		x.Result, x.Reason, x.Text = receipt.Rejected, "acl", err.Error()
		return x, nil
	}
	known, err := a.grantable(box, x.Identifier)
	if err != nil {
		return reject(err)
	}
	wanted, dropped := translateRights(x.Rights, known)
	if dropped != "" {
		a.warnOnce("the destination does not know the rights %q; they are left out", dropped)
	}
	lacking := without(wanted, has)
	x.Rights, x.DroppedRights, x.Result = wanted, dropped, receipt.Present
	if lacking == "" {
		return x, nil
	}
	grant := imapconn.Grant{Identifier: x.Identifier, Rights: lacking}
	if err := a.session.IMAP.Grant(a.session.Ctx, box, grant); err != nil {
		return reject(err)
	}
	x.Result = receipt.Granted
	return x, nil
}

// grantable returns the rights that the destination knows for an identifier. It
// asks once for each.
func (a *ACLSetter) grantable(box *imapconn.Mailbox, identifier string) (string, error) {
	if known, ok := a.rights[identifier]; ok {
		return known, nil
	}
	known, err := a.session.IMAP.GrantableRights(a.session.Ctx, box, identifier)
	if err == nil {
		a.rights[identifier] = known
	}
	return known, err
}

// isSelf reports whether an identifier stands for the account itself: the user at
// the source and at the destination, and Dovecot's "owner". To say what he may
// do takes from him all that is not said (Dovecot 2.3, with "+" too).
func (a *ACLSetter) isSelf(identifier, user string) bool {
	name := strings.TrimPrefix(identifier, "-")
	return name == "owner" || sameUser(name, user) || sameUser(name, a.session.Conn.User)
}

// sameUser compares user names; a domain counts where both have one.
func sameUser(a, b string) bool {
	nameA, domainA, hasA := strings.Cut(strings.ToLower(a), "@")
	nameB, domainB, hasB := strings.Cut(strings.ToLower(b), "@")
	return nameA == nameB && (domainA == domainB || !hasA || !hasB)
}

// many are identifiers that stand for more than one user.
var many = []string{"anyone", "anonymous", "authenticated"}

// unfit says why a grant is not even tried, or nothing. A denial that is not
// about one user might be about ourselves.
func unfit(g stream.Grant) string {
	name, denied := strings.CutPrefix(g.Identifier, "-")
	switch {
	case name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return "this is no identifier"
	case denied && (slices.Contains(many, name) || strings.ContainsAny(name, "$!#:=")):
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
