package imaptest

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// InternalDateLayout is INTERNALDATE as RFC 3501 writes it, for time.Parse.
const InternalDateLayout = "_2-Jan-2006 15:04:05 -0700"

// Entry is one message as the oracle found it.
type Entry struct {
	Folder       string // as the server lists it, decoded to UTF-8
	Path         string // the same without the namespace's prefix and with "/" between levels
	UID          uint64
	SHA256       string    // of BODY[], lower-case hex
	Size         int64     // octets of BODY[] really received
	RFC822Size   int64     // what the server says
	Flags        []string  // sorted, without \Recent
	InternalDate time.Time // in UTC
	Octets       []byte    // BODY[], from DumpOctets only
}

// Mailbox is one line of a LIST as the oracle read it.
type Mailbox struct {
	Folder     string // decoded to UTF-8
	Path       string // see Entry
	Wire       string // as the server spelt it
	Attributes []string
	Subscribed bool
}

// Selectable reports whether the mailbox can hold messages.
func (m Mailbox) Selectable() bool {
	for _, attribute := range m.Attributes {
		if strings.EqualFold(attribute, `\Noselect`) || strings.EqualFold(attribute, `\NonExistent`) {
			return false
		}
	}
	return true
}

// Dump reads every message of an account over a plain socket, by EXAMINE and
// BODY.PEEK[], ordered by folder (INBOX first) and UID. It fails rather than
// leave a message out.
func Dump(addr, user, password string) ([]Entry, error) {
	return dump(addr, user, password, 0)
}

// DumpOctets is Dump with each message's octets.
func DumpOctets(addr, user, password string) ([]Entry, error) {
	return dump(addr, user, password, keepAll)
}

// Mailboxes lists every mailbox of an account, INBOX first, then by name.
func Mailboxes(addr, user, password string) ([]Mailbox, error) {
	c, err := login(addr, user, password)
	if err != nil {
		return nil, err
	}
	defer c.close()
	boxes, err := c.mailboxes()
	if err != nil {
		return nil, fmt.Errorf("imaptest: %s at %s: %w", user, addr, err)
	}
	return boxes, nil
}

func dump(addr, user, password string, keep int64) ([]Entry, error) {
	c, err := login(addr, user, password)
	if err != nil {
		return nil, err
	}
	defer c.close()
	boxes, err := c.mailboxes()
	if err != nil {
		return nil, fmt.Errorf("imaptest: %s at %s: %w", user, addr, err)
	}
	var entries []Entry
	for _, box := range boxes {
		if !box.Selectable() {
			continue
		}
		c.keep = keep
		found, err := c.messages(box)
		if err != nil {
			return nil, fmt.Errorf("imaptest: %s at %s: %q: %w", user, addr, box.Folder, err)
		}
		entries = append(entries, found...)
	}
	return entries, nil
}

func (c *wire) mailboxes() ([]Mailbox, error) {
	ns, err := c.namespace()
	if err != nil {
		return nil, err
	}
	subscribed := map[string]bool{}
	lsub, err := c.command(`LSUB "" "*"`)
	if err != nil {
		return nil, err
	}
	for _, line := range lsub {
		if line.name == "LSUB" && len(line.values) == 3 {
			subscribed[mailboxName(line.values[2])] = true
		}
	}
	list, err := c.command(`LIST "" "*"`)
	if err != nil {
		return nil, err
	}
	var boxes []Mailbox
	for _, line := range list {
		if line.name != "LIST" {
			continue
		}
		if len(line.values) < 3 {
			return nil, fmt.Errorf("LIST of %d values", len(line.values))
		}
		box := Mailbox{Wire: mailboxName(line.values[2]), Attributes: words(line.values[0])}
		box.Folder = decodeUTF7(box.Wire)
		box.Path = ns.path(box.Folder)
		box.Subscribed = subscribed[box.Wire]
		boxes = append(boxes, box)
	}
	sort.Slice(boxes, func(i, j int) bool {
		if in := boxes[i].Path == "INBOX"; in != (boxes[j].Path == "INBOX") {
			return in
		}
		return boxes[i].Folder < boxes[j].Folder
	})
	return boxes, nil
}

func words(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, item := range list {
		out = append(out, text(item))
	}
	sort.Strings(out)
	return out
}

// messages reads one mailbox whole and checks that as many came as EXISTS said.
func (c *wire) messages(box Mailbox) ([]Entry, error) {
	lines, err := c.command("EXAMINE " + quote(box.Wire))
	if err != nil {
		return nil, err
	}
	var exists uint32
	for _, line := range lines {
		if line.name == "EXISTS" {
			exists = line.number
		}
	}
	if exists == 0 {
		return nil, nil
	}
	found := map[uint64]Entry{}
	err = c.stream("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])", func(line response) error {
		if line.name != "FETCH" {
			return nil
		}
		entry, whole, err := fetched(line)
		if err != nil || !whole {
			return err
		}
		entry.Folder, entry.Path = box.Folder, box.Path
		if _, twice := found[entry.UID]; twice {
			return fmt.Errorf("UID %d came twice", entry.UID)
		}
		found[entry.UID] = entry
		return nil
	})
	if err != nil {
		return nil, err
	}
	if uint32(len(found)) != exists {
		return nil, fmt.Errorf("EXISTS says %d messages, %d came", exists, len(found))
	}
	entries := make([]Entry, 0, len(found))
	for _, entry := range found {
		entries = append(entries, entry)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].UID < entries[j].UID })
	return entries, nil
}

// fetched reads one FETCH response; whole is false for one without a body
// (flags that the server sends unasked).
func fetched(line response) (entry Entry, whole bool, err error) {
	items, ok := one[[]any](line.values)
	if !ok || len(items)%2 != 0 {
		return entry, false, fmt.Errorf("FETCH %d cannot be read", line.number)
	}
	for i := 0; i < len(items); i += 2 {
		value := items[i+1]
		switch name := strings.ToUpper(text(items[i])); name {
		case "UID":
			uid, bad := strconv.ParseUint(text(value), 10, 64)
			entry.UID, err = uid, bad
		case "FLAGS":
			for _, flag := range words(value) {
				if flag != `\Recent` {
					entry.Flags = append(entry.Flags, flag)
				}
			}
		case "INTERNALDATE":
			var date time.Time
			date, err = time.Parse(InternalDateLayout, text(value))
			entry.InternalDate = date.UTC()
		case "RFC822.SIZE":
			entry.RFC822Size, err = strconv.ParseInt(text(value), 10, 64)
		case "BODY[]":
			entry.take(value)
			whole = true
		}
		if err != nil {
			return entry, false, fmt.Errorf("FETCH %d: %w", line.number, err)
		}
	}
	if whole && entry.UID == 0 {
		return entry, false, fmt.Errorf("FETCH %d has no UID", line.number)
	}
	return entry, whole, nil
}

func one[T any](values []any) (T, bool) {
	var none T
	if len(values) != 1 {
		return none, false
	}
	value, ok := values[0].(T)
	return value, ok
}

// take keeps a BODY[] value; servers may send a short one quoted, or NIL for
// none.
func (e *Entry) take(value any) {
	lit, ok := value.(*literal)
	if !ok {
		octets := []byte(text(value))
		lit = &literal{size: int64(len(octets)), sha256: Sum(octets), octets: octets}
	}
	e.Size, e.SHA256, e.Octets = lit.size, lit.sha256, lit.octets
}
