package imaptest

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Account is one user's mail in the embedded server. Mailbox names are as the
// server lists them: UTF-8, with the prefix and the server's delimiter.
// Everything here may be used while clients are connected.
type Account struct {
	user    string
	options *Options

	mu           sync.Mutex
	mailboxes    map[string]*mailbox
	subscribed   map[string]bool
	uidValidity  uint32 // of the mailbox made last
	appendsTaken int
	copiesMade   int // messages, by COPY
}

type mailbox struct {
	name        string
	attributes  []string // \Noselect and special uses
	uidValidity uint32
	uidNext     uint32
	messages    []*message
}

// message is never altered but for its flags, which Account.mu guards.
type message struct {
	uid    uint32
	octets []byte
	date   time.Time
	flags  []string
}

func newAccount(user string, options *Options) *Account {
	a := &Account{user: user, options: options, mailboxes: map[string]*mailbox{}, subscribed: map[string]bool{}}
	a.uidValidity = 1000
	a.create("INBOX")
	return a
}

// AddMailbox makes a mailbox and its parents; attributes are special uses
// such as \Sent, or \Noselect.
func (a *Account) AddMailbox(name string, attributes ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.create(name)
	box.attributes = append(box.attributes, attributes...)
}

// AddMessage stores a message, making the mailbox if need be, and returns its
// UID. A zero date is the Unix epoch, so that tests stay deterministic.
func (a *Account) AddMessage(name string, flags []string, date time.Time, octets []byte) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.create(name)
	if date.IsZero() {
		date = time.Unix(0, 0).UTC()
	}
	return uint64(box.add(Message{octets, flags, date}))
}

// Fill stores a Spec; paths become names by the server's prefix and delimiter.
func (a *Account) Fill(spec Spec) {
	ns := namespace{a.options.Prefix, a.options.Delimiter}
	for _, folder := range spec.Folders {
		name := ns.folder(folder.Path)
		a.AddMailbox(name)
		if folder.Subscribed {
			a.Subscribe(name)
		}
		for _, message := range folder.Messages {
			a.AddMessage(name, message.Flags, message.InternalDate, message.Octets)
		}
	}
}

// Subscribe subscribes to a name, whether there is such a mailbox or not.
func (a *Account) Subscribe(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.subscribed[a.canonical(name)] = true
}

// Subscribed returns the subscribed names, sorted.
func (a *Account) Subscribed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for name := range a.subscribed {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Mailboxes returns the names of all mailboxes, sorted.
func (a *Account) Mailboxes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names()
}

// Messages returns what a mailbox holds, by UID; Octets is set and must not
// be altered. A mailbox that is not there holds nothing.
func (a *Account) Messages(name string) []Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.mailboxes[a.canonical(name)]
	if box == nil {
		return nil
	}
	path := namespace{a.options.Prefix, a.options.Delimiter}.path(box.name)
	var entries []Entry
	for _, stored := range box.messages {
		entry := Message{stored.octets, stored.flags, stored.date}.entry(path, uint64(stored.uid))
		entry.Folder, entry.Octets = box.name, stored.octets
		entries = append(entries, entry)
	}
	return entries
}

// Entries returns every message of the account, in the order of Dump.
func (a *Account) Entries() []Entry {
	var entries []Entry
	for _, name := range a.Mailboxes() {
		entries = append(entries, a.Messages(name)...)
	}
	return entries
}

// Copies counts the messages that clients have had copied by COPY.
func (a *Account) Copies() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.copiesMade
}

// Appends counts the messages that clients have stored by APPEND.
func (a *Account) Appends() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.appendsTaken
}

// Expunge removes a message as another client would; false if there is none.
func (a *Account) Expunge(name string, uid uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.mailboxes[a.canonical(name)]
	if box == nil {
		return false
	}
	i := box.index(uint32(uid))
	if i < 0 {
		return false
	}
	box.messages = slices.Delete(slices.Clone(box.messages), i, i+1)
	return true
}

// SetFlags replaces a message's flags as another client would.
func (a *Account) SetFlags(name string, uid uint64, flags ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.mailboxes[a.canonical(name)]
	if box == nil {
		return false
	}
	i := box.index(uint32(uid))
	if i < 0 {
		return false
	}
	box.messages[i].flags = slices.Clone(flags)
	return true
}

// SetUIDValidity changes a mailbox's UIDVALIDITY; the UIDs stay.
func (a *Account) SetUIDValidity(name string, uidValidity uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.create(name).uidValidity = uidValidity
}

// SetUIDNext raises the UID that the next message gets.
func (a *Account) SetUIDNext(name string, uidNext uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.create(name).uidNext = uidNext
}

// canonical spells INBOX in capitals (RFC 3501 section 5.1), and with FoldCase
// every mailbox, and what is above it, as it is there already.
func (a *Account) canonical(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	if !a.options.FoldCase {
		return name
	}
	for _, above := range append(a.parents(name), name) {
		for there := range a.mailboxes {
			if strings.EqualFold(there, above) {
				name = there + name[len(above):]
			}
		}
	}
	return name
}

// spelt is canonical for those that do not hold the lock.
func (a *Account) spelt(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.canonical(name)
}

func (a *Account) names() []string {
	var names []string
	for name := range a.mailboxes {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if in := names[i] == "INBOX"; in != (names[j] == "INBOX") {
			return in
		}
		return names[i] < names[j]
	})
	return names
}

// create returns the mailbox, made if need be; missing parents become
// \Noselect, and a \Noselect one that is asked for becomes a real one.
func (a *Account) create(name string) *mailbox {
	name = a.canonical(name)
	if box := a.mailboxes[name]; box != nil {
		box.attributes = slices.DeleteFunc(box.attributes, isNoselect)
		return box
	}
	for _, parent := range a.parents(name) {
		if a.mailboxes[parent] == nil {
			a.make(parent).attributes = []string{`\Noselect`}
		}
	}
	return a.make(name)
}

func (a *Account) make(name string) *mailbox {
	a.uidValidity++
	box := &mailbox{name: name, uidValidity: a.uidValidity, uidNext: 1}
	a.mailboxes[name] = box
	return box
}

// parents are the names above a mailbox, outermost first, less the prefix.
func (a *Account) parents(name string) []string {
	if a.options.Delimiter == "" {
		return nil
	}
	prefix := a.options.Prefix
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		prefix, rest = "", name
	}
	levels := strings.Split(rest, a.options.Delimiter)
	var parents []string
	for i := 1; i < len(levels); i++ {
		parents = append(parents, prefix+strings.Join(levels[:i], a.options.Delimiter))
	}
	return parents
}

func isNoselect(attribute string) bool { return strings.EqualFold(attribute, `\Noselect`) }

func (b *mailbox) noselect() bool { return slices.ContainsFunc(b.attributes, isNoselect) }

func (b *mailbox) add(m Message) uint32 {
	uid := b.uidNext
	b.uidNext++
	b.messages = append(b.messages, &message{uid, m.Octets, m.InternalDate, slices.Clone(m.Flags)})
	return uid
}

// index is the message's place, -1 if it is gone.
func (b *mailbox) index(uid uint32) int {
	i, found := slices.BinarySearchFunc(b.messages, uid,
		func(m *message, uid uint32) int { return int(m.uid) - int(uid) })
	if !found {
		return -1
	}
	return i
}

// sortedFlags returns the flags sorted, once each, without \Recent.
func sortedFlags(flags []string) []string {
	var out []string
	for _, flag := range flags {
		if flag != `\Recent` {
			out = append(out, flag)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
