package fetch

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export/exporttest"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// twoEach starts a server with two messages in each of some folders.
func twoEach(t *testing.T, folders []string, rules ...*imaptest.ScriptRule) *imaptest.Script {
	t.Helper()
	store := &imaptest.ScriptStore{}
	for _, name := range folders {
		for i := range 2 {
			store.Add(name, &imaptest.ScriptMessage{Date: "02-Jan-2020 03:04:05 +0000",
				Octets: fmt.Sprintf("Message-ID: <%d@%s>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\nfrom me\r\n", i, name)})
		}
	}
	server := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] ready", Caps: "IMAP4rev1", Store: store,
		Rules: rules}
	return server.Start(t)
}

// ends fails the test if run does not end within a minute.
func ends(t *testing.T, run func() ([]byte, error)) ([]byte, error) {
	t.Helper()
	var data []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		data, err = run()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("no end")
	}
	return data, err
}

// doubled is an answer in which the message with the UID 1 comes twice, and differs.
func doubled(answer string) string {
	first := regexp.MustCompile(`(?s)\* \d+ FETCH \(UID 1 .*?from me.*?\)\r\n`)
	return first.ReplaceAllStringFunc(answer, func(one string) string {
		return one + strings.Replace(one, "from me", "from us", 1)
	})
}

// lostAtSecondLook starts a server that gives a message of each folder twice in one
// answer. When the message is asked for alone the connection breaks, and then the
// folder cannot be opened any more, but for INBOX.
func lostAtSecondLook(t *testing.T, folders ...string) *imaptest.Script {
	opened, broken := "", map[string]bool{}
	return twoEach(t, append(folders, "INBOX"),
		&imaptest.ScriptRule{When: imaptest.Matching("EXAMINE"), Play: func(r *imaptest.Reply) {
			if opened = r.Command; broken[opened] {
				r.Say("TAG NO it is closed\r\n")
				return
			}
			r.Write([]byte(r.Well()))
		}},
		&imaptest.ScriptRule{When: imaptest.Matching(`UID FETCH 1 \(UID BODY.PEEK\[\]\)`), Play: func(r *imaptest.Reply) {
			if opened == `EXAMINE "INBOX"` || opened == "EXAMINE INBOX" {
				r.Write([]byte(r.Well()))
				return
			}
			broken[opened] = true
			r.Close()
		}},
		&imaptest.ScriptRule{When: imaptest.Matching(`UID FETCH 1:2 .*BODY.PEEK\[\]`), Play: func(r *imaptest.Reply) {
			r.Write([]byte(doubled(r.Well())))
		}})
}

// A message whose second look fails costs nothing but itself: neither its folder nor
// the run, nor memory. There are more folders than batches.
func TestSecondLookFails(t *testing.T) {
	folders := []string{"A", "B", "C", "D"}
	check := func(t *testing.T, run func() ([]byte, error)) {
		data, err := ends(t, run)
		if exit.CodeOf(err) != exit.Partial {
			t.Fatal(err)
		}
		g := exporttest.Read(t, data)
		for _, name := range folders {
			if g.Failed[name+"/1"] != stream.ReasonRefused || g.Octets[name+"/1"] != nil {
				t.Errorf("%s/1: %q, %d octets", name, g.Failed[name+"/1"], len(g.Octets[name+"/1"]))
			}
			if g.Octets[name+"/2"] == nil {
				t.Errorf("%s/2 is missing: %q", name, g.Failed[name+"/2"])
			}
		}
		if !strings.HasSuffix(string(g.Octets["INBOX/1"]), "from me\r\n") || g.Octets["INBOX/2"] == nil {
			t.Errorf("INBOX: %v, %v", g.Failed, g.Order)
		}
	}
	t.Run("an account", func(t *testing.T) {
		server := lostAtSecondLook(t, folders...)
		check(t, func() ([]byte, error) { return exportOf(t, server.Addr(), options(t, stream.Full)) })
	})
	t.Run("a selection", func(t *testing.T) {
		list, err := exportOf(t, twoEach(t, append(folders, "INBOX")).Addr(), options(t, stream.Headers))
		if err != nil {
			t.Fatal(err)
		}
		server := lostAtSecondLook(t, folders...)
		check(t, func() ([]byte, error) { return selectOf(t, server.Addr(), list) })
	})
}

// The UIDVALIDITY of a folder is another than the stream says. To find out whether it
// is another at each look, the folder is opened again: each time the connection ends.
// This costs the folder, and not the run.
func TestSelectUnstableUnreadable(t *testing.T) {
	folders := []string{"INBOX", "Work", "Z"}
	list, err := exportOf(t, twoEach(t, folders).Addr(), options(t, stream.Headers))
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func(*imaptest.Reply){
		"lost":    func(r *imaptest.Reply) { r.Close() },
		"refused": func(r *imaptest.Reply) { r.Say("TAG NO it is closed\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			server := twoEach(t, folders, &imaptest.ScriptRule{When: imaptest.Matching(`EXAMINE "?Work`), Skip: 1, Play: answer})
			work := server.Store.Folder("Work")
			work.UIDValidity, work.Moving = 100, "counter"
			data, err := ends(t, func() ([]byte, error) { return selectOf(t, server.Addr(), list) })
			if exit.CodeOf(err) != exit.Partial {
				t.Fatal(err)
			}
			g := exporttest.Read(t, data)
			want := map[string]stream.Reason{"lost": stream.ReasonUnreadable, "refused": stream.ReasonRefused}[name]
			if g.Failed["Work/1"] != want || g.Failed["Work/2"] != want || len(g.Failed) != 2 || len(g.Octets) != 4 {
				t.Errorf("%v, %d bodies", g.Failed, len(g.Octets))
			}
		})
	}
}
