package imapconn

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// oddUIDs answers UID FETCH and UID SEARCH of odd UIDs up to 40,000, and
// refuses lines above a length.
func oddUIDs(longest int, refusal string) func(text string) (reply string) {
	return func(text string) string {
		if len(text)+len("A99 \r\n") > longest {
			return refusal
		}
		words := strings.Fields(text)
		if len(words) < 3 || !strings.EqualFold(words[0], "UID") {
			return ""
		}
		var out strings.Builder
		search := strings.EqualFold(words[1], "SEARCH")
		set := words[2]
		if search {
			set = words[3]
			out.WriteString("* SEARCH")
		}
		for r := range strings.SplitSeq(set, ",") {
			from, to, ranged := strings.Cut(r, ":")
			a, _ := strconv.Atoi(from)
			b := a
			if ranged {
				b, _ = strconv.Atoi(to)
			}
			for uid := a; uid <= b; uid++ {
				switch {
				case uid%2 == 0 || uid > 40_000:
				case search:
					fmt.Fprintf(&out, " %d", uid)
				default:
					fmt.Fprintf(&out, "* %d FETCH (UID %d BODY[] {1}\r\nx)\r\n", uid, uid)
				}
			}
		}
		if search {
			out.WriteString("\r\n")
		}
		return out.String() + "TAG OK\r\n"
	}
}

// TestLongSets: 20,000 odd UIDs are many commands, none above 8,000 octets, and
// shorter where a server refuses even that; no message is taken for gone.
func TestLongSets(t *testing.T) {
	var uids []uint64
	for uid := uint64(1); uid <= 40_000; uid += 2 {
		uids = append(uids, uid)
	}
	for _, test := range []struct {
		longest int
		refusal string
		most    int // commands
	}{
		{8000, "TAG BAD line too long\r\n", 45},
		{1000, "TAG BAD line too long\r\n", 250},
		{600, "TAG BAD Error in IMAP command: Too long argument.\r\n", 350},
		{1000, "TAG NO [CLIENTBUG] line too long\r\n", 250},
	} {
		t.Run(fmt.Sprint(test.longest, test.refusal), func(t *testing.T) {
			server := newScript(t, "IMAP4rev1")
			server.set(func(s *script) { s.fn = oddUIDs(test.longest, test.refusal) })
			came := 0
			err := server.examine().Fetch(t.Context(), uids, Items{Body: true}, 10, func(m *Message) error {
				if came++; m.State != Have {
					t.Errorf("%s", show(m))
				}
				return nil
			})
			commands := server.sent("UID ")
			if came != len(uids) || err != nil {
				t.Errorf("%d of %d came: %v", came, len(uids), err)
			}
			if len(commands) > test.most {
				t.Errorf("%d commands, want at most %d", len(commands), test.most)
			}
			for _, c := range commands {
				if len(c) > 8000 {
					t.Errorf("a command of %d octets", len(c))
				}
			}
		})
	}
}

// TestSetLength: BAD for another reason does not shorten sets for good.
func TestSetLength(t *testing.T) {
	var l setLength
	for octets := 6500; l.shorten(octets); octets = l.most() {
		if l.most() >= octets {
			t.Fatal("not shorter")
		}
	}
	if l.most() != maxSetOctets || l.shorten(6500) {
		t.Errorf("%+v", l)
	}
	l = setLength{}
	if !l.shorten(6000) || l.most() != 3000 {
		t.Errorf("%+v", l)
	}
	l.fits()
	if l.shorten(shortSet) || l.most() != 3000 || !l.shorten(2900) {
		t.Errorf("%+v", l)
	}
}
