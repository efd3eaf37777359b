package cli

import "github.com/imap-pipe/imap-pipe/pkg/text"

// Safe makes s harmless to a terminal: see text.Safe.
func Safe(s string) string { return text.Safe(s) }
