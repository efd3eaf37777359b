package imaptest

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// session is one client of the embedded server.
type session struct {
	server   *Server
	account  *Account
	box      *mailbox
	readOnly bool
	view     []*message // what the client's sequence numbers mean
}

var _ imapserver.SessionNamespace = (*session)(nil)

// limitedSession announces APPENDLIMIT (RFC 7889).
type limitedSession struct{ *session }

func (s *limitedSession) AppendLimit() uint32 { return s.server.options.AppendLimit }

func no(code imap.ResponseCode, text string) error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

func (s *session) Close() error { return nil }

func (s *session) Login(user, password string) error {
	s.account = s.server.authenticate(user, password)
	if s.account == nil {
		return imapserver.ErrAuthFailed
	}
	return nil
}

func (s *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Prefix: s.server.options.Prefix,
		Delim: s.delimiter()}}}, nil
}

func (s *session) delimiter() rune {
	for _, r := range s.server.options.Delimiter {
		return r
	}
	return 0
}

// find returns a selectable mailbox. Account.mu is held.
func (s *session) find(name string) (*mailbox, error) {
	box := s.account.mailboxes[s.account.canonical(name)]
	if box == nil || box.noselect() {
		return nil, no(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	return box, nil
}

func (s *session) Select(name string, options *imap.SelectOptions) (*imap.SelectData, error) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	box, err := s.find(name)
	if err != nil {
		return nil, err
	}
	s.box, s.readOnly, s.view = box, options.ReadOnly, slices.Clone(box.messages)
	return &imap.SelectData{
		Flags:          s.flags(),
		PermanentFlags: s.permanentFlags(),
		NumMessages:    uint32(len(box.messages)),
		UIDNext:        imap.UID(box.uidNext),
		UIDValidity:    box.uidValidity,
	}, nil
}

var systemFlags = []string{`\Answered`, `\Flagged`, `\Deleted`, `\Seen`, `\Draft`}

func (s *session) flags() []imap.Flag {
	flags := slices.Clone(systemFlags)
	for _, m := range s.box.messages {
		flags = append(flags, m.flags...)
	}
	return asFlags(sortedFlags(flags))
}

func (s *session) permanentFlags() []imap.Flag {
	switch {
	case s.readOnly:
		return nil
	case s.server.options.PermanentFlags != nil:
		return asFlags(s.server.options.PermanentFlags)
	}
	return append(s.flags(), imap.FlagWildcard)
}

func asFlags(names []string) []imap.Flag {
	flags := make([]imap.Flag, len(names))
	for i, name := range names {
		flags[i] = imap.Flag(name)
	}
	return flags
}

// storable drops what PermanentFlags does not allow, and \Recent.
func (s *session) storable(flags []imap.Flag) []string {
	var names []string
	for _, flag := range flags {
		name := string(flag)
		allowed := s.server.options.PermanentFlags
		if allowed == nil || slices.Contains(allowed, `\*`) && !strings.HasPrefix(name, `\`) ||
			containsFold(allowed, name) {
			names = append(names, name)
		}
	}
	return sortedFlags(names)
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(item string) bool { return strings.EqualFold(item, s) })
}

func (s *session) Unselect() error {
	s.box, s.view = nil, nil
	return nil
}

func (s *session) Create(name string, options *imap.CreateOptions) error {
	if refuse := s.server.options.OnCreate; refuse != nil {
		if err := refuse(s.account.user, name); err != nil {
			return err
		}
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	name = s.account.canonical(name)
	if delimiter := s.server.options.Delimiter; delimiter != "" {
		name = strings.TrimSuffix(name, delimiter)
	}
	if prefix := s.server.options.Prefix; prefix != "" && !strings.HasPrefix(name, prefix) && name != "INBOX" {
		return no(imap.ResponseCodeCannot, "Mailbox name must begin with "+prefix)
	}
	if box := s.account.mailboxes[name]; box != nil && !box.noselect() {
		return no(imap.ResponseCodeAlreadyExists, "Mailbox already exists")
	}
	box := s.account.create(name)
	for _, use := range options.SpecialUse {
		box.attributes = append(box.attributes, string(use))
	}
	return nil
}

func (s *session) Delete(name string) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	name = s.account.canonical(name)
	if name == "INBOX" {
		return no(imap.ResponseCodeCannot, "INBOX cannot be deleted")
	}
	if s.account.mailboxes[name] == nil {
		return no(imap.ResponseCodeNonExistent, "No such mailbox")
	}
	delete(s.account.mailboxes, name)
	return nil
}

func (s *session) Rename(name, newName string, _ *imap.RenameOptions) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	box, err := s.find(name)
	if err != nil {
		return err
	}
	if box.name == "INBOX" {
		return no(imap.ResponseCodeCannot, "INBOX cannot be renamed")
	}
	if s.account.mailboxes[s.account.canonical(newName)] != nil {
		return no(imap.ResponseCodeAlreadyExists, "Mailbox already exists")
	}
	delete(s.account.mailboxes, box.name)
	box.name = newName
	s.account.mailboxes[newName] = box
	return nil
}

func (s *session) Subscribe(name string) error {
	s.account.Subscribe(name)
	return nil
}

func (s *session) Unsubscribe(name string) error {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	delete(s.account.subscribed, s.account.canonical(name))
	return nil
}

func (s *session) Status(name string, options *imap.StatusOptions) (*imap.StatusData, error) {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	box, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return box.status(), nil
}

// status fills every item; the library writes those that were asked for.
func (b *mailbox) status() *imap.StatusData {
	var octets int64
	var unseen, deleted, recent uint32
	for _, m := range b.messages {
		octets += int64(len(m.octets))
		if !containsFold(m.flags, `\Seen`) {
			unseen++
		}
		if containsFold(m.flags, `\Deleted`) {
			deleted++
		}
	}
	count := uint32(len(b.messages))
	var storage int64
	return &imap.StatusData{
		Mailbox: b.name, NumMessages: &count, NumRecent: &recent, NumUnseen: &unseen, NumDeleted: &deleted,
		UIDNext: imap.UID(b.uidNext), UIDValidity: b.uidValidity, Size: &octets, DeletedStorage: &storage,
	}
}

// Append keeps the octets and the date's own offset.
func (s *session) Append(name string, r imap.LiteralReader, options *imap.AppendOptions) (*imap.AppendData, error) {
	octets := make([]byte, r.Size())
	if _, err := io.ReadFull(r, octets); err != nil {
		return nil, err
	}
	m := Message{octets, s.storable(options.Flags), options.Time}
	if m.InternalDate.IsZero() {
		m.InternalDate = time.Now().Truncate(time.Second)
	}
	if refuse := s.server.options.OnAppend; refuse != nil {
		if err := refuse(s.account.user, s.account.spelt(name), m); err != nil {
			return nil, err
		}
	}
	m.Flags = s.remembered(m.Flags)
	if rewrite := s.server.options.OnStore; rewrite != nil {
		m.Octets = rewrite(s.account.user, s.account.spelt(name), m.Octets)
	}
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	box, err := s.find(name)
	if err != nil {
		return nil, no(imap.ResponseCodeTryCreate, "No such mailbox")
	}
	uid := box.add(m)
	s.account.appendsTaken++
	if !s.has("UIDPLUS") {
		return nil, nil
	}
	return &imap.AppendData{UID: imap.UID(uid), UIDValidity: box.uidValidity}, nil
}

// remembered returns the flags that a message keeps when it is stored.
func (s *session) remembered(flags []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(f string) bool {
		return slices.ContainsFunc(s.server.options.ForgetFlags,
			func(forgotten string) bool { return strings.EqualFold(f, forgotten) })
	})
}

func (s *session) has(name string) bool {
	_, ok := s.server.options.capSet()[imap.Cap(name)]
	return ok
}

// Poll tells what other clients have changed: removals, then arrivals.
func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.box == nil {
		return nil
	}
	s.account.mu.Lock()
	now := s.box.messages
	s.account.mu.Unlock()
	if allowExpunge {
		if err := s.sweep(now, w.WriteExpunge); err != nil {
			return err
		}
	}
	before := len(s.view)
	s.view = append(s.view, newer(s.view, now)...)
	if len(s.view) == before {
		return nil
	}
	return w.WriteNumMessages(uint32(len(s.view)))
}

// sweep takes out of the view what is no longer there, last first.
func (s *session) sweep(now []*message, report func(sequence uint32) error) error {
	there := map[*message]bool{}
	for _, m := range now {
		there[m] = true
	}
	for i := len(s.view) - 1; i >= 0; i-- {
		if there[s.view[i]] {
			continue
		}
		s.view = slices.Delete(s.view, i, i+1)
		if err := report(uint32(i + 1)); err != nil {
			return err
		}
	}
	return nil
}

// newer returns the messages that came after the last of the view.
func newer(view, now []*message) []*message {
	var last uint32
	if len(view) > 0 {
		last = view[len(view)-1].uid
	}
	for i, m := range now {
		if m.uid > last {
			return now[i:]
		}
	}
	return nil
}

func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := s.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		case <-ticker.C:
		}
	}
}

func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	if s.readOnly {
		return errReadOnly
	}
	s.account.mu.Lock()
	s.box.messages = slices.DeleteFunc(slices.Clone(s.box.messages), func(m *message) bool {
		return containsFold(m.flags, `\Deleted`) && (uids == nil || uids.Contains(imap.UID(m.uid)))
	})
	now := s.box.messages
	s.account.mu.Unlock()
	return s.sweep(now, w.WriteExpunge)
}

var errReadOnly = no("", "Mailbox is read-only")

func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, store *imap.StoreFlags,
	_ *imap.StoreOptions) error {
	if s.readOnly {
		return errReadOnly
	}
	flags := s.storable(store.Flags)
	return s.each(set, func(sequence uint32, m *message) error {
		s.account.mu.Lock()
		m.flags = changed(m.flags, store.Op, flags)
		s.account.mu.Unlock()
		if store.Silent {
			return nil
		}
		return s.writeFlags(w, sequence, m)
	})
}

func changed(have []string, op imap.StoreFlagsOp, flags []string) []string {
	switch op {
	case imap.StoreFlagsAdd:
		return sortedFlags(append(slices.Clone(have), flags...))
	case imap.StoreFlagsDel:
		return slices.DeleteFunc(slices.Clone(have), func(flag string) bool { return containsFold(flags, flag) })
	}
	return slices.Clone(flags)
}

// each calls fn for the messages of a set that are still there.
func (s *session) each(set imap.NumSet, fn func(sequence uint32, m *message) error) error {
	s.account.mu.Lock()
	there := map[*message]bool{}
	for _, m := range s.box.messages {
		there[m] = true
	}
	s.account.mu.Unlock()
	selects := s.selector(set)
	for i, m := range s.view {
		if sequence := uint32(i + 1); there[m] && selects(sequence, m.uid) {
			if err := fn(sequence, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// selector resolves "*" and returns the set as a test.
func (s *session) selector(set imap.NumSet) func(sequence, uid uint32) bool {
	count := uint32(len(s.view))
	var last uint32
	if count > 0 {
		last = s.view[count-1].uid
	}
	switch set := set.(type) {
	case imap.SeqSet:
		return func(sequence, _ uint32) bool {
			return slices.ContainsFunc(set, func(r imap.SeqRange) bool {
				return within(r.Start, r.Stop, count,
					sequence)
			})
		}
	case imap.UIDSet:
		return func(_, uid uint32) bool {
			return slices.ContainsFunc(set, func(r imap.UIDRange) bool {
				return within(uint32(r.Start), uint32(r.Stop),
					last, uid)
			})
		}
	}
	return func(uint32, uint32) bool { return false }
}

// within reports whether n is in start:stop, 0 standing for "*".
func within(start, stop, last, n uint32) bool {
	if start == 0 {
		start = last
	}
	if stop == 0 {
		stop = last
	}
	return min(start, stop) <= n && n <= max(start, stop)
}
