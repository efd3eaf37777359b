package imapconn

import (
	"strings"

	safe "github.com/imap-pipe/imap-pipe/pkg/text"
)

// maxText bounds what is kept of a server's words.
const maxText = 1 << 10

// serverText makes a server's words valid UTF-8 of at most maxText octets.
func serverText(s string) string {
	return safe.Head(strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD")), maxText)
}

// printable is text.Safe, for messages and traces.
func printable(s string) string { return safe.Safe(s) }

func isPrintASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// quote is text.Quote, for names in messages.
func quote(s string) string { return safe.Quote(s) }
