package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// TestCopy: what is sent for a COPY, and what is believed of the answer.
func TestCopy(t *testing.T) {
	opened := rule{when: "EXAMINE", reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 99] ok\r\n" + ok}
	answer := func(text string) rule { return rule{when: "UID COPY", reply: "TAG " + text + "\r\n"} }
	three := []uint64{4, 5, 8}
	for name, test := range map[string]struct {
		rules []rule
		uids  []uint64
		sent  string // the sets, blanks between
		want  string // what came of it
		code  exit.Code
	}{
		"told":                          {[]rule{answer("OK [COPYUID 11 4:5,8 20:21,30] done")}, three, "4:5,8", "3 of 11: map[4:20 5:21 8:30]", exit.OK},
		"numbers of 64 bits":            {[]rule{answer("OK [COPYUID 18446744073709551615 4294967296:4294967297,9223372036854775808 1099511627776:1099511627778] done")}, []uint64{1 << 32, 1<<32 + 1, 1 << 63}, "4294967296:4294967297,9223372036854775808", "3 of 18446744073709551615: map[4294967296:1099511627776 4294967297:1099511627777 9223372036854775808:1099511627778]", exit.OK},
		"in another order":              {[]rule{answer("OK [COPYUID 11 8,4:5 20:22] done")}, three, "4:5,8", "3 of 11: map[4:21 5:22 8:20]", exit.OK},
		"a range backwards":             {[]rule{answer("OK [COPYUID 11 5:4,8 22:20] done")}, three, "4:5,8", "3 of 11: map[4:20 5:21 8:22]", exit.OK},
		"one was not there":             {[]rule{answer("OK [COPYUID 11 4,8 20:21] done")}, three, "4:5,8", "3 of 11: map[4:20 8:21]", exit.OK},
		"not told":                      {[]rule{answer("OK done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"one that was not asked for":    {[]rule{answer("OK [COPYUID 11 4:6 20:22] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"more than was asked for":       {[]rule{answer("OK [COPYUID 11 1:18446744073709551614 1:18446744073709551614] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"one twice":                     {[]rule{answer("OK [COPYUID 11 4,4,5 20:22] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"two in one place":              {[]rule{answer("OK [COPYUID 11 4:5,8 20,20,21] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"sets that do not fit":          {[]rule{answer("OK [COPYUID 11 4:5,8 20:21] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"UID 0":                         {[]rule{answer("OK [COPYUID 11 4:5,8 0,1,2] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"no UIDVALIDITY":                {[]rule{answer("OK [COPYUID 0 4:5,8 20:22] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"nonsense":                      {[]rule{answer("OK [COPYUID x y] done")}, three, "4:5,8", "3 of 0: map[]", exit.OK},
		"refused":                       {[]rule{answer("NO not these")}, three, "4:5,8", "not these", exit.Partial},
		"not understood":                {[]rule{answer("BAD what?")}, three[:1], "4", "what?", exit.Protocol},
		"there is no such folder":       {[]rule{answer("NO [TRYCREATE] where?")}, three, "4:5,8", "no such mailbox", exit.CantCreate},
		"full":                          {[]rule{answer("NO [OVERQUOTA] full")}, three, "4:5,8", "full", exit.CantCreate},
		"busy for a while":              {[]rule{{when: "UID COPY", times: 2, reply: "TAG NO [INUSE] later\r\n"}, answer("OK done")}, three, "4:5,8 4:5,8 4:5,8", "3 of 0: map[]", exit.OK},
		"busy for ever":                 {[]rule{answer("NO [INUSE] later")}, three, "4:5,8 4:5,8 4:5,8 4:5,8 4:5,8", "later", exit.Temporary},
		"the connection ends":           {[]rule{{when: "UID COPY", close: true}}, three, "4:5,8", "0 to 3 in doubt", exit.Temporary},
		"an unknown status":             {[]rule{answer("DONE")}, three, "4:5,8", "0 to 3 in doubt", exit.Temporary},
		"another folder has its name":   {[]rule{{when: "UID COPY", close: true}}, nil, "", "", exit.Partial},
		"the server takes two together": {[]rule{answer("OK done")}, three, "4:5", "2 of 0: map[]", exit.OK},
	} {
		t.Run(name, func(t *testing.T) {
			caps := "IMAP4rev1"
			if strings.HasSuffix(name, "two together") {
				caps += " MESSAGELIMIT=2"
			}
			rules := append([]rule{opened}, test.rules...)
			uids := test.uids
			if uids == nil {
				uids = three
				rules = append([]rule{{when: "EXAMINE", times: 1, reply: opened.reply}, {when: "EXAMINE", reply: strings.Replace(opened.reply, "VALIDITY 7", "VALIDITY 8", 1)}}, test.rules...)
			}
			server := newScript(t, caps, rules...)
			session := server.open()
			box, err := session.Examine(context.Background(), "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			if test.uids == nil {
				session.Close()
			}
			said, err := box.Copy(context.Background(), uids, "new&-folder", nil)
			var doubt *InDoubt
			got := fmt.Sprint(err)
			switch {
			case errors.As(err, &doubt):
				got, err = fmt.Sprintf("%d to %d in doubt", doubt.From, doubt.To), exit.Wrap(exit.Temporary, err)
			case err == nil:
				got = fmt.Sprintf("%d of %d: %v", said.Asked, said.UIDValidity, said.UIDs)
			}
			if !strings.Contains(got, test.want) || exit.CodeOf(err) != test.code {
				t.Errorf("%s, exit %d; want %s, exit %d", got, exit.CodeOf(err), test.want, test.code)
			}
			var sets []string
			for _, command := range server.sent("UID COPY") {
				set, ok := strings.CutSuffix(strings.TrimPrefix(command, "UID COPY "), ` "new&-folder"`)
				if sets = append(sets, set); !ok {
					t.Error(command)
				}
			}
			if sent := strings.Join(sets, " "); sent != test.sent {
				t.Errorf("sent %q, want %q", sent, test.sent)
			}
		})
	}
}

// TestCopyShortLines: a server that takes no long line gets short ones.
func TestCopyShortLines(t *testing.T) {
	server := newScript(t, "IMAP4rev1")
	server.fn = func(text string) string {
		if strings.HasPrefix(text, "UID COPY") && len(text) > 400 {
			return "TAG BAD line too long\r\n"
		}
		return ""
	}
	var uids []uint64
	for n := range uint64(500) {
		uids = append(uids, 1000+2*n)
	}
	box, done := server.examine(), 0
	for done < len(uids) {
		said, err := box.Copy(context.Background(), uids[done:], "to", nil)
		if err != nil || said.Asked == 0 {
			t.Fatal(said, err)
		}
		done += said.Asked
	}
	if done != len(uids) {
		t.Errorf("%d of %d", done, len(uids))
	}
}

// FuzzCopyUIDs: COPYUID names only what was to be copied, each once.
func FuzzCopyUIDs(f *testing.F) {
	f.Add("1:3,7", "4:6,9", byte(9))
	f.Add("18446744073709551614,0,5:2", "1:18446744073709551615", byte(3))
	f.Fuzz(func(t *testing.T, set, other string, most byte) {
		uids := uidset.Expand(set, int(most))
		slices.Sort(uids)
		uids = slices.Compact(uids)
		_, copied := copyUIDs(&status{code: "COPYUID", args: "7 " + set + " " + other}, uids)
		there := map[uint64]bool{}
		for from, to := range copied {
			if !slices.Contains(uids, from) || there[to] {
				t.Errorf("%q %q: %v", set, other, copied)
			}
			there[to] = true
		}
	})
}
