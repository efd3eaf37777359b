package imapconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	safe "github.com/imap-pipe/imap-pipe/pkg/text"
	"github.com/imap-pipe/imap-pipe/pkg/uidset"
)

// Claims is what came of holding what a server says of a mailbox against what
// it shows: see VIOLATIONS.md.
type Claims struct {
	More    []uint64 // UIDs that it shows beside those that were listed, sorted
	Doubled []uint64 // UIDs that several messages have, sorted: none of them can be named
	Text    string   // both claims, where they still differ when asked again; else ""
}

// claimRounds is how often a server is asked before it contradicts itself: on
// this connection, and then on new ones.
const claimRounds = 3

// Reconcile holds the messages that were listed, all UIDs of the mailbox in
// order, against what the server says of their number: told, which STATUS said,
// EXISTS, SEARCH, and FETCH by sequence number. It asks nothing where the listing
// is enough. maybe are UIDs that the mailbox had once, sorted: they are looked up.
// It resumes.
func (x *Selected) Reconcile(ctx context.Context, told uint32, uids, maybe []uint64) (*Claims, error) {
	if x.repeated.answers == 0 && len(uids) >= int(told) && x.s.c.selected == x && x.s.c.exists != unknownExists &&
		len(uids) >= int(x.s.c.exists) {
		return &Claims{}, nil
	}
	known := append([]uint64(nil), uids...)
	for round := 1; ; round++ {
		v, shown, err := x.claims(ctx, known, maybe)
		if err != nil {
			return nil, err
		}
		known = shown
		if v.Text == "" || round == claimRounds {
			v.More = without(shown, uids)
			return v, nil
		}
		x.s.Close()
	}
}

// without returns those of a sorted list that are not in another.
func without(list, other []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(list), func(uid uint64) bool {
		_, ok := slices.BinarySearch(other, uid)
		return ok
	})
}

// claims asks for all claims once. shown are the UIDs that are known, and those
// that the server shows. What is not answered claims nothing.
func (x *Selected) claims(ctx context.Context, known, maybe []uint64) (v *Claims, shown []uint64, err error) {
	told, err := x.StatusNow(ctx)
	if err != nil && !saysNo(err) {
		return nil, nil, err
	}
	words := fmt.Sprintf("STATUS says that the folder holds %s, and EXISTS", safe.Count(told.Messages, "message"))
	if err != nil {
		words = "STATUS does not say how many messages the folder holds; EXISTS says"
	}
	if err := x.confirmWith(ctx, told, err); err != nil {
		return nil, nil, err
	}
	if err := x.settle(ctx); err != nil {
		return nil, nil, err
	}
	before, expunges, c := x.s.c.exists, x.s.c.expunges, x.s.c
	found, err := x.UIDs(ctx, 1, 0)
	if err != nil && !saysNo(err) {
		return nil, nil, err
	}
	seen, err := x.census(ctx)
	if err != nil {
		return nil, nil, err
	}
	shown = slices.Concat(known, found, seen.uids)
	slices.Sort(shown)
	shown = slices.Compact(shown)
	if maybe = without(maybe, shown); len(maybe) > 0 {
		there, err := x.Remaining(ctx, maybe)
		if err != nil && !saysNo(err) {
			return nil, nil, err
		}
		shown = append(shown, there...)
		slices.Sort(shown)
	}
	exists, status := x.s.c.exists, int(told.Messages)
	if x.s.c == c {
		exists = min(exists, before)
		status -= x.s.c.expunges - expunges // since STATUS answered
	}
	if exists == unknownExists {
		exists = 0
	}
	v = &Claims{Doubled: seen.doubled}
	if len(v.Doubled) > 0 || seen.zeros > 0 || max(status, int(exists)) > len(shown) {
		v.Text = fmt.Sprintf("%s %d; FETCH and SEARCH show %d%s", words, exists, len(shown), seen)
	}
	return v, shown, nil
}

// saysNo reports whether an error is the server's answer to a question, and no
// more: a claim that it does not make.
func saysNo(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && !IsBusy(err) || errors.Is(err, errSilent) || errors.Is(err, errUncounted)
}

// settle gives the server an occasion to say what has changed.
func (x *Selected) settle(ctx context.Context) error {
	return x.do(ctx, func(c *conn) error {
		if _, err := c.run(c.command("NOOP"), nil); !x.s.isAnswer(err) {
			return err
		}
		return nil
	})
}

// shownCounts is what FETCH by sequence number shows of a mailbox.
type shownCounts struct {
	answered bool
	uids     []uint64 // sorted, each once
	doubled  []uint64 // those that several messages have, sorted
	zeros    int      // messages whose UID is 0
}

// String says what is wrong with the UIDs.
func (s *shownCounts) String() string {
	var text strings.Builder
	if len(s.doubled) > 0 {
		fmt.Fprintf(&text, ", several of them with the UID %d", s.doubled[0])
	}
	if s.zeros > 0 {
		fmt.Fprintf(&text, ", and %d with the UID 0", s.zeros)
	}
	return text.String()
}

// census lists the mailbox by sequence number, which no message shares with
// another. It resumes.
func (x *Selected) census(ctx context.Context) (s *shownCounts, err error) {
	err = x.do(ctx, func(c *conn) error {
		s = &shownCounts{}
		by := map[uint32]uint64{} // UIDs, by sequence number
		expunges := c.expunges
		_, err := c.run(c.command("FETCH 1:* (UID)"), func(resp *response) error {
			if resp.typ != "FETCH" {
				return nil
			}
			var m fetched
			if err := c.fetch.read(&m, &wanted{}); err != nil {
				return err
			}
			if m.got&gotUID == 0 {
				return nil
			}
			if _, again := by[resp.num]; !again {
				c.progress()
			}
			by[resp.num] = m.UID
			return c.tooMany(len(by))
		})
		if err != nil && !x.s.isAnswer(err) {
			return err
		}
		s.answered = err == nil
		for _, uid := range by {
			s.uids = append(s.uids, uid)
		}
		s.sort(c.expunges == expunges)
		return nil
	})
	return s, err
}

// sort puts the UIDs in order. Where sequence numbers have moved meanwhile, the
// same UID may have come under two of them.
func (s *shownCounts) sort(still bool) {
	slices.Sort(s.uids)
	for i, uid := range s.uids {
		switch {
		case uid == 0:
			s.zeros++
		case still && i > 0 && s.uids[i-1] == uid:
			s.doubled = append(s.doubled, uid)
		}
	}
	s.uids, s.doubled = slices.Compact(s.uids[s.zeros:]), slices.Compact(s.doubled)
}

// Holds counts the messages that the mailbox shows in one way or another, and says
// in what the claims of its server about it differ, "" if they do not. It resumes.
func (x *Selected) Holds(ctx context.Context) (shown int, contradiction string, err error) {
	told, err := x.StatusNow(ctx)
	if err != nil && !saysNo(err) {
		return 0, "", err
	}
	uids, err := x.fetchUIDs(ctx, "1:*")
	if err != nil && !saysNo(err) {
		return 0, "", err
	}
	v, err := x.Reconcile(ctx, told.Messages, uids, nil)
	if err != nil {
		return 0, "", err
	}
	return len(uids) + len(v.More), v.Text, nil
}

// expunged returns those of the UIDs, which neither FETCH nor SEARCH knows, that
// were expunged: the server has said EXPUNGE since the mailbox was opened, or
// what it shows, others that were asked for included, is as much as EXISTS and
// STATUS say. EXISTS alone is not believed: a connection that was made anew may
// say 0 of a folder that STATUS counts. The rest is not accounted for.
func (x *Selected) expunged(ctx context.Context, uids []uint64, others *uidset.Set) (*uidset.Set, error) {
	gone := &uidset.Set{}
	if err := x.settle(ctx); err != nil {
		return nil, err
	}
	credit := x.s.c.expunges - x.s.c.gone
	counted := 0
	if credit < len(uids) {
		told, err := x.StatusNow(ctx)
		if err != nil && !saysNo(err) {
			return nil, err
		}
		if counted = int(told.Messages); x.s.c.exists != unknownExists {
			counted = max(counted, int(x.s.c.exists))
		}
	}
	if counted > 0 {
		seen, err := x.census(ctx)
		if err != nil {
			return nil, err
		}
		shown := others.Len()
		for _, uid := range seen.uids {
			if !others.Has(uid) {
				shown++
			}
		}
		if !seen.answered || shown < counted {
			uids = uids[:max(credit, 0)]
		}
		uids = without(uids, seen.uids)
	}
	x.s.c.gone += len(uids)
	for _, uid := range uids {
		gone.Add(uid)
	}
	return gone, nil
}
