package imaptest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Message is mail to be put into an account.
type Message struct {
	Octets       []byte
	Flags        []string
	InternalDate time.Time // with its offset; zero: the server's own clock
}

// Folder is a mailbox to be made. Path has "/" between levels whatever the
// server's delimiter, and no prefix. A parent that has no Folder of its own is
// left to the server, which lists it as \Noselect or not at all.
type Folder struct {
	Path       string
	Subscribed bool
	Messages   []Message
}

// Spec is what an account is filled with.
type Spec struct{ Folders []Folder }

// Count returns the number of messages.
func (s Spec) Count() (n int) {
	for _, folder := range s.Folders {
		n += len(folder.Messages)
	}
	return n
}

// Entries is what Dump returns of an account that was populated from s, if the
// server keeps octets; UID is the message's number in its folder.
func (s Spec) Entries() []Entry {
	var entries []Entry
	for _, folder := range s.Folders {
		for i, message := range folder.Messages {
			entries = append(entries, message.entry(folder.Path, uint64(i+1)))
		}
	}
	return entries
}

func (m Message) entry(path string, uid uint64) Entry {
	return Entry{
		Folder: path, Path: path, UID: uid,
		SHA256: Sum(m.Octets), Size: int64(len(m.Octets)), RFC822Size: int64(len(m.Octets)),
		Flags: sortedFlags(m.Flags), InternalDate: m.InternalDate.UTC(),
	}
}

// Refusal is a message that the server did not take.
type Refusal struct {
	Path  string // the folder's
	Index int    // in Folder.Messages
	Text  string // the server's words: "NO ..." or "BAD ..."
}

// Populate fills an account over a plain socket: it creates and subscribes
// what is missing and appends every message, in order. A message that the
// server refuses is returned and costs nothing else; any other trouble is an
// error.
func Populate(addr, user, password string, spec Spec) ([]Refusal, error) {
	l := &loader{addr: addr, user: user, password: password}
	if err := l.connect(); err != nil {
		return nil, err
	}
	defer func() { l.wire.close() }()
	for _, folder := range spec.Folders {
		if err := l.folder(folder); err != nil {
			return l.refused, fmt.Errorf("imaptest: %s at %s: %q: %w", user, addr, folder.Path, err)
		}
	}
	return l.refused, nil
}

type loader struct {
	addr, user, password string

	wire    *wire
	ns      namespace
	refused []Refusal
}

func (l *loader) connect() (err error) {
	if l.wire, err = login(l.addr, l.user, l.password); err != nil {
		return err
	}
	l.ns, err = l.wire.namespace()
	return err
}

func (l *loader) folder(folder Folder) error {
	name := quote(encodeUTF7(l.ns.folder(folder.Path)))
	if folder.Path != "INBOX" {
		if err := l.create(name); err != nil {
			return err
		}
	}
	if folder.Subscribed {
		if _, err := l.wire.command("SUBSCRIBE " + name); err != nil {
			return err
		}
	}
	return l.append(folder, name)
}

func (l *loader) create(name string) error {
	_, err := l.wire.command("CREATE " + name)
	var refused *refusal
	if errors.As(err, &refused) && strings.Contains(strings.ToLower(refused.text), "exists") {
		return nil
	}
	return err
}

const (
	batchMessages = 100
	batchOctets   = 4 << 20
)

// append sends runs of harmless messages as one MULTIAPPEND where the server
// has it, and every other message alone, with a synchronising literal: after
// a refused non-synchronising one some servers take the message for commands.
func (l *loader) append(folder Folder, name string) error {
	for next := 0; next < len(folder.Messages); {
		n := l.run(folder.Messages[next:])
		if n > 1 {
			err := l.batch(name, folder.Messages[next:next+n])
			if err == nil {
				next += n
				continue
			}
			var refused *refusal
			if !errors.As(err, &refused) {
				return err
			}
		}
		for range n {
			if err := l.single(folder, next, name); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}

// run counts the messages at the front that may go in one command.
func (l *loader) run(messages []Message) int {
	if !l.wire.caps["MULTIAPPEND"] || !l.wire.caps["LITERAL+"] {
		return 1
	}
	n, octets := 0, 0
	for n < len(messages) && n < batchMessages && octets < batchOctets && harmless(messages[n].Octets) {
		octets += len(messages[n].Octets)
		n++
	}
	return max(n, 1)
}

// harmless: no server that we know refuses or rewrites such a message.
func harmless(octets []byte) bool {
	colon := bytes.IndexByte(octets, ':')
	return colon > 0 && colon < 64 && !marksOf(octets).odd()
}

func (l *loader) batch(name string, messages []Message) error {
	l.wire.tags++
	tag := fmt.Sprintf("t%d", l.wire.tags)
	w := l.wire.w
	fmt.Fprintf(w, "%s APPEND %s", tag, name)
	for _, message := range messages {
		fmt.Fprintf(w, " %s{%d+}\r\n", message.options(), len(message.Octets))
		w.Write(message.Octets)
	}
	w.WriteString("\r\n")
	if err := w.Flush(); err != nil {
		return err
	}
	return l.answer(tag)
}

func (l *loader) single(folder Folder, index int, name string) error {
	message := folder.Messages[index]
	text, err := l.appendOne(name, message)
	if text != "" {
		l.refused = append(l.refused, Refusal{folder.Path, index, text})
	}
	return err
}

// appendOne returns the words of a refusal, or an error. A connection that
// the server closes after a refusal is opened again.
func (l *loader) appendOne(name string, message Message) (refused string, err error) {
	tag, err := l.wire.send(fmt.Sprintf("APPEND %s %s{%d}", name, message.options(), len(message.Octets)))
	if err != nil {
		return "", err
	}
	ready, err := l.continuation(tag)
	if ready {
		l.wire.w.Write(message.Octets)
		l.wire.w.WriteString("\r\n")
		if err = l.wire.w.Flush(); err == nil {
			err = l.answer(tag)
		}
	}
	var no *refusal
	if !errors.As(err, &no) {
		return "", err
	}
	if _, err := l.wire.command("NOOP"); err != nil {
		l.wire.conn.Close()
		return no.text, l.connect()
	}
	return no.text, nil
}

// continuation waits for "+" or for the command's end.
func (l *loader) continuation(tag string) (bool, error) {
	for {
		line, err := l.wire.response()
		switch {
		case err != nil:
			return false, err
		case line.tag == "+":
			return true, nil
		case line.tag == tag:
			return false, line.status("APPEND")
		}
	}
}

func (l *loader) answer(tag string) error {
	for {
		line, err := l.wire.response()
		if err != nil {
			return err
		}
		if line.tag == tag {
			return line.status("APPEND")
		}
	}
}

// options is what stands between the mailbox name and the literal, with a
// blank at its end.
func (m Message) options() string {
	options := ""
	if len(m.Flags) > 0 {
		options = "(" + strings.Join(m.Flags, " ") + ") "
	}
	if !m.InternalDate.IsZero() {
		options += `"` + m.InternalDate.Format(InternalDateLayout) + `" `
	}
	return options
}
