package push

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestRefusedThoughPartlyStored: the server stores some of a MULTIAPPEND, or of
// the messages of a pipeline, and refuses it. Each message is there once.
func TestRefusedThoughPartlyStored(t *testing.T) {
	letters := numbered(9)
	for _, caps := range []string{imaptest.DefaultScriptCaps, "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL- MULTIAPPEND NAMESPACE", "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ UIDPLUS NAMESPACE"} {
		for _, reply := range []string{"TAG NO failed", "TAG BAD failed", "TAG NO [LIMIT] failed", "TAG WHAT"} {
			t.Run(reply+" "+caps, func(t *testing.T) {
				t.Parallel()
				store := &imaptest.ScriptStore{}
				store.Folder("INBOX").UIDValidity = 1001
				server := &imaptest.Script{Caps: caps, Store: store}
				server.Rules = []*imaptest.ScriptRule{{When: imaptest.Matching("APPEND"), Times: 1, Play: func(r *imaptest.Reply) {
					for i, l := range letters {
						if i%3 == 0 && strings.Contains(r.Command, string(l.octets())) {
							store.Add("INBOX", &imaptest.ScriptMessage{Date: l.arrived().Format(imaptest.InternalDateLayout), Octets: string(l.octets())})
						}
					}
					r.Say(reply + "\r\n")
				}}}
				outcome, receipts, err := carryOut(t, server.Start(t).Addr(), planFor(t, letters, 1001, 1), Options{sleep: quick})
				count := map[string]int{}
				for _, m := range store.Messages("INBOX") {
					count[m.Octets]++
				}
				for i, l := range letters {
					if count[string(l.octets())] != 1 {
						t.Errorf("message %d is there %d times", i, count[string(l.octets())])
					}
				}
				if err != nil || outcome.Appended != 9 {
					t.Errorf("%s, %v: %s", outcome, err, fmt.Sprint(receipts))
				}
			})
		}
	}
}
