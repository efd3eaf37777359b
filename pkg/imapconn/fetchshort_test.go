package imapconn

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// answerFetch answers UID FETCH of single messages and ranges from a table: what
// follows the UID in the answer for a message. It counts how often each is asked
// for its body.
func answerFetch(last int, message func(conn, asked, uid int, command string) string) func(string) string {
	conns, asked := 0, map[int]int{}
	return func(command string) string {
		switch {
		case strings.HasPrefix(command, "EXAMINE"):
			conns++
			return fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 9] .\r\n* OK [UIDNEXT %d] .\r\n", last, last+1) + ok
		case strings.HasPrefix(command, "UID SEARCH"):
			return "* SEARCH " + strings.Trim(fmt.Sprint(numbers(1, uint64(last))), "[]") + "\r\n" + ok
		case !strings.HasPrefix(command, "UID FETCH"):
			return ""
		}
		var b strings.Builder
		set, _, _ := strings.Cut(strings.TrimPrefix(command, "UID FETCH "), " ")
		for uid := 1; uid <= last; uid++ {
			if !inSet(set, uid) {
				continue
			}
			if strings.Contains(command, "BODY.PEEK[]") {
				asked[uid]++
			}
			if text := message(conns, asked[uid], uid, command); text != "" {
				fmt.Fprintf(&b, "* %d FETCH (UID %d %s\r\n", uid, uid, text)
			}
		}
		return b.String() + ok
	}
}

func inSet(set string, uid int) bool {
	for _, r := range strings.Split(set, ",") {
		var from, to int
		if n, _ := fmt.Sscanf(r, "%d:%d", &from, &to); n == 1 {
			to = from
		}
		if from <= uid && uid <= to {
			return true
		}
	}
	return false
}

func bodyText(size int, body string) string {
	return fmt.Sprintf("RFC822.SIZE %d BODY[] {%d}\r\n%s)", size, len(body), body)
}

// TestFetchShort holds bodies against RFC822.SIZE.
func TestFetchShort(t *testing.T) {
	whole := strings.Repeat("x", 400)
	full := bodyText(400, whole)
	tests := []struct {
		name    string
		message func(conn, asked, uid int, command string) string
		want    string // of message 2
		asked   int    // how often for it
	}{
		{"whole", func(_, _, _ int, _ string) string { return full }, "400 {400}", 1},
		{"empty once", func(_, asked, uid int, _ string) string {
			if uid == 2 && asked == 1 {
				return `RFC822.SIZE 400 BODY[] "")`
			}
			return full
		}, "400 {400}", 2},
		{"empty on one connection", func(conn, _, uid int, _ string) string {
			if uid == 2 && conn == 1 {
				return "RFC822.SIZE 400 BODY[] {0}\r\n)"
			}
			return full
		}, "400 {400}", 4},
		{"a note in its place", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(400, "Retrieval using the IMAP4 protocol failed")
			}
			return full
		}, "2 contradiction the server says RFC822.SIZE 400 and sends 41 octets", 4},
		{"empty for good", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(400, "")
			}
			return full
		}, "2 contradiction the server says RFC822.SIZE 400 and sends 0 octets", 4},
		{"a little less", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(410, whole)
			}
			return full
		}, "410 {400}", 3},
		{"much less, but more than half", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(800, whole)
			}
			return full
		}, "800 {400}", 4},
		{"less than before", func(_, asked, uid int, _ string) string {
			if uid == 2 {
				return bodyText(500, whole[asked:])
			}
			return full
		}, "2 contradiction the server says RFC822.SIZE 500 and sends 396 octets, and 399 before", 4},
		{"whole only in pieces", func(_, _, uid int, command string) string {
			switch {
			case uid == 2 && strings.Contains(command, "<400."):
				return `BODY[]<400> "")`
			case uid == 2 && strings.Contains(command, "<"):
				return fmt.Sprintf("RFC822.SIZE 400 BODY[]<0> {400}\r\n%s)", whole)
			case uid == 2:
				return bodyText(400, whole[:250])
			}
			return full
		}, "400 {400}", 4},
		{"more", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(4, whole)
			}
			return full
		}, "4 {400}", 1},
		{"honestly empty", func(_, _, uid int, _ string) string {
			if uid == 2 {
				return bodyText(0, "")
			}
			return full
		}, "0 {0}", 1},
		{"the listing says more", func(_, _, uid int, _ string) string {
			if uid == 3 {
				return bodyText(0, "")
			}
			return full
		}, "400 {400}", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, allCaps)
			s.fn = answerFetch(3, test.message)
			got := map[uint64]string{}
			items := Items{Body: true}
			if test.name == "the listing says more" {
				items.Listed = func(uint64) int64 { return 400 }
			}
			err := s.examine().Fetch(context.Background(), numbers(1, 3), items, 1000, func(m *Message) error {
				if got[m.UID] != "" {
					t.Errorf("%d came twice", m.UID)
				}
				got[m.UID] = fmt.Sprintf("%d {%d}", m.Size, m.Literal)
				if m.State != Have {
					got[m.UID] = show(m)
				}
				return nil
			})
			if err != nil || got[2] != test.want || got[1] != "400 {400}" {
				t.Errorf("%v, %v, want %s", got, err, test.want)
			}
			if test.name == "the listing says more" && !strings.HasPrefix(got[3], "3 contradiction") {
				t.Error(got[3])
			}
			asked := 0
			for _, c := range s.sent("UID FETCH ") {
				set, _, _ := strings.Cut(strings.TrimPrefix(c, "UID FETCH "), " ")
				if inSet(set, 2) && strings.Contains(c, "BODY.PEEK[]") {
					asked++
				}
			}
			if asked != test.asked {
				t.Errorf("asked %d times, want %d: %q", asked, test.asked, s.sent("UID FETCH"))
			}
		})
	}
}

// TestFetchShortHabit: a server that always counts badly is not asked for every
// message thrice, and one message that it truncates is found all the same.
func TestFetchShortHabit(t *testing.T) {
	s := newScript(t, allCaps)
	s.fn = answerFetch(200, func(_, asked, uid int, _ string) string {
		switch {
		case uid == 150 && asked < 3:
			return bodyText(1050, strings.Repeat("x", 300))
		case uid == 151:
			return bodyText(1050, "")
		}
		return bodyText(1050, strings.Repeat("x", 1000))
	})
	x := s.examine()
	came, failed := 0, []string{}
	for from := uint64(1); from <= 200; from += 20 {
		err := x.Fetch(context.Background(), numbers(from, from+19), Items{Body: true}, 2000, func(m *Message) error {
			if came++; m.State != Have {
				failed = append(failed, show(m))
			} else if m.Literal != 1000 {
				t.Errorf("%d: %d octets", m.UID, m.Literal)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	equalLists(t, failed, []string{"151 contradiction the server says RFC822.SIZE 1050 and sends 0 octets"})
	if came != 200 {
		t.Errorf("%d messages", came)
	}
	if n := len(s.sent("UID FETCH")); n > 10+11 {
		t.Errorf("%d commands", n)
	}
}

// TestFetchShortHabitKept: a short message speaks against the habit of a server
// only if it has come whole.
func TestFetchShortHabitKept(t *testing.T) {
	for _, test := range []struct {
		name      string
		size      int
		want      string
		confirmed int
	}{
		{"gone", 1050, "4 gone", believed},
		{"too large for one piece", 3000, "4 3000 {3000}", believed},
		{"whole in pieces", 60, "4 60 \"" + strings.Repeat("x", 60) + "\"", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, allCaps)
			gone := false
			usual := answerFetch(5, func(_, _, uid int, _ string) string {
				if uid == 4 {
					return bodyText(test.size, strings.Repeat("x", 21))
				}
				return bodyText(1050, strings.Repeat("x", 1000))
			})
			s.fn = func(command string) string {
				switch part := strings.HasPrefix(command, "UID FETCH 4 ") && strings.Contains(command, "<"); {
				case part && test.size == 60 && strings.Contains(command, "<0."):
					return fmt.Sprintf("* 4 FETCH (UID 4 RFC822.SIZE 60 BODY[]<0> {60}\r\n%s)\r\n", strings.Repeat("x", 60)) + ok
				case part && test.size == 60:
					return `* 4 FETCH (UID 4 BODY[]<60> "")` + "\r\n" + ok
				case part:
					gone = true
					return "* 4 EXPUNGE\r\n" + ok
				case gone && strings.HasPrefix(command, "UID FETCH 4 "):
					return ok
				case gone && strings.HasPrefix(command, "UID SEARCH"):
					return "* SEARCH 1 2 3 5\r\n" + ok
				}
				return usual(command)
			}
			x := s.examine()
			var got []string
			fetch := func(uids []uint64) {
				err := x.Fetch(context.Background(), uids, Items{Body: true}, 2000, func(m *Message) error {
					if m.UID == 4 {
						got = append(got, show(m))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			fetch(numbers(1, 3))
			if n := x.s.sizeTolerance.confirmed; n != believed {
				t.Fatalf("%d confirmed before", n)
			}
			fetch([]uint64{4})
			equalLists(t, got, []string{test.want})
			if n := x.s.sizeTolerance.confirmed; n != test.confirmed {
				t.Errorf("%d confirmed, want %d", n, test.confirmed)
			}
		})
	}
}

// TestFetchItems has what servers leave out of an answer.
func TestFetchItems(t *testing.T) {
	const flags, date, size = `FLAGS (\Seen)`, `INTERNALDATE "02-Jan-2023 10:00:00 +0000"`, "RFC822.SIZE 3"
	const body = "BODY[] {3}\r\nabc"
	all := strings.Join([]string{flags, date, size, body}, " ") + ")"
	const seen = `2 \Seen 2023-01-02T10:00:00+00:00 3 "abc" 0`
	isAlone := func(command string) bool { return !strings.Contains(command, "BODY.PEEK[]") }
	tests := []struct {
		name    string
		message func(uid int, command string) string
		want    string
		most    int // commands
	}{
		{"all", func(int, string) string { return all }, seen, 1},
		{"the list closes early", func(int, string) string { return body + ") " + flags + " " + date + " " + size },
			`2 3 "abc" 7`, 13},
		{"early, but not alone", func(_ int, command string) string {
			if isAlone(command) {
				return strings.Join([]string{flags, date, size}, " ") + ")"
			}
			return body + ") " + flags + " " + date + " " + size
		}, seen, 2},
		{"flags of one alone", func(uid int, command string) string {
			if uid == 2 && !isAlone(command) {
				return strings.Join([]string{date, size, body}, " ") + ")"
			}
			return all
		}, seen, 2},
		{"flags of one alone without UID", func(uid int, command string) string {
			switch {
			case uid == 2 && strings.HasSuffix(command, "(FLAGS)"):
				return flags + ")"
			case uid == 2:
				return strings.Join([]string{date, size, body}, " ") + ")"
			}
			return all
		}, seen, 3},
		{"NIL for flags of one", func(uid int, _ string) string {
			if uid == 2 {
				return strings.Join([]string{"FLAGS NIL", date, size, body}, " ") + ")"
			}
			return all
		}, `2 2023-01-02T10:00:00+00:00 3 "abc" 1`, 3},
		{"a date that is none", func(uid int, _ string) string {
			if uid == 2 {
				return strings.Join([]string{flags, `INTERNALDATE "01/02/2023 10:00:00"`, size, body}, " ") + ")"
			}
			return all
		}, `2 \Seen 3 "abc" 2`, 3},
		{"a size that is none", func(uid int, command string) string {
			if uid == 2 && !isAlone(command) {
				return strings.Join([]string{flags, date, "RFC822.SIZE -1", body}, " ") + ")"
			}
			return all
		}, seen, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t, allCaps)
			s.fn = answerFetch(3, func(_, _, uid int, command string) string { return test.message(uid, command) })
			var got []string
			items := Items{Flags: true, InternalDate: true, Size: true, Body: true}
			err := s.examine().Fetch(context.Background(), numbers(1, 3), items, 1000, func(m *Message) error {
				if m.UID == 2 {
					got = append(got, fmt.Sprintf("%s %d", strings.Replace(show(m), " -1 ", " ", 1), m.Unknown))
				} else if m.State != Have {
					t.Error(show(m))
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			want := test.want
			if test.name == "the list closes early" {
				want = strings.Replace(want, " 3 ", " ", 1)
			}
			equalLists(t, got, []string{want})
			if n := len(s.sent("UID FETCH")); n > test.most {
				t.Errorf("%q", s.sent("UID FETCH"))
			}
		})
	}
}

// TestFetchItemsNever: what a server never says is asked for with each batch,
// but not for each message; memory stays bounded.
func TestFetchItemsNever(t *testing.T) {
	s := newScript(t, allCaps)
	s.fn = answerFetch(3000, func(_, _, _ int, command string) string {
		if strings.Contains(command, "INTERNALDATE") && strings.Contains(command, "FLAGS") {
			return "FLAGS ())"
		}
		return ")"
	})
	n := 0
	err := s.examine().FetchAll(context.Background(), 1, 0, Items{Flags: true, InternalDate: true}, 0, func(m *Message) error {
		if n++; m.Unknown != UnknownDate || m.State != Have {
			t.Fatal(show(m), m.Unknown)
		}
		return nil
	})
	if sent := len(s.sent("UID FETCH")); err != nil || n != 3000 || sent > maxSilent+10 {
		t.Errorf("%d messages by %d commands, %v", n, sent, err)
	}
}
