package imapconn

import (
	"sort"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// capabilities is what a server offers, in upper case, without what the user
// disabled.
type capabilities map[imap.Cap]bool

// parseCapabilities reads the words of a CAPABILITY response.
func parseCapabilities(words string, disabled []string) capabilities {
	caps := capabilities{}
	for _, w := range strings.Fields(words) {
		caps[imap.Cap(strings.ToUpper(w))] = true
	}
	for _, name := range disabled {
		delete(caps, imap.Cap(strings.ToUpper(name)))
	}
	return caps
}

func (caps capabilities) sorted() []string {
	l := make([]string, 0, len(caps))
	for name := range caps {
		l = append(l, string(name))
	}
	sort.Strings(l)
	return l
}

func (caps capabilities) has(name imap.Cap) bool {
	return caps[imap.Cap(strings.ToUpper(string(name)))]
}

// literal says up to which size a literal need not wait for a continuation
// (RFC 7888); 0 if all must.
func (caps capabilities) literal() int64 {
	switch {
	case caps[imap.CapLiteralPlus]:
		return 1<<63 - 1
	case caps[imap.CapLiteralMinus], caps["IMAP4REV2"]:
		return 4096
	}
	return 0
}

// mechanisms returns the SASL mechanisms on offer, sorted.
func (caps capabilities) mechanisms() []string {
	return caps.values("AUTH=")
}

func (caps capabilities) values(prefix string) []string {
	var l []string
	for name := range caps {
		if v, ok := strings.CutPrefix(string(name), prefix); ok {
			l = append(l, v)
		}
	}
	sort.Strings(l)
	return l
}

// limit returns n of NAME=n, -1 if it is unknown.
func (caps capabilities) limit(name string) int64 {
	for _, v := range caps.values(name + "=") {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return -1
}

// together is how many of n messages a server takes in one command (RFC 9738).
func (caps capabilities) together(n int) int {
	if most := caps.limit("MESSAGELIMIT"); most > 0 && most < int64(n) {
		return int(most)
	}
	return n
}
