package files

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/text"
)

// terminalText is what a terminal is shown.
type terminalText struct {
	half []byte // the beginning of a character that is not shown yet
}

// harmless returns what a terminal is shown of p. What is JSON stays the same
// JSON. The beginning of a character waits for its rest.
func (t *terminalText) harmless(p []byte) []byte {
	p = append(t.half, p...)
	whole := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if last := p[len(p)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= i
			}
			break
		}
	}
	t.half = slices.Clone(p[whole:])
	lines := strings.Split(string(p[:whole]), "\n")
	for i := range lines {
		lines[i] = text.SafeJSON(lines[i])
	}
	return []byte(strings.Join(lines, "\n"))
}
