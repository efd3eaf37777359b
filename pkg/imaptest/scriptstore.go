package imaptest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ScriptStore is the mail of a Script: what it says where no rule does.
type ScriptStore struct {
	Delimiter      string // "" is "/"
	PermanentFlags string // "" is (\Answered \Flagged \Deleted \Seen \Draft \*)

	mu      sync.Mutex
	folders []*ScriptFolder
}

// ScriptFolder is a folder of a ScriptStore.
type ScriptFolder struct {
	Name        string // as on the wire
	Attributes  string
	Subscribed  bool
	UIDValidity uint64
	UIDNext     uint64

	// Moving is how UIDVALIDITY changes until the folder is SELECTed or
	// something is appended: "clock", it is the time in seconds; "counter",
	// one more at each look; "" not at all.
	Moving string

	messages []*ScriptMessage
}

// look is the UIDVALIDITY that is said by a command that fixes it or not.
func (f *ScriptFolder) look(fixes bool) uint64 {
	switch f.Moving {
	case "clock":
		f.UIDValidity = uint64(time.Now().Unix())
	case "counter":
		f.UIDValidity++
	}
	if fixes {
		f.Moving = ""
	}
	return f.UIDValidity
}

// SetLabels replaces the labels of a message.
func (s *ScriptStore) SetLabels(folder string, uid uint64, labels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.folder(folder, true).messages {
		if m.UID == uid {
			m.Labels = labels
		}
	}
}

// ScriptMessage is a message of a ScriptStore.
type ScriptMessage struct {
	UID    uint64
	Flags  []string
	Date   string   // INTERNALDATE as it is said, "" is said as NIL
	Labels []string // of Gmail, as they are said
	Octets string
}

// Folder returns a folder, made if it is not there.
func (s *ScriptStore) Folder(name string) *ScriptFolder {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folder(name, true)
}

func (s *ScriptStore) folder(name string, create bool) *ScriptFolder {
	if strings.EqualFold(name, "INBOX") {
		name = "INBOX"
	}
	for _, f := range s.folders {
		if f.Name == name {
			return f
		}
	}
	if !create {
		return nil
	}
	f := &ScriptFolder{Name: name, Subscribed: true, UIDValidity: uint64(9 + len(s.folders)), UIDNext: 1}
	s.folders = append(s.folders, f)
	return f
}

// Add puts a message into a folder, above UIDNext or with the UID that it has.
func (s *ScriptStore) Add(folder string, m *ScriptMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder(folder, true).add(m)
}

// put is Add for a message that may have the UID 0.
func (s *ScriptStore) put(folder string, m *ScriptMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder(folder, true).put(m)
}

func (f *ScriptFolder) add(m *ScriptMessage) {
	if m.UID == 0 {
		m.UID = f.UIDNext
	}
	f.put(m)
}

func (f *ScriptFolder) put(m *ScriptMessage) {
	f.UIDNext = max(f.UIDNext, m.UID+1)
	f.messages = append(f.messages, m)
}

// Messages returns copies of what a folder holds.
func (s *ScriptStore) Messages(folder string) (list []ScriptMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.folder(folder, false); f != nil {
		for _, m := range f.messages {
			c := *m
			c.Flags = slices.Clone(m.Flags)
			list = append(list, c)
		}
	}
	return list
}

// Names returns the names of all folders, in the order in which they were made.
func (s *ScriptStore) Names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.folders {
		names = append(names, f.Name)
	}
	return names
}

// scriptView is what one connection sees of the store.
type scriptView struct {
	store    *ScriptStore
	selected *ScriptFolder
	shown    []*ScriptMessage // by sequence number
}

// answer carries a command out.
func (v *scriptView) answer(r *Reply) string {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	w := scriptWords(r.Command)
	said, status := v.command(r, w)
	return said + v.news(w) + r.Tag + " " + status + "\r\n"
}

// news is what has changed in the selected folder.
func (v *scriptView) news(w []string) (said string) {
	verb := strings.ToUpper(w[0])
	if v.selected == nil || verb == "FETCH" || verb == "STORE" || verb == "SEARCH" {
		return ""
	}
	for i := len(v.shown) - 1; i >= 0; i-- {
		if !slices.Contains(v.selected.messages, v.shown[i]) {
			said += fmt.Sprintf("* %d EXPUNGE\r\n", i+1)
			v.shown = slices.Delete(v.shown, i, i+1)
		}
	}
	if len(v.shown) < len(v.selected.messages) {
		said += fmt.Sprintf("* %d EXISTS\r\n", len(v.selected.messages))
	}
	v.shown = slices.Clone(v.selected.messages)
	return said
}

func (v *scriptView) command(r *Reply, w []string) (said, status string) {
	const ok = "OK done"
	name := ""
	if len(w) > 1 {
		name = w[1]
	}
	switch verb := strings.ToUpper(w[0]); verb {
	case "CAPABILITY":
		return "* CAPABILITY " + r.script.Caps + "\r\n", ok
	case "AUTHENTICATE", "LOGIN":
		if verb == "AUTHENTICATE" && len(w) < 3 {
			r.Ask("")
		}
		return "", "OK [CAPABILITY " + r.script.Caps + "] in"
	case "LOGOUT":
		r.Close()
		return "* BYE\r\n", ok
	case "NAMESPACE":
		return fmt.Sprintf("* NAMESPACE ((\"\" %s)) NIL NIL\r\n", quotedWord(v.store.delimiter())), ok
	case "ID":
		return "* ID NIL\r\n", ok
	case "LIST", "LSUB":
		return v.list(verb, w, r.Command), ok
	case "STATUS":
		f := v.store.folder(name, false)
		if f == nil {
			return "", "NO [NONEXISTENT] no such folder"
		}
		return v.status(f, r.Command[max(0, strings.LastIndexByte(r.Command, '(')):]), ok
	case "EXAMINE", "SELECT":
		v.selected, v.shown = v.store.folder(name, false), nil
		if v.selected == nil {
			return "", "NO [NONEXISTENT] no such folder"
		}
		return v.open(verb)
	case "CLOSE", "UNSELECT":
		v.selected, v.shown = nil, nil
	case "CREATE":
		if v.store.folder(name, false) != nil {
			return "", "NO [ALREADYEXISTS] it is there"
		}
		v.store.folder(strings.TrimSuffix(name, v.store.delimiter()), true)
	case "DELETE":
		if v.store.folder(name, false) == nil {
			return "", "NO [NONEXISTENT] no such folder"
		}
		v.store.folders = slices.DeleteFunc(v.store.folders, func(f *ScriptFolder) bool { return f.Name == name })
	case "RENAME":
		f := v.store.folder(name, false)
		if f == nil || len(w) < 3 || v.store.folder(w[2], false) != nil {
			return "", "NO there is no such folder, or one of that name"
		}
		f.Name = w[2]
	case "SUBSCRIBE", "UNSUBSCRIBE":
		if f := v.store.folder(name, false); f != nil {
			f.Subscribed = verb == "SUBSCRIBE"
		}
	case "APPEND":
		return "", v.append(r.Command, name)
	case "UID", "FETCH", "SEARCH", "STORE", "EXPUNGE", "COPY":
		if v.selected == nil {
			return "", "BAD no folder is open"
		}
		return v.messages(r.Command, w)
	}
	return "", ok
}

func (s *ScriptStore) delimiter() string {
	if s.Delimiter == "" {
		return "/"
	}
	return s.Delimiter
}

var scriptReturn = regexp.MustCompile(`(?i) RETURN \(.*STATUS (\([^)]*\))`)

// list answers LIST, LIST (SUBSCRIBED), LIST ... RETURN and LSUB.
func (v *scriptView) list(verb string, w []string, command string) (said string) {
	onlySubscribed := verb == "LSUB"
	if len(w) > 1 && strings.EqualFold(w[1], "(SUBSCRIBED)") {
		onlySubscribed, w = true, w[1:]
	}
	if len(w) < 3 {
		return ""
	}
	if w[2] == "" {
		return fmt.Sprintf("* LIST (\\Noselect) %s \"\"\r\n", quotedWord(v.store.delimiter()))
	}
	extended := strings.Contains(strings.ToUpper(command), " RETURN (")
	states := scriptReturn.FindStringSubmatch(command)
	pattern := regexp.QuoteMeta(w[2])
	pattern = strings.NewReplacer(`\*`, ".*", "%", "[^"+regexp.QuoteMeta(v.store.delimiter())+"]*").Replace(pattern)
	for _, f := range v.store.folders {
		if matched, _ := regexp.MatchString("^"+pattern+"$", f.Name); !matched || onlySubscribed && !f.Subscribed {
			continue
		}
		attributes := f.Attributes
		if extended && f.Subscribed {
			attributes = strings.TrimSpace(attributes + ` \Subscribed`)
		}
		said += fmt.Sprintf("* %s (%s) %s %s\r\n", verb, attributes, quotedWord(v.store.delimiter()),
			quotedWord(f.Name))
		if states != nil && !strings.Contains(strings.ToLower(attributes), `\noselect`) {
			said += v.status(f, states[1])
		}
	}
	return said
}

func (v *scriptView) status(f *ScriptFolder, items string) string {
	octets, validity := 0, f.look(false)
	for _, m := range f.messages {
		octets += len(m.Octets)
	}
	var values []string
	for _, item := range strings.Fields(strings.ToUpper(strings.Trim(items, "() "))) {
		n, known := map[string]uint64{
			"MESSAGES": uint64(len(f.messages)), "UIDNEXT": f.UIDNext, "UIDVALIDITY": validity, "SIZE": uint64(octets),
			"RECENT": 0, "UNSEEN": 0,
		}[item]
		if known {
			values = append(values, fmt.Sprintf("%s %d", item, n))
		}
	}
	return fmt.Sprintf("* STATUS %s (%s)\r\n", quotedWord(f.Name), strings.Join(values, " "))
}

func (v *scriptView) open(verb string) (said, status string) {
	f := v.selected
	v.shown = slices.Clone(f.messages)
	permanent := v.store.PermanentFlags
	if permanent == "" {
		permanent = `(\Answered \Flagged \Deleted \Seen \Draft \*)`
	}
	state := "READ-WRITE"
	if verb == "EXAMINE" {
		permanent, state = "()", "READ-ONLY"
	}
	return fmt.Sprintf("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* %d EXISTS\r\n* 0 RECENT\r\n* OK "+
		"[UIDVALIDITY %d] .\r\n* OK [UIDNEXT %d] .\r\n* OK [PERMANENTFLAGS %s] .\r\n",
		len(f.messages), f.look(verb == "SELECT"), f.UIDNext, permanent), "OK [" + state + "] open"
}

// messages answers the commands that are about messages.
func (v *scriptView) messages(command string, w []string) (said, status string) {
	uid := strings.EqualFold(w[0], "UID")
	if uid {
		_, command, _ = strings.Cut(command, " ")
		w = w[1:]
	}
	rest := ""
	if len(w) > 2 {
		rest = command[strings.Index(command, w[1])+len(w[1]):]
	}
	switch verb := strings.ToUpper(w[0]); verb {
	case "SEARCH":
		said = "* SEARCH"
		set := regexp.MustCompile(`UID ([\d:*,]+)`).FindStringSubmatch(command)
		deleted := slices.ContainsFunc(w, func(key string) bool { return strings.EqualFold(key, "DELETED") })
		for i, m := range v.shown {
			if set != nil && !inSet(set[1], m.UID, v.last()) || deleted && !slices.Contains(m.Flags, `\Deleted`) {
				continue
			}
			if uid {
				said += fmt.Sprintf(" %d", m.UID)
			} else {
				said += fmt.Sprintf(" %d", i+1)
			}
		}
		return said + "\r\n", "OK done"
	case "EXPUNGE":
		v.selected.messages = slices.DeleteFunc(slices.Clone(v.selected.messages), func(m *ScriptMessage) bool {
			return slices.Contains(m.Flags, `\Deleted`) && (!uid || inSet(w[1], m.UID, v.last()))
		})
	case "FETCH", "STORE", "COPY":
		for i, m := range v.shown {
			n, last := uint64(i+1), uint64(len(v.shown))
			if uid {
				n, last = m.UID, v.last()
			}
			if !inSet(w[1], n, last) {
				continue
			}
			switch {
			case verb == "FETCH":
				said += v.fetch(i, m, uid, rest)
			case verb == "STORE":
				m.store(rest)
				if !strings.Contains(strings.ToUpper(rest), ".SILENT") {
					said += v.fetch(i, m, uid, "FLAGS")
				}
			default:
				target := v.store.folder(w[2], false)
				if target == nil {
					return said, "NO [TRYCREATE] no such folder"
				}
				target.add(&ScriptMessage{Flags: slices.Clone(m.Flags), Date: m.Date, Octets: m.Octets})
			}
		}
	}
	return said, "OK done"
}

func (v *scriptView) last() (last uint64) {
	for _, m := range v.shown {
		last = max(last, m.UID)
	}
	return last
}

// inSet reports whether a number is in a sequence set.
func inSet(set string, n, last uint64) bool {
	for part := range strings.SplitSeq(set, ",") {
		from, to, ranged := strings.Cut(part, ":")
		if !ranged {
			to = from
		}
		a, b := setNumber(from, last), setNumber(to, last)
		if min(a, b) <= n && n <= max(a, b) {
			return true
		}
	}
	return false
}

func setNumber(text string, last uint64) uint64 {
	if text == "*" {
		return last
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

var (
	scriptPart   = regexp.MustCompile(`BODY\.PEEK\[\]<(\d+)\.(\d+)>`)
	scriptFields = regexp.MustCompile(`BODY\.PEEK\[(HEADER\.FIELDS \(([^)]*)\))\]`)
)

// fetch answers FETCH for one message.
func (v *scriptView) fetch(i int, m *ScriptMessage, uid bool, request string) string {
	upper := strings.ToUpper(request)
	head, _, _ := strings.Cut(m.Octets, "\r\n\r\n")
	head += "\r\n\r\n"
	var items []string
	if uid || strings.Contains(upper, "UID") {
		items = append(items, fmt.Sprintf("UID %d", m.UID))
	}
	if strings.Contains(upper, "FLAGS") {
		items = append(items, "FLAGS ("+strings.Join(m.Flags, " ")+")")
	}
	if strings.Contains(upper, "INTERNALDATE") {
		date := `"` + m.Date + `"`
		if m.Date == "" {
			date = "NIL"
		}
		items = append(items, "INTERNALDATE "+date)
	}
	if strings.Contains(upper, "RFC822.SIZE") {
		items = append(items, fmt.Sprintf("RFC822.SIZE %d", len(m.Octets)))
	}
	if strings.Contains(upper, "X-GM-LABELS") {
		items = append(items, fmt.Sprintf("X-GM-LABELS (%s) X-GM-MSGID 18000000000000%d X-GM-THRID 17",
			strings.Join(m.Labels, " "), m.UID))
	}
	if f := scriptFields.FindStringSubmatch(upper); f != nil {
		items = append(items, "BODY["+f[1]+"] "+literalOf(headerFields(head, strings.Fields(f[2]))))
	}
	if strings.Contains(upper, "BODY.PEEK[HEADER]") {
		items = append(items, "BODY[HEADER] "+literalOf(head))
	}
	if p := scriptPart.FindStringSubmatch(upper); p != nil {
		from, _ := strconv.Atoi(p[1])
		n, _ := strconv.Atoi(p[2])
		from = min(from, len(m.Octets))
		items = append(items, fmt.Sprintf("BODY[]<%s> ", p[1])+literalOf(m.Octets[from:min(from+n, len(m.Octets))]))
	} else if strings.Contains(upper, "BODY.PEEK[]") {
		items = append(items, "BODY[] "+literalOf(m.Octets))
	}
	return fmt.Sprintf("* %d FETCH (%s)\r\n", i+1, strings.Join(items, " "))
}

// headerFields returns the fields of a header that are named.
func headerFields(head string, names []string) (out string) {
	take := false
	for line := range strings.SplitAfterSeq(head, "\r\n") {
		if line == "" || line == "\r\n" {
			break
		}
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := strings.Cut(line, ":")
			take = slices.ContainsFunc(names, func(n string) bool {
				return strings.EqualFold(n,
					strings.TrimSpace(name))
			})
		}
		if take {
			out += line
		}
	}
	return out + "\r\n"
}

var (
	scriptLabels = regexp.MustCompile(`(?i)\+X-GM-LABELS(?:\.SILENT)? \((.*)\)`)
	scriptLabel  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^ ]+`)
)

var scriptFlags = regexp.MustCompile(`(?i)([+-]?)FLAGS(?:\.SILENT)? \(?([^)]*)\)?`)

func (m *ScriptMessage) store(request string) {
	if l := scriptLabels.FindStringSubmatch(request); l != nil {
		for _, label := range scriptLabel.FindAllString(l[1], -1) {
			if !slices.Contains(m.Labels, label) {
				m.Labels = append(m.Labels, label)
			}
		}
		slices.Sort(m.Labels)
		return
	}
	f := scriptFlags.FindStringSubmatch(request)
	if f == nil {
		return
	}
	named := strings.Fields(f[2])
	old := slices.DeleteFunc(slices.Clone(m.Flags), func(flag string) bool { return containsFold(named, flag) })
	switch f[1] {
	case "-":
		m.Flags = old
	case "+":
		m.Flags = append(old, named...)
	default:
		m.Flags = named
	}
}

var scriptAppend = regexp.MustCompile(`(?s)^ ?(?:\(([^)]*)\) ?)?(?:"([^"]*)" ?)?~?\{(\d+)\+?\}\r\n`)

// append stores one or more messages and returns the status.
func (v *scriptView) append(command, name string) string {
	f := v.store.folder(name, false)
	if f == nil {
		return "NO [TRYCREATE] no such folder"
	}
	const verb = "APPEND "
	at := len(verb) + strings.Index(command[len(verb):], name) + len(name)
	rest := strings.TrimPrefix(command[at:], `"`)
	var stored []*ScriptMessage
	for rest != "" {
		h := scriptAppend.FindStringSubmatch(rest)
		if h == nil {
			return "BAD what is this"
		}
		n, _ := strconv.Atoi(h[3])
		rest = rest[len(h[0]):]
		if n > len(rest) || n == 0 {
			return "NO an empty message"
		}
		date := h[2]
		if date == "" {
			date = time.Now().UTC().Format(InternalDateLayout)
		}
		stored = append(stored, &ScriptMessage{Flags: strings.Fields(h[1]), Date: date, Octets: rest[:n]})
		rest = rest[n:]
	}
	from := f.UIDNext
	for _, m := range stored {
		f.add(m)
	}
	set := fmt.Sprint(from)
	if len(stored) > 1 {
		set = fmt.Sprintf("%d:%d", from, f.UIDNext-1)
	}
	return fmt.Sprintf("OK [APPENDUID %d %s] stored", f.look(true), set)
}

// scriptWords cuts a command into words, strings and literals unquoted; a list
// in parentheses is several words.
func scriptWords(command string) (words []string) {
	rest := []byte(command)
	for len(rest) > 0 {
		switch {
		case rest[0] == ' ':
			rest = rest[1:]
		case rest[0] == '"':
			var word []byte
			i := 1
			for ; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				word = append(word, rest[i])
			}
			words, rest = append(words, string(word)), rest[min(i+1, len(rest)):]
		case rest[0] == '{':
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				return append(words, string(rest))
			}
			n, _ := strconv.Atoi(strings.Trim(string(rest[:end]), "{+}\r"))
			n = min(n, len(rest)-end-1)
			words, rest = append(words, string(rest[end+1:end+1+n])), rest[end+1+n:]
		default:
			i := bytes.IndexByte(rest, ' ')
			if i < 0 {
				i = len(rest)
			}
			words, rest = append(words, string(rest[:i])), rest[i:]
		}
	}
	if len(words) == 0 {
		words = []string{""}
	}
	return words
}

func quotedWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
