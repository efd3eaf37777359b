package e2e

import "github.com/imap-pipe/imap-pipe/pkg/imaptest"

func ofDovecot(c imaptest.Case) imaptest.Verdict { return c.Dovecot }

func ofCyrus(c imaptest.Case) imaptest.Verdict { return c.Cyrus }

func ofMunging(c imaptest.Case) imaptest.Verdict { return c.CyrusMunge }
