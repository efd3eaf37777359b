package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestMirrorOfAnything: whatever came and went on both sides, among messages
// that share keys, dates and sizes, a run with a proof deletes no message that
// came to the destination in another way and loses none that the source has; a
// strict mirror leaves what the source has and no more, or says that it cannot
// tell. So does a run that cannot tell which of two messages is missing.
func TestMirrorOfAnything(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := random(t)
	folders := []string{"INBOX", "a", "b"}
	for round := range rounds(2, 80) {
		src, dst := embedded(server, fmt.Sprint("src-", round)), embedded(server, fmt.Sprint("dst-", round))
		source, target := server.Account(src.user), server.Account(dst.user)
		arrive := func(a *imaptest.Account, n int) (uids map[string][]uint64) {
			uids = map[string][]uint64{}
			for range rnd.IntN(n) {
				f, m := folders[rnd.IntN(len(folders))], draw(rnd)
				uids[f] = append(uids[f], a.AddMessage(f, nil, m.InternalDate, m.Octets))
			}
			return uids
		}
		leave := func(a *imaptest.Account) {
			for _, f := range folders {
				for _, e := range a.Messages(f) {
					if rnd.IntN(3) == 0 {
						a.Expunge(f, e.UID)
					}
				}
			}
		}
		for _, f := range folders {
			source.AddMailbox(f)
		}
		own := arrive(target, 6) // before anything is moved
		b := between(t, src, dst)
		b.sh(`: >receipts`)
		arrive(source, 14)
		for turn := range 3 {
			settled(b.sh(fmt.Sprintf(`imap-fetch $SRC -o day-%d && `, turn) + straight + ` >>receipts`))
			for f, uids := range arrive(target, 4) {
				own[f] = append(own[f], uids...)
			}
			arrive(source, 4)
			leave(source)
			if turn == 1 {
				for _, f := range folders {
					for _, e := range target.Messages(f) {
						if rnd.IntN(6) == 0 {
							target.Expunge(f, e.UID)
							own[f] = slices.DeleteFunc(own[f], func(uid uint64) bool { return uid == e.UID })
						}
					}
				}
			}
			form := []string{
				`imap-fetch $SRC | imap-diff %s $DST | imap-push` + deleteAll + `$DST`,
				`imap-fetch --restart $SRC -o now && imap-diff %s $DST now | imap-push` + deleteAll + `$DST`,
				`imap-fetch --headers $SRC | imap-diff %s $DST | imap-fetch --select - $SRC | imap-push` + deleteAll + `$DST`,
			}[rnd.IntN(3)]
			o := b.sh(strings.Replace(form, "%s", `--delete-extra --proof receipts`, 1) + ` >now.receipts`)
			b.sh(`cat now.receipts >>receipts`)
			if settled(o) && !covers(dst.byKey(t), src.byKey(t)) {
				t.Fatalf("round %d, turn %d: something of the source is lost\n%s", round, turn, o)
			}
			for f, uids := range own {
				for _, uid := range uids {
					if !slices.ContainsFunc(target.Messages(f), func(e imaptest.Entry) bool { return e.UID == uid }) {
						t.Fatalf("round %d, turn %d: %s UID %d is gone, which nobody has pushed\n%s", round, turn, f, uid, o)
					}
				}
			}
		}
		o := b.sh(`imap-fetch $SRC | imap-diff --delete-extra=all $DST | imap-push` + deleteAll + `$DST`)
		if !settled(o) {
			continue
		}
		there, want := dst.byKey(t), src.byKey(t)
		if !covers(there, want) {
			t.Fatalf("round %d: the mirror lacks something\n%s", round, o)
		}
		if !covers(want, there) && !strings.Contains(o.stderr, "cannot be told") {
			t.Fatalf("round %d: the mirror has too much\n%s\n%v\n%v", round, o, there, want)
		}
	}
}

// settled reports whether a run has told all messages apart. Where the destination
// has a message of the key and date of two of the source, and the octets of neither,
// it ends with 3 and names both.
func settled(o *outcome) bool {
	o.t.Helper()
	if strings.Contains(o.stderr, "in-doubt") {
		o.wants(3)
		return false
	}
	o.wants(0)
	return true
}

// covers reports whether the one has all of the other.
func covers(a, b map[string]int) bool {
	for what, n := range b {
		if a[what] < n {
			return false
		}
	}
	return true
}

// TestMirrorOfLookAlikes: messages of one key, date and size are told apart by
// their octets, or all stay.
func TestMirrorOfLookAlikes(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	n := 0
	for name, c := range map[string]struct {
		source, earlier, target string // bodies
		options                 string
		left, said              string
	}{
		"another first":            {"one", "", "two one", "--delete-extra=all", "two one", "1 message that the source lacks stays: it cannot be told"},
		"another last":             {"one", "", "one two", "--delete-extra=all", "one two", "1 message that the source lacks stays: it cannot be told"},
		"copies":                   {"one", "", "one one one", "--delete-extra=all", "one", "2 to delete"},
		"copies of several":        {"one two", "", "one two one", "--delete-extra=all", "one two", "1 to delete"},
		"none is left":             {"", "", "one two", "--delete-extra=all", "", "2 to delete"},
		"another than it had":      {"", "one", "one two", "--delete-extra --proof earlier", "one two", "2 messages that the source lacks stay: they cannot be told"},
		"copies of what it had":    {"", "one", "one one", "--delete-extra --proof earlier", "one", "1 to delete"},
		"as many as it had":        {"", "one two", "one two", "--delete-extra --proof earlier", "", "2 to delete"},
		"twice shown, once had":    {"", "one", "one one", "--delete-extra --proof earlier --proof again", "one", "1 to delete"},
		"it had, and has it still": {"one", "one", "one one", "--delete-extra --proof earlier", "one one", "1 message that the source lacks stays: nothing proves"},
	} {
		n++
		t.Run(name, func(t *testing.T) {
			src, dst := embedded(server, fmt.Sprint("alike-src-", n)), embedded(server, fmt.Sprint("alike-dst-", n))
			put := func(a account, bodies string) {
				for _, body := range strings.Fields(bodies) {
					server.Account(a.user).AddMessage("INBOX", nil, day(0), letter("k", body+"\n"))
				}
			}
			b := between(t, src, dst)
			put(src, c.earlier)
			b.sh(`imap-fetch $SRC -o earlier && cp earlier again`).wants(0)
			for _, e := range server.Account(src.user).Messages("INBOX") {
				server.Account(src.user).Expunge("INBOX", e.UID)
			}
			put(src, c.source)
			put(dst, c.target)
			b.sh(`imap-fetch $SRC | imap-diff ` + c.options + ` $DST | imap-push` + deleteAll + `$DST`).wants(0).says(c.said)
			var left []string
			for _, e := range server.Account(dst.user).Messages("INBOX") {
				_, body, _ := strings.Cut(string(e.Octets), "\r\n\r\n")
				left = append(left, strings.TrimSpace(body))
			}
			if got := strings.Join(left, " "); got != c.left {
				t.Errorf("%q is left, want %q", got, c.left)
			}
		})
	}
}
