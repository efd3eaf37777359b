package harness

import "github.com/imap-pipe/imap-pipe/pkg/imaptest"

// OfDovecot is what a Dovecot makes of a message of the corpus.
func OfDovecot(c imaptest.Case) imaptest.Verdict { return c.Dovecot }

// OfCyrus is what a Cyrus makes of it.
func OfCyrus(c imaptest.Case) imaptest.Verdict { return c.Cyrus }

// OfMunging is what a Cyrus that rewrites headers makes of it.
func OfMunging(c imaptest.Case) imaptest.Verdict { return c.CyrusMunge }
