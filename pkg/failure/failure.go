// Package failure sorts what went wrong with messages into classes, so that a
// thousand refusals are a few lines.
package failure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// maxClasses bounds how many classes are told apart: a server may have other
// words for each message.
const maxClasses = 500

// maxWords bounds what is kept and shown of a server's words, in octets.
const maxWords = 200

// Classes counts failures by their reason and by what the words for them have
// in common. It may be used from any goroutine; the nil Classes counts nothing.
type Classes struct {
	mu    sync.Mutex
	all   map[key]*class
	total int64
}

type key struct{ reason, words string }

// class is a kind of failure, and the first of it.
type class struct {
	key
	count   int64
	example string
}

// Add counts a failure. uid 0 is a failure of a whole folder. words may be empty.
func (c *Classes) Add(reason, folder string, uid uint64, words string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	k := key{reason, common(words)}
	if c.all[k] == nil && len(c.all) >= maxClasses {
		k.words = ""
	}
	if c.all == nil {
		c.all = map[key]*class{}
	}
	if c.all[k] == nil {
		c.all[k] = &class{key: k, example: example(folder, uid, words)}
	}
	c.all[k].count++
}

// varying is what differs between two refusals of one kind: numbers, names in
// quotes, addresses.
var varying = lazyregexp.New(`"[^"]*"|'[^']*'|<[^>]*>|[0-9]+`)

func common(words string) string { return varying.ReplaceAllString(shorten(words), "#") }

func shorten(words string) string {
	words = strings.ToValidUTF8(words, "\uFFFD")
	return text.Shorten(words, maxWords)
}

func example(folder string, uid uint64, words string) string {
	text := shorten(folder)
	if uid != 0 {
		text += fmt.Sprintf(" UID %d", uid)
	}
	if words != "" {
		text += ": " + shorten(words)
	}
	return strings.TrimPrefix(text, ": ")
}

// Total is how many failures were counted.
func (c *Classes) Total() int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// Lines tells the classes, the most frequent first, in at most so many lines
// (at least 2): count, reason, and an example with the words of whoever
// refused, which are not safe to print. There are none if nothing failed.
func (c *Classes) Lines(most int) []string {
	if c.Total() == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*class, 0, len(c.all))
	for _, one := range c.all {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b *class) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.reason, b.reason), cmp.Compare(a.example, b.example))
	})
	shown, rest := list, int64(0)
	if len(list) > most {
		shown = list[:most-1]
		for _, one := range list[most-1:] {
			rest += one.count
		}
	}
	lines := table(shown)
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("%d more, of %d other kinds", rest, len(list)-len(shown)))
	}
	return lines
}

// table sets the columns one below the other.
func table(list []*class) []string {
	digits, letters := 0, 0
	for _, one := range list {
		digits = max(digits, len(fmt.Sprint(one.count)))
		letters = max(letters, len(one.reason))
	}
	var lines []string
	for _, one := range list {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%*d  %-*s  %s", digits, one.count, letters, one.reason,
			one.example), " "))
	}
	return lines
}
