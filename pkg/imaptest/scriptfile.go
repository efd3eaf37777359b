package imaptest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// ParseScript makes a Script of a text: the description of an odd server, in
// the format that odd/README.md describes.
func ParseScript(text string) (*Script, error) {
	s := &Script{Caps: DefaultScriptCaps, Store: &ScriptStore{}}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		from := i
		for i < len(lines) && strings.HasPrefix(lines[i], "\t") {
			i++
		}
		block := make([]string, 0, i-from)
		for _, l := range lines[from:i] {
			block = append(block, l[1:])
		}
		if err := s.directive(line, block); err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", from, line, err)
		}
	}
	return s, nil
}

func (s *Script) directive(line string, block []string) error {
	name, rest, _ := strings.Cut(line, " ")
	w := scriptWords(rest)
	switch name {
	case "caps":
		s.Caps = rest
	case "greeting":
		s.Greeting = rest
	case "delimiter":
		s.Store.Delimiter = rest
	case "permanentflags":
		s.Store.PermanentFlags = rest
	case "folder":
		return s.folderLine(w)
	case "message":
		return s.messageLine(w, block)
	case "on":
		rule, err := scriptRule(rest)
		if err != nil {
			return err
		}
		rule.Play, err = s.player(rule, block)
		s.Rules = append(s.Rules, rule)
		return err
	case "edit":
		rule, err := scriptRule(rest)
		if err != nil {
			return err
		}
		rule.Edit, err = editor(block)
		s.Edits = append(s.Edits, rule)
		return err
	default:
		return fmt.Errorf("no such directive")
	}
	return nil
}

// folderLine reads: folder NAME [N] [key=value...]; N messages are made.
func (s *Script) folderLine(w []string) error {
	f := s.Store.Folder(w[0])
	for _, word := range w[1:] {
		key, value, ok := strings.Cut(word, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case !ok:
			count, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			for range count {
				s.Store.Add(f.Name, OddMessage(f.Name, f.UIDNext, 0))
			}
		case key == "uidvalidity" && (value == "clock" || value == "counter"):
			f.Moving = value
		case key == "uidvalidity" && err == nil:
			f.UIDValidity = n
		case key == "uidnext" && err == nil:
			f.UIDNext = n
		case key == "attributes":
			f.Attributes = strings.ReplaceAll(value, ",", " ")
		case key == "subscribed":
			f.Subscribed = value == "yes"
		default:
			return fmt.Errorf("what is %q", word)
		}
	}
	return nil
}

// messageLine reads: message FOLDER UID [size=N] [flags=A,B] [date="..."]; the
// block, if there is one, is the message's text.
func (s *Script) messageLine(w []string, block []string) error {
	if len(w) < 2 {
		return fmt.Errorf("usage: message FOLDER UID [key=value]")
	}
	uid, err := strconv.ParseUint(w[1], 10, 64)
	if err != nil {
		return err
	}
	m, size := OddMessage(w[0], uid, 0), 0
	for i := 2; i < len(w); i++ {
		key, value, _ := strings.Cut(w[i], "=")
		switch key {
		case "size":
			if size, err = strconv.Atoi(value); err != nil {
				return err
			}
		case "flags":
			m.Flags = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "like": // the text of another message
			like, n, _ := strings.Cut(value, ":")
			uid, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				return err
			}
			m.Octets, size = OddMessage(like, uid, 0).Octets, 0
		case "date":
			m.Date = strings.ReplaceAll(value, "_", " ")
		default:
			return fmt.Errorf("what is %q", w[i])
		}
	}
	if len(block) > 0 {
		m.Octets = strings.Join(block, "\r\n") + "\r\n"
	}
	m.Octets = padded(m.Octets, size)
	s.Store.put(w[0], m)
	return nil
}

// OddMessage is the message that a folder of an odd server has at a UID, with
// size octets where that is more than it would have.
func OddMessage(folder string, uid uint64, size int) *ScriptMessage {
	date := time.Date(2023, 1, 2, 10, 0, 0, 0, time.UTC).Add(time.Duration(uid%1e6) * time.Minute)
	id := fmt.Sprintf("%x-%d", folder, uid)
	text := fmt.Sprintf("Received: from relay by mx.example; %s\r\nMessage-ID: <%s@odd.example>\r\nDate: %s\r\nFrom: "+
		"Ann <ann@odd.example>\r\nTo: Joe <joe@odd.example>\r\nSubject: %s %d\r\n\r\nThis is message %d of %s.\r\n",
		date.Format(time.RFC1123Z), id, date.Add(-time.Minute).Format(time.RFC1123Z), folder, uid, uid, folder)
	flags := [][]string{{`\Seen`}, {`\Flagged`, `\Seen`}, nil, {`\Answered`}}[(uid-1)%4]
	return &ScriptMessage{UID: uid, Flags: append([]string(nil), flags...),
		Date: date.Format("02-Jan-2006 15:04:05 -0700"), Octets: padded(text, size)}
}

// padded makes a text as long as size.
func padded(text string, size int) string {
	const filler = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy.\r\n"
	if missing := size - len(text); missing > 0 {
		text += strings.Repeat(filler, missing/len(filler)) + strings.Repeat("x", missing%len(filler))
	}
	return text
}

var ruleOption = regexp.MustCompile(`^(?:(\d+)x|(after|conn|if|unless)=(\w+)) +`)

// scriptRule reads the options and the pattern of on and edit.
func scriptRule(rest string) (*ScriptRule, error) {
	rule := &ScriptRule{}
	for {
		m := ruleOption.FindStringSubmatch(rest)
		if m == nil {
			break
		}
		rest = rest[len(m[0]):]
		n, _ := strconv.Atoi(m[1] + m[3])
		switch m[2] {
		case "if":
			rule.If = m[3]
		case "unless":
			rule.Not = m[3]
		case "after":
			rule.Skip = n
		case "conn":
			rule.On = n
		default:
			rule.Times = n
		}
	}
	if rest == "GREETING" {
		rule.When = func(command string) bool { return command == "" }
		return rule, nil
	}
	re, err := regexp.Compile(`^(?is:` + rest + `)`)
	if err != nil {
		return nil, err
	}
	rule.When = func(command string) bool { return command != "" && re.MatchString(command) }
	return rule, nil
}

// player makes a function of the lines of an answer.
func (s *Script) player(rule *ScriptRule, block []string) (func(*Reply), error) {
	var steps []func(*Reply)
	for _, line := range block {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "!early":
			rule.Early = true
		case "!close":
			steps = append(steps, func(r *Reply) { r.Close() })
		case "!well":
			steps = append(steps, func(r *Reply) { r.said.WriteString(r.Well()) })
		case "!perform":
			steps = append(steps, func(r *Reply) { r.Well() })
		case "!defer":
			steps = append(steps, func(r *Reply) { r.Defer() })
		case "!deferred":
			steps = append(steps, func(r *Reply) { r.Deferred() })
		case "!other":
			steps = append(steps, func(r *Reply) { r.Other(rest) })
		case "!remember":
			steps = append(steps, func(r *Reply) { r.Remember(rest) })
		case "!sleep":
			d, err := time.ParseDuration(rest)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r *Reply) { r.Flush(); time.Sleep(d) })
		case "!noise":
			n, text, _ := strings.Cut(rest, " ")
			times, err := strconv.Atoi(n)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r *Reply) {
				if !r.Noise(times, 2*time.Millisecond, text+"\r\n") {
					r.Close()
				}
			})
		case "!ask":
			steps = append(steps, func(r *Reply) { r.Ask(rest) })
		case "!part":
			t, err := s.template(rest)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r *Reply) { t.Execute(&r.said, r) })
		default:
			if strings.HasPrefix(word, "!") {
				return nil, fmt.Errorf("what is %s", word)
			}
			t, err := s.template(line)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r *Reply) {
				var out strings.Builder
				if err := t.Execute(&out, r); err != nil {
					out.WriteString("* BAD " + err.Error())
				}
				r.Say(out.String() + "\r\n")
			})
		}
	}
	return func(r *Reply) {
		for _, step := range steps {
			if step(r); r.closed {
				return
			}
		}
	}, nil
}

// template gives the lines of an answer what odd/README.md promises them.
func (s *Script) template(line string) (*template.Template, error) {
	octets := func(folder string, uid int) (string, error) {
		for _, m := range s.Store.Messages(folder) {
			if m.UID == uint64(uid) {
				return m.Octets, nil
			}
		}
		return "", fmt.Errorf("no message %d in %s", uid, folder)
	}
	return template.New("").Funcs(template.FuncMap{
		"bytes":   octets,
		"literal": literalOf,
		"header": func(folder string, uid int) (string, error) {
			text, err := octets(folder, uid)
			head, _, _ := strings.Cut(text, "\r\n\r\n")
			return head + "\r\n\r\n", err
		},
		"match": func(pattern, text string) (string, error) {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return "", err
			}
			if m := re.FindStringSubmatch(text); len(m) > 1 {
				return m[1], nil
			}
			return "", fmt.Errorf("%s does not match", pattern)
		},
		"cut":    func(from, to int, text string) string { return text[min(from, len(text)):min(to, len(text))] },
		"repeat": func(n int, text string) string { return strings.Repeat(text, n) },
		"crlf":   func() string { return "\r\n" },
		"byte":   func(n int) string { return string([]byte{byte(n)}) },
	}).Parse(line)
}

// editor makes a function of lines s/RE/TEXT/ (any delimiter, TEXT as in
// regexp.ReplaceAllString), d/RE/ (drop lines that match) and "+ text" (a line
// before the tagged answer).
func editor(block []string) (func(string) string, error) {
	var edits []func(string) string
	for _, line := range block {
		switch {
		case strings.HasPrefix(line, "+ "):
			edits = append(edits, func(answer string) string { return line[2:] + "\r\n" + answer })
		case len(line) > 2 && (line[0] == 's' || line[0] == 'd'):
			parts := strings.Split(line[2:], line[1:2])
			re, err := regexp.Compile("(?im)" + parts[0])
			if err != nil {
				return nil, err
			}
			if line[0] == 'd' {
				if re, err = regexp.Compile("(?im)^.*(?:" + parts[0] + ").*\r\n"); err != nil {
					return nil, err
				}
				edits = append(edits, func(answer string) string { return re.ReplaceAllString(answer, "") })
				continue
			}
			if len(parts) < 2 {
				return nil, fmt.Errorf("%q: s/RE/TEXT/", line)
			}
			text := strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(parts[1])
			edits = append(edits, func(answer string) string { return re.ReplaceAllString(answer, text) })
		default:
			return nil, fmt.Errorf("%q is no edit", line)
		}
	}
	return func(answer string) string {
		for _, e := range edits {
			answer = e(answer)
		}
		return answer
	}, nil
}
