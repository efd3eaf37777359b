package search

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// naiveServer judges one message as a server without any finesse does. Nothing
// here is shared with the code under test.
type naiveServer struct {
	t       *testing.T
	zone    *time.Location // in which it takes arrival dates
	uid     uint64
	largest uint64
	flags   []string
	arrived time.Time // zero: it has none, and no date matches
	size    int       // what it says
	fields  [][2]string
	body    string

	tokens []string
}

var naiveToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+`)

// finds reports whether the server finds the message by a program.
func (n *naiveServer) finds(program Program) bool {
	n.tokens = nil
	for _, piece := range program {
		if piece.Literal {
			n.tokens = append(n.tokens, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(piece.Text)+`"`)
		} else {
			n.tokens = append(n.tokens, naiveToken.FindAllString(piece.Text, -1)...)
		}
	}
	if len(n.tokens) > 1 && n.tokens[0] == "CHARSET" {
		n.tokens = n.tokens[2:]
	}
	found := true
	for len(n.tokens) > 0 {
		found = n.key() && found
	}
	return found
}

func (n *naiveServer) next() string {
	if len(n.tokens) == 0 {
		n.t.Fatal("the program ends too early")
	}
	token := n.tokens[0]
	n.tokens = n.tokens[1:]
	return token
}

func (n *naiveServer) string() string {
	token := n.next()
	if !strings.HasPrefix(token, `"`) {
		return token
	}
	return regexp.MustCompile(`\\(.)`).ReplaceAllString(token[1:len(token)-1], "$1")
}

func (n *naiveServer) number() int {
	number, err := strconv.Atoi(n.next())
	if err != nil || number > 1<<32-1 {
		n.t.Fatalf("%d is no number for a server: %v", number, err)
	}
	return number
}

func (n *naiveServer) date() time.Time {
	t, err := time.Parse("2-Jan-2006", n.next())
	if err != nil {
		n.t.Fatal(err)
	}
	return t
}

func (n *naiveServer) key() bool {
	switch key := n.next(); key {
	case "(":
		found := true
		for n.tokens[0] != ")" {
			found = n.key() && found
		}
		n.next()
		return found
	case "ALL":
		return true
	case "NOT":
		return !n.key()
	case "OR":
		a, b := n.key(), n.key()
		return a || b
	case "SEEN", "FLAGGED", "ANSWERED", "DELETED", "DRAFT":
		return n.flagged(`\` + key)
	case "UNSEEN", "UNFLAGGED", "UNANSWERED", "UNDELETED", "UNDRAFT":
		return !n.flagged(`\` + key[2:])
	case "KEYWORD":
		return n.flagged(n.next())
	case "UNKEYWORD":
		return !n.flagged(n.next())
	case "UID":
		return naiveContains(n.next(), n.uid, n.largest)
	case "LARGER":
		return n.size > n.number()
	case "SMALLER":
		return n.size < n.number()
	case "SINCE", "BEFORE":
		day := n.date()
		return !n.arrived.IsZero() && naiveDay(n.arrived.In(n.zone)).Before(day) == (key == "BEFORE")
	case "SENTSINCE", "SENTBEFORE":
		day := n.date()
		for _, field := range n.fields {
			if field[0] == "Date" {
				sent, err := time.Parse(time.RFC1123Z, field[1])
				return err == nil && naiveDay(sent).Before(day) == (key == "SENTBEFORE")
			}
		}
		return false
	case "FROM", "TO", "CC", "BCC", "SUBJECT":
		return n.has(key, n.string())
	case "HEADER":
		return n.has(n.string(), n.string())
	case "BODY":
		return naiveHas(n.body, n.string())
	case "TEXT":
		word := n.string()
		found := naiveHas(n.body, word)
		for _, field := range n.fields {
			found = found || naiveHas(field[0]+": "+field[1]+"\r\n", word)
		}
		return found
	default:
		n.t.Fatalf("a server knows no key %q", key)
	}
	return false
}

func (n *naiveServer) flagged(name string) bool {
	for _, flag := range n.flags {
		if strings.EqualFold(flag, name) {
			return true
		}
	}
	return false
}

func (n *naiveServer) has(name, word string) bool {
	for _, field := range n.fields {
		if strings.EqualFold(field[0], name) && naiveHas(field[1], word) {
			return true
		}
	}
	return false
}

func naiveHas(text, word string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}

func naiveDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func naiveContains(set string, uid, largest uint64) bool {
	number := func(s string) uint64 {
		if s == "*" {
			return largest
		}
		n, _ := strconv.ParseUint(s, 10, 64)
		return n
	}
	for _, part := range strings.Split(set, ",") {
		ends := strings.Split(part, ":")
		a, b := number(ends[0]), number(ends[len(ends)-1])
		if min(a, b) <= uid && uid <= max(a, b) {
			return true
		}
	}
	return false
}
