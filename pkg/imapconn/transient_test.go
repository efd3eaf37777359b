package imapconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

// refusalOf makes a refusal of "NO [CODE] text".
func refusalOf(line string) *imap.Error {
	typ, rest, _ := strings.Cut(line, " ")
	no := &imap.Error{Type: imap.StatusResponseType(typ), Text: rest}
	if code, text, ok := strings.Cut(rest, "] "); ok {
		no.Code, no.Text = imap.ResponseCode(code[1:]), text
	}
	return no
}

// said is what servers were heard to say.
var said = map[string]struct {
	kind kind
	rest time.Duration // before the first time again
}{
	"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)": {throttled, time.Minute},
	"NO [ALERT] Account exceeded command or bandwidth limits. (Failure)":     {throttled, time.Minute},
	"NO [ALERT] Too many simultaneous connections. (Failure)":                {throttled, 10 * time.Second},
	"NO [THROTTLED] Slow down": {throttled, 30 * time.Second},
	"NO Request is throttled. Suggested Backoff Time: 299609 milliseconds": {throttled, 299609 * time.Millisecond},
	"BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds": {throttled, 89117 * time.Millisecond},
	"NO Server Unavailable. 15":         {throttled, 30 * time.Second},
	"BYE Server Unavailable. 15":        {throttled, 30 * time.Second},
	"NO [LIMIT] APPEND Rate limit hit.": {throttled, 10 * time.Second},
	"NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)": {throttled, 10 * time.Second},
	"BYE Too many connections from your IP":                                   {throttled, 10 * time.Second},
	"NO [INUSE] APPEND Mailbox in use. Please try again later":                {busy, time.Second},
	"NO [UNAVAILABLE] UID FETCH Server error - Please try again later":        {busy, time.Second},
	"NO [unavailable] Temporary authentication failure.":                      {busy, time.Second},
	"BAD User is authenticated but not connected.":                            {busy, 5 * time.Second},
	"NO Mailbox is temporarily unavailable":                                   {busy, time.Second},
	"NO [SERVERBUG] UID SEARCH Server error":                                  {defective, time.Second},
	"NO [SERVERBUG] Internal error occurred. Refer to server log for details": {defective, time.Second},
}

// final is what does not pass, however it sounds.
var final = []string{
	"NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", "NO [OVERQUOTA] Not enough room, try again later", "NO [TOOBIG] too large, try again with less", "NO [LIMIT] Message too large",
	"NO [TRYCREATE] no such mailbox", "NO [NONEXISTENT] too many connections to nowhere", "NO [AUTHENTICATIONFAILED] Invalid credentials, try again", "NO [ALERT] Web login required", "NO Too many keywords", "NO Invalid flag list", "BAD Command Argument Error. 11", "NO ",
}

func TestTrouble(t *testing.T) {
	for line, want := range said {
		no := refusalOf(line)
		got := transientOf(no)
		if got == nil {
			t.Errorf("%s: for good", line)
			continue
		}
		if rest, _ := got.delay(1, time.Second, no.Text); got.kind != want.kind || rest != want.rest {
			t.Errorf("%s: %d, %v, want %v", line, got.kind, rest, want)
		}
		if code := exit.CodeOf(refused(no, fault.CantCreate, "x")); code != exit.Temporary || IsBusy(no) != (want.kind == throttled) {
			t.Errorf("%s: %d", line, code)
		}
	}
	for _, line := range final {
		if got := transientOf(refusalOf(line)); got != nil {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// TestTroubleEverywhere: each of these, once, at each command, and the command
// is given again: nothing is lost and nothing is stored twice.
func TestTroubleEverywhere(t *testing.T) {
	for line := range said {
		if strings.Contains(line, "Suggested") {
			line = strings.NewReplacer("299609", "3", "89117", "3").Replace(line)
		}
		for _, verb := range []string{"LOGIN", "EXAMINE", "UID FETCH", "APPEND", "CREATE", "STATUS", "UID SEARCH"} {
			t.Run(verb+" "+line, func(t *testing.T) {
				reply := rule{when: verb, reply: "TAG " + line + "\r\n", times: 1}
				if strings.HasPrefix(line, "BYE") {
					reply = rule{when: verb, reply: "* " + line + "\r\n", close: true, times: 1}
				}
				if verb == "APPEND" && strings.Contains(line, "SERVERBUG") {
					reply.times = 2
				}
				checkTrouble(t, verb, reply)
			})
		}
	}
}

func checkTrouble(t *testing.T, verb string, trouble rule) {
	const mails = "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\nTAG OK\r\n"
	rules := []rule{{when: "UID FETCH", reply: mails}, {when: "STATUS", reply: "* STATUS box (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 9)\r\nTAG OK\r\n"}, {when: "UID SEARCH", reply: "* SEARCH 1 2 3\r\nTAG OK\r\n"}}
	ctx := t.Context()
	server := newScript(t, "IMAP4rev1 LITERAL+ MULTIAPPEND", rules...)
	s := server.open()
	if verb == "LOGIN" {
		s.c.close(&lineError{s.o.Host, errors.New("cut"), ""}) // the first one is not asked twice unless it is told so
	}
	server.set(func(s *script) { s.rules = append([]*rule{&trouble}, s.rules...) })
	x, err := s.Examine(ctx, "box")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := x.Fetch(ctx, []uint64{1, 2, 3}, Items{Body: true}, 100, func(m *Message) error { got = append(got, show(m)); return nil }); err != nil {
		t.Error(err)
	}
	equalLists(t, got, []string{`1 "a"`, `2 "b"`, `3 "c"`})
	if uids, err := x.Search(ctx, nil); err != nil || len(uids) != 3 {
		t.Errorf("%v, %v", uids, err)
	}
	if err := s.Create(ctx, "new"); err != nil {
		t.Error(err)
	}
	if st, err := s.Status(ctx, []Mailbox{{Name: "box", Wire: "box"}}, false); err != nil || st[0].Err != nil || st[0].Messages != 3 {
		t.Errorf("%+v, %v", st, err)
	}
	stored, err := appendAll(s, "box", message("a"), message("b"))
	var doubt *InDoubt
	if strings.Contains(trouble.reply, "BYE") && verb == "APPEND" {
		if !errors.As(err, &doubt) { // who is told that it is in doubt looks first
			t.Errorf("%v, %v", stored, err)
		}
		return
	}
	if err != nil {
		t.Error(err)
	}
	equalLists(t, stored, []string{"0", "1"})
}

// TestTroubleAboutNames: what a busy server refuses to tell about its folders is
// asked again. Another delimiter, prefix or special use than the next run is
// told would give folders other names, and double the mail in them.
func TestTroubleAboutNames(t *testing.T) {
	const bare = "IMAP4rev1 LIST-EXTENDED SPECIAL-USE"
	for verb, caps := range map[string]string{"NAMESPACE": bare + " NAMESPACE", `LIST "" ""`: bare, `LIST "" "*"`: bare, `LIST "" "Shared/*"`: bare + " NAMESPACE", "LSUB": "IMAP4rev1"} {
		for _, words := range []string{"BAD Request is throttled. Suggested Backoff Time: 3 milliseconds", "NO [INUSE] in use", "NO [SERVERBUG] Internal error"} {
			t.Run(verb+" "+words, func(t *testing.T) {
				t.Parallel()
				const boxes = "* LIST () \".\" INBOX\r\n* LIST (\\Sent \\Subscribed) \".\" INBOX.a\r\n"
				server := newScript(t, caps, rule{when: verb, reply: "TAG " + words + "\r\n", times: 1},
					rule{when: "NAMESPACE", reply: "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"Shared/\" \"/\"))\r\n" + ok},
					rule{when: `LIST "" ""`, reply: "* LIST (\\Noselect) \".\" \"\"\r\n" + ok},
					rule{when: `LIST "" "*" RETURN`, reply: boxes + ok},
					rule{when: `LIST "" "Shared`, reply: "* LIST () \"/\" Shared/x\r\n" + ok},
					rule{when: `LIST "" "*"`, reply: strings.ReplaceAll(strings.ReplaceAll(boxes, "\\Sent ", ""), "\\Subscribed", "") + ok},
					rule{when: "LSUB", reply: "* LSUB () \".\" INBOX.a\r\n" + ok})
				s := server.open()
				got, err := s.List(t.Context(), folder.AllSpaces)
				if err != nil {
					t.Fatal(err)
				}
				want := []string{`INBOX "INBOX" "."`, `INBOX.a "INBOX.a" "." \Sent +`, `Shared/x "Shared/x" "/"`}
				if !strings.Contains(caps, "NAMESPACE") {
					want = want[:2]
				}
				if caps == "IMAP4rev1" {
					want[1] = `INBOX.a "INBOX.a" "." +`
				}
				equalLists(t, showBoxes(got), want)
				if ns := s.Namespace(); ns != (folder.Namespace{Prefix: "INBOX.", Delimiter: "."}) {
					t.Error(ns)
				}
			})
		}
	}
	t.Run("for good", func(t *testing.T) {
		for _, verb := range []string{"NAMESPACE", `LIST "" ""`} {
			server := newScript(t, "IMAP4rev1 NAMESPACE", rule{when: verb, reply: "TAG NO [INUSE] in use\r\n"}, rule{when: "NAMESPACE", reply: "TAG NO\r\n"})
			o := server.options()
			o.Retry.Max = NoRetries
			if _, err := Open(t.Context(), o); exit.CodeOf(err) != exit.Temporary || !errors.Is(err, ErrNamespaceUnknown) {
				t.Errorf("%s: %v (%d)", verb, err, exit.CodeOf(err))
			}
		}
	})
}

// TestTroubleLasts: patience ends, with the code that says: run again. What is
// broken for one message only costs that message.
func TestTroubleLasts(t *testing.T) {
	const words = "Request is throttled. Suggested Backoff Time: 1 milliseconds"
	for verb, do := range map[string]func(context.Context, *Session) error{
		"EXAMINE": func(ctx context.Context, s *Session) error { _, err := s.Examine(ctx, "box"); return err },
		"CREATE":  func(ctx context.Context, s *Session) error { return s.Create(ctx, "new") },
		"APPEND": func(ctx context.Context, s *Session) error {
			_, err := appendAll(s, "box", message("a"), message("b"))
			return err
		},
		"STATUS": func(ctx context.Context, s *Session) error {
			_, err := s.Status(ctx, []Mailbox{{Name: "box", Wire: "box"}}, false)
			return err
		},
		"UID FETCH": func(ctx context.Context, s *Session) error {
			x, err := s.Examine(ctx, "box")
			if err != nil {
				return err
			}
			return x.Fetch(ctx, []uint64{1, 2}, Items{Body: true}, 100, func(m *Message) error { return fmt.Errorf("%d came", m.UID) })
		},
		"UID FETCH 1 (UID BODY.PEEK[]<": func(ctx context.Context, s *Session) error {
			x, err := s.Examine(ctx, "box")
			if err == nil {
				_, err = x.FetchPart(ctx, 1, 0, 10)
			}
			return err
		},
	} {
		t.Run(verb, func(t *testing.T) {
			server := newScript(t, "IMAP4rev1 LITERAL+ MULTIAPPEND", rule{when: verb, reply: "TAG NO " + words + "\r\n"})
			err := do(t.Context(), server.open())
			if exit.CodeOf(err) != exit.Temporary || !strings.Contains(err.Error(), words) {
				t.Errorf("%v (%d)", err, exit.CodeOf(err))
			}
			if n := len(server.sent(verb)); n != 1+DefaultRetries {
				t.Errorf("%d times", n)
			}
		})
	}
	t.Run("one broken message", func(t *testing.T) {
		const three = "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"
		server := newScript(t, "IMAP4rev1",
			rule{when: "UID FETCH 1:3 (UID RFC822.SIZE BODY", reply: three + "TAG NO [UNAVAILABLE] UID FETCH Server error - Please try again later\r\n"},
			rule{when: "UID FETCH 2:3 (UID RFC822.SIZE BODY", reply: "TAG NO [UNAVAILABLE] UID FETCH Server error - Please try again later\r\n"},
			rule{when: "UID FETCH 2 (UID RFC822.SIZE BODY", reply: "TAG NO [UNAVAILABLE] UID FETCH Server error - Please try again later\r\n"},
			rule{when: "UID FETCH 2:3 (UID)", reply: "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\nTAG OK\r\n"},
			rule{when: "UID FETCH 3 (UID RFC822.SIZE BODY", reply: "* 3 FETCH (UID 3 BODY[] {1}\r\nc)\r\nTAG OK\r\n"})
		var got []string
		err := server.examine().Fetch(t.Context(), []uint64{1, 2, 3}, Items{Body: true}, 100, func(m *Message) error { got = append(got, show(m)); return nil })
		if err != nil {
			t.Error(err)
		}
		equalLists(t, got, []string{`1 "a"`, "2 refused NO UID FETCH Server error - Please try again later", `3 "c"`})
	})
}

// TestHold: waits grow, are told once each, and end at the bounds.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var warned []string
		s := newSession(Options{Host: "h", Retry: RetryOptions{Max: 3, MaxWait: time.Minute}, Warn: func(text string) { warned = append(warned, text) }})
		no := refusalOf("NO Server Unavailable. 15")
		began := time.Now()
		for i := range 4 {
			again, err := s.backOff(t.Context(), transientOf(no), no)
			if err != nil || again != (i < 3) {
				t.Errorf("%d: %v, %v", i, again, err)
			}
		}
		if took := time.Since(began); took != 30*time.Second+2*time.Minute {
			t.Errorf("it took %v", took)
		}
		equalLists(t, warned, []string{
			"h is busy: waiting 30s (1 of 3): the server said NO Server Unavailable. 15",
			"h is busy: waiting 1m0s (2 of 3): the server said NO Server Unavailable. 15",
			"h is busy: waiting 1m0s (3 of 3): the server said NO Server Unavailable. 15",
		})
		warned = nil
		long := refusalOf("BAD Request is throttled. Suggested Backoff Time: 3000000 milliseconds")
		if again, err := s.backOff(t.Context(), transientOf(long), long); again || err != nil {
			t.Errorf("%v, %v", again, err)
		}
		equalLists(t, warned, []string{"h asks for a pause of 50m0s, and the longest that is allowed is 1m0s"})
	})
}

// TestThrottledPipeline: what was refused together waits together.
func TestThrottledPipeline(t *testing.T) {
	server := newScript(t, plusCaps, rule{when: "APPEND", reply: "TAG NO Request is throttled. Suggested Backoff Time: 1000 milliseconds\r\n", times: 3})
	waits := 0
	s := server.open(func(o *Options) { o.Warn = func(string) { waits++ } })
	told, err := appendAll(s, "box", message("a"), message("b"), message("c"), message("d"))
	if err != nil || len(told) != 4 {
		t.Errorf("%q, %v", told, err)
	}
	if waits != 1 {
		t.Errorf("%d waits", waits)
	}
}

// TestPatienceEnds: an interrupt ends a wait at once, though the context of the
// command itself goes on.
func TestPatienceEnds(t *testing.T) {
	server := newScript(t, "IMAP4rev1", rule{when: "APPEND", reply: "TAG NO Request is throttled. Suggested Backoff Time: 200000 milliseconds\r\n"})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	s := server.open(func(o *Options) {
		o.Retry.Context = ctx
		o.Warn = func(string) { time.AfterFunc(10*time.Millisecond, func() { cancel(cause) }) }
	})
	if told, err := appendAll(s, "box", message("a")); err != cause || told != nil {
		t.Errorf("%v, %v", told, err)
	}
	server.set(func(s *script) { s.rules = nil })
	if told, err := appendAll(s, "box", message("a")); err != nil || len(told) != 1 {
		t.Errorf("the connection is gone: %v, %v", told, err)
	}
}

// TestLoginRefusedLater: a login that was taken once is tried again, twice.
func TestLoginRefusedLater(t *testing.T) {
	for times, code := range map[int]exit.Code{1: exit.OK, 2: exit.OK, 3: exit.Login} {
		server := newScript(t, "IMAP4rev1")
		s := server.open()
		s.c.close(&lineError{s.o.Host, errors.New("cut"), ""})
		server.set(func(s *script) {
			s.rules = []*rule{{when: "LOGIN", reply: "TAG NO [AUTHENTICATIONFAILED] no\r\n", times: times}}
		})
		if _, err := s.Examine(t.Context(), "box"); exit.CodeOf(err) != code {
			t.Errorf("%d times: %v", times, err)
		}
		if n, want := len(server.sent("LOGIN")), 1+min(times+1, 1+loginTries); n != want {
			t.Errorf("%d times: %d logins, want %d", times, n, want)
		}
	}
	server := newScript(t, "IMAP4rev1", rule{when: "LOGIN", reply: "TAG NO [AUTHENTICATIONFAILED] no\r\n"})
	if _, err := Open(t.Context(), server.options()); exit.CodeOf(err) != exit.Login || len(server.sent("LOGIN")) != 1 {
		t.Errorf("the first: %v", err)
	}
}

// TestThrottleMark: an OK that was delayed is told of once.
func TestThrottleMark(t *testing.T) {
	server := newScript(t, "IMAP4rev1", rule{when: "EXAMINE", reply: "TAG OK Success [THROTTLED]\r\n"})
	var warned []string
	s := server.open(func(o *Options) { o.Warn = func(text string) { warned = append(warned, text) } })
	for range 3 {
		if _, err := s.Examine(t.Context(), "box"); err != nil {
			t.Fatal(err)
		}
	}
	equalLists(t, warned, []string{"127.0.0.1 slows us down: it says [THROTTLED]"})
}

// TestRetries bounds the attempts to connect again.
func TestRetries(t *testing.T) {
	for retries, want := range map[int]int{NoRetries: 0, 1: 1, 3: 3, 0: DefaultRetries} {
		o := Options{Retry: RetryOptions{Max: retries}}
		if got := o.Retry.delays(); len(got) != want || len(got) > 0 && got[0] != 0 {
			t.Errorf("%d: %v", retries, got)
		}
	}
	o := Options{Retry: RetryOptions{Max: 12, MaxWait: 20 * time.Second}}
	if got := fmt.Sprint(o.Retry.delays()); got != "[0s 1s 2s 4s 8s 16s 20s 20s 20s 20s 20s 20s]" {
		t.Error(got)
	}
	server := newScript(t, "IMAP4rev1")
	s := server.open()
	s.delays = nil
	server.ln.Close()
	s.c.close(&lineError{s.o.Host, errors.New("cut"), ""})
	if _, err := s.Examine(t.Context(), "box"); exit.CodeOf(err) != exit.Temporary || !strings.Contains(err.Error(), "stays away") {
		t.Error(err)
	}
}
