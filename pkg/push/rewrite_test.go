package push

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/push/rewrite"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// A server that changes what messages are known by is found out early.
func TestKeysThatTheServerChanges(t *testing.T) {
	replace := func(old, with string) func(string, string, []byte) []byte {
		return func(_, _ string, octets []byte) []byte { return bytes.Replace(octets, []byte(old), []byte(with), 1) }
	}
	withoutUID := slices.DeleteFunc(slices.Clone(imaptest.DefaultCaps), func(c string) bool { return c == "UIDPLUS" })
	for name, c := range map[string]struct {
		options  imaptest.Options
		allow    bool
		appended int
		says     []string // "" of them: nothing is wrong
	}{
		"left alone":               {imaptest.Options{}, false, 50, nil},
		"left alone, no UIDPLUS":   {imaptest.Options{Caps: withoutUID}, false, 50, nil},
		"a header is added":        {imaptest.Options{OnStore: replace("Subject: ", "X-New: 1\r\nReceived: by x\r\nSubject: ")}, false, 50, nil},
		"another domain":           {imaptest.Options{OnStore: replace("@x>", "@y>")}, false, rewrite.MaxMessages, []string{"20 of 20", "UID 1: Message-ID was <m00@x> and is <m00@y>", "the key is made of [message-id-local,date]"}},
		"another date":             {imaptest.Options{OnStore: replace("2 Jan 2020", "3 Jan 2020")}, false, rewrite.MaxMessages, []string{"Date was", "the key is made of [message-id]"}},
		"another of both":          {imaptest.Options{OnStore: replace("@x>\r\nDate: Thu, 2", "@y>\r\nDate: Fri, 3")}, false, rewrite.MaxMessages, []string{"the key is made of [message-id-local]"}},
		"another id":               {imaptest.Options{OnStore: replace("Message-ID: <m", "Message-ID: <n")}, false, rewrite.MaxMessages, []string{"any key is made of []"}},
		"one message only":         {imaptest.Options{OnStore: replace("<m07@x>", "<other@x>")}, false, rewrite.MaxMessages, []string{"1 of 20"}},
		"another id, no UIDPLUS":   {imaptest.Options{Caps: withoutUID, OnStore: replace("<m", "<n")}, false, rewrite.MaxMessages, []string{"20 of 20"}},
		"another id, it is wanted": {imaptest.Options{OnStore: replace("<m", "<n")}, true, 50, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := imaptest.StartServer(t, c.options)
			server.Account("joe").AddMailbox("INBOX")
			outcome, _, err := carryOut(t, server.Addr(), planFor(t, numbered(50), 0, 0), Options{AllowRewrite: c.allow})
			if outcome.Appended != int64(c.appended) || server.Account("joe").Appends() != c.appended {
				t.Errorf("%d appended, want %d", outcome.Appended, c.appended)
			}
			if len(c.says) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if exit.CodeOf(err) != exit.Protocol {
				t.Fatalf("%v", err)
			}
			said := fmt.Sprintln(err, fault.CauseOf(err), fault.DetailsOf(err))
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in %s", want, said)
				}
			}
		})
	}
}

// A message without a field of the key is not taken for changed where the connection is
// lost at a later one and the server tells no UIDs.
func TestHeaderlessBeforeALostConnection(t *testing.T) {
	var plan bytes.Buffer
	p := beginPlan(t, &plan)
	p.write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 5, UIDNext: 99, Octets: -1, Target: "INBOX"})
	for i, l := range numbered(60) {
		octets := l.octets()
		if i == rewrite.MaxMessages+5 {
			octets = []byte("X-Note: 1\r\n\r\nHello\r\n")
		}
		p.message(&stream.Message{Folder: "INBOX", UIDValidity: 5, UID: uint64(i + 1), Target: "INBOX",
			InternalDate: l.arrived().Format(time.RFC3339)}, octets)
	}
	p.end()
	for k := rewrite.MaxMessages + 4; k <= 60; k += 4 {
		server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true, Caps: []string{"NAMESPACE"}})
		server.Account("joe").AddMailbox("INBOX")
		line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.CutCommand("APPEND", k))
		outcome, _, err := carryOut(t, line.Addr(), plan.Bytes(), Options{sleep: quick})
		if err != nil || outcome.Appended != 60 || line.Fired() != 1 {
			t.Errorf("lost at %d: %s, %v", k, outcome, err)
		}
	}
}
