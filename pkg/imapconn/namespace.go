package imapconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// namespaces are what NAMESPACE told (RFC 2342).
type namespaces struct {
	personal folder.Namespace
	settled  bool                  // the prefix is known, or cannot be
	told     [3][]folder.Namespace // by folder.Space; prefixes in wire form
	own      []string              // prefixes of personal namespaces, wire form
}

// space tells whose a mailbox is: the longest prefix that fits decides.
func (n *namespaces) space(wire string) folder.Space {
	if folder.IsInbox(wire) {
		return folder.Personal
	}
	best, whose := longest(n.own, wire), folder.Personal
	for _, space := range []folder.Space{folder.Others, folder.Shared} {
		if length := longest(prefixes(n.told[space]), wire); length > best {
			best, whose = length, space
		}
	}
	return whose
}

func prefixes(list []folder.Namespace) []string {
	wires := make([]string, len(list))
	for i, ns := range list {
		wires[i] = ns.Prefix
	}
	return wires
}

// longest returns the length of the longest prefix that wire has, or -1. A
// prefix "INBOX." is that in any case, and "Shared/" covers "Shared".
func longest(prefixes []string, wire string) int {
	best := -1
	for _, p := range prefixes {
		head := wire[:min(len(p), len(wire))]
		inbox := len(p) > 5 && folder.IsInbox(p[:5]) && strings.EqualFold(head, p)
		if head == p || inbox || len(p) > 1 && wire == p[:len(p)-1] {
			best = max(best, len(p))
		}
	}
	return best
}

// namespace learns prefix and delimiter, once.
func (l *link) namespace(ctx context.Context) error {
	if l.spaces.own != nil {
		return nil
	}
	n := namespaces{}
	if l.c.caps.has(imap.CapNamespace) || l.c.caps.has(imap.CapIMAP4rev2) {
		if err := l.retryWhileBusy(ctx, func() error { return l.askNamespace(&n) }); err != nil {
			return untold(err, "namespace")
		}
	}
	if n.personal.Delimiter == "" && l.o.Delimiter == nil {
		if err := l.retryWhileBusy(ctx, func() error { return askDelimiter(l.c, &n.personal.Delimiter) }); err != nil {
			return untold(err, "delimiter")
		}
	}
	if l.o.Prefix != nil {
		n.personal.Prefix = *l.o.Prefix
		wire, err := folder.EncodeUTF7(*l.o.Prefix)
		if err != nil {
			return err
		}
		n.own = append(n.own, wire)
	}
	if l.o.Delimiter != nil {
		n.personal.Delimiter = *l.o.Delimiter
	}
	if len(n.own) == 0 {
		n.own = []string{""}
	}
	l.spaces = n
	return nil
}

// learnDelimiter is for a server that refused to tell its delimiter when it was
// asked: each entry of a listing has it.
func (l *link) learnDelimiter(boxes []Mailbox) {
	if l.spaces.personal.Delimiter != "" || l.o.Delimiter != nil {
		return
	}
	for _, b := range boxes {
		if b.Space == folder.Personal && b.Delimiter != "" {
			l.spaces.personal.Delimiter = b.Delimiter
			return
		}
	}
}

// guessPrefix is for a server that tells no namespace: where all folders are
// below INBOX, that is taken for the prefix, which it is on such servers.
func (l *link) guessPrefix(boxes []Mailbox) {
	n := &l.spaces
	if n.settled || l.o.Prefix != nil || n.personal.Delimiter == "" {
		return
	}
	n.settled = true
	prefix, found := folder.Inbox+n.personal.Delimiter, false
	for _, b := range boxes {
		if folder.IsInbox(b.Name) {
			continue
		}
		if found = len(b.Name) > len(prefix) && strings.EqualFold(b.Name[:len(prefix)], prefix); !found {
			return
		}
	}
	if found {
		n.personal.Prefix = prefix
		l.o.warn(printable(l.o.Host) + " tells no namespace, and all its folders are below " + prefix +
			", which is taken for the prefix unless one is given")
	}
}

// askNamespace asks; a server that answers nothing useful has said nothing.
func (l *link) askNamespace(n *namespaces) error {
	c := l.c
	_, err := c.run(c.command("NAMESPACE"), func(resp *response) error {
		if resp.typ != "NAMESPACE" {
			return nil
		}
		*n = namespaces{settled: true}
		return n.read(c.tokenizer)
	})
	if l.isAnswer(err) {
		return nil
	}
	return err
}

// untold is a server that is too busy to tell how it names folders. To guess
// would give them other names than those of the next run.
func untold(err error, what string) error {
	var no *imap.Error
	if !errors.As(err, &no) {
		return err
	}
	return fault.Errorf(fault.Temporary, "ask for the %s of folder names: %w", what, &refusal{no}).
		Because(ErrNamespaceUnknown)
}

// read reads what follows "* NAMESPACE ": the personal, the other users' and the shared
// namespaces (RFC 2342 6).
func (n *namespaces) read(r *tokenizer) (err error) {
	for space := range n.told {
		if n.told[space], err = readNamespaces(r); err != nil {
			return err
		}
	}
	n.own = prefixes(n.told[folder.Personal])
	if len(n.own) > 0 {
		n.personal = named(n.told[folder.Personal][0])
	}
	return nil
}

// named returns a namespace with its prefix in UTF-8.
func named(ns folder.Namespace) folder.Namespace {
	return folder.Namespace{Prefix: folder.FromWire(ns.Prefix), Delimiter: ns.Delimiter}
}

// Namespaces returns the namespaces of one kind that the server told (RFC
// 2342), prefixes in UTF-8; nil if it told none.
func (s *Session) Namespaces(space folder.Space) []folder.Namespace {
	var list []folder.Namespace
	for _, ns := range s.spaces.told[space] {
		list = append(list, named(ns))
	}
	return list
}

// readNamespaces reads one list of namespaces; prefixes stay in wire form.
func readNamespaces(r *tokenizer) ([]folder.Namespace, error) {
	r.blanks()
	if !r.accept('(') {
		return nil, r.skipValue() // NIL
	}
	var list []folder.Namespace
	octets := 0
	for len(list) < maxNamespaces {
		r.blanks()
		if r.accept(')') {
			return list, nil
		}
		if !r.accept('(') {
			return nil, errMalformed
		}
		prefix, _, err := r.str(maxName)
		if err != nil {
			return nil, err
		}
		if octets += len(prefix); octets > maxName {
			return nil, &limitError{fmt.Sprintf("namespaces with more than %d octets of names", maxName)}
		}
		d := folder.Namespace{Prefix: string(prefix)}
		if d.Delimiter, err = readDelimiter(r); err != nil {
			return nil, err
		}
		for r.blanks(); !r.accept(')'); r.blanks() {
			if err := r.skipValue(); err != nil { // an extension
				return nil, err
			}
		}
		list = append(list, d)
	}
	return nil, &limitError{fmt.Sprintf("more than %d namespaces of one kind", maxNamespaces)}
}

// maxNamespaces bounds a list of namespaces.
const maxNamespaces = 1000

// readDelimiter reads a hierarchy delimiter; NIL and "" are none.
func readDelimiter(r *tokenizer) (string, error) {
	s, isNil, err := r.str(8)
	if err != nil || isNil {
		return "", err
	}
	return strings.ToValidUTF8(string(s), ""), nil
}

// askDelimiter asks LIST for the hierarchy delimiter (RFC 3501 6.3.8). A server
// that refuses has none; one that is busy has not answered.
func askDelimiter(c *conn, delimiter *string) error {
	_, err := c.run(c.command(`LIST "" ""`), func(resp *response) error {
		if resp.typ != "LIST" {
			return nil
		}
		entry, err := readListEntry(c.tokenizer)
		if err == nil {
			*delimiter = entry.delimiter
		}
		return err
	})
	var no *imap.Error
	if errors.As(err, &no) && !isTemporary(no) {
		return nil
	}
	return err
}
