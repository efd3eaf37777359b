package deletion

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestMirrorOfAnything: whatever came and went on both sides, among messages
// that share keys, dates and sizes, a run with a proof deletes no message that
// came to the destination in another way and loses none that the source has; a
// strict mirror leaves what the source has and no more, or says that it cannot
// tell. So does a run that cannot tell which of two messages is missing.
func TestMirrorOfAnything(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	rnd := harness.Random(t)
	folders := []string{"INBOX", "a", "b"}
	for round := range harness.Rounds(2, 80) {
		src, dst := harness.Embedded(server, fmt.Sprint("src-", round)), harness.Embedded(server, fmt.Sprint("dst-", round))
		source, target := server.Account(src.User), server.Account(dst.User)
		arrive := func(a *imaptest.Account, n int) (uids map[string][]uint64) {
			uids = map[string][]uint64{}
			for range rnd.IntN(n) {
				f, m := folders[rnd.IntN(len(folders))], harness.Draw(rnd)
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
		b := harness.Between(t, src, dst)
		b.Sh(`: >receipts`)
		arrive(source, 14)
		for turn := range 3 {
			settled(b.Sh(fmt.Sprintf(`imap-fetch $SRC -o day-%d && `, turn) + harness.Straight + ` >>receipts`))
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
				`imap-fetch $SRC | imap-diff %s $DST | imap-push` + harness.DeleteAll + `$DST`,
				`imap-fetch --restart $SRC -o now && imap-diff %s $DST now | imap-push` + harness.DeleteAll + `$DST`,
				`imap-fetch --headers $SRC | imap-diff %s $DST | imap-fetch --select - $SRC | imap-push` + harness.DeleteAll + `$DST`,
			}[rnd.IntN(3)]
			o := b.Sh(strings.Replace(form, "%s", `--delete-extra --proof receipts`, 1) + ` >now.receipts`)
			b.Sh(`cat now.receipts >>receipts`)
			if settled(o) && !covers(dst.ByKey(t), src.ByKey(t)) {
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
		o := b.Sh(`imap-fetch $SRC | imap-diff --delete-extra=all $DST | imap-push` + harness.DeleteAll + `$DST`)
		if !settled(o) {
			continue
		}
		there, want := dst.ByKey(t), src.ByKey(t)
		if !covers(there, want) {
			t.Fatalf("round %d: the mirror lacks something\n%s", round, o)
		}
		if !covers(want, there) && !strings.Contains(o.Stderr, "cannot be told") {
			t.Fatalf("round %d: the mirror has too much\n%s\n%v\n%v", round, o, there, want)
		}
	}
}

// settled reports whether a run has told all messages apart. Where the destination
// has a message of the key and date of two of the source, and the octets of neither,
// it ends with 3 and names both.
func settled(o *harness.Outcome) bool {
	o.T.Helper()
	if strings.Contains(o.Stderr, "in-doubt") {
		o.Wants(3)
		return false
	}
	o.Wants(0)
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
			src, dst := harness.Embedded(server, fmt.Sprint("alike-src-", n)), harness.Embedded(server, fmt.Sprint("alike-dst-", n))
			put := func(a harness.Account, bodies string) {
				for _, body := range strings.Fields(bodies) {
					server.Account(a.User).AddMessage("INBOX", nil, harness.Day(0), harness.Letter("k", body+"\n"))
				}
			}
			b := harness.Between(t, src, dst)
			put(src, c.earlier)
			b.Sh(`imap-fetch $SRC -o earlier && cp earlier again`).Wants(0)
			for _, e := range server.Account(src.User).Messages("INBOX") {
				server.Account(src.User).Expunge("INBOX", e.UID)
			}
			put(src, c.source)
			put(dst, c.target)
			b.Sh(`imap-fetch $SRC | imap-diff ` + c.options + ` $DST | imap-push` + harness.DeleteAll + `$DST`).Wants(0).Says(c.said)
			var left []string
			for _, e := range server.Account(dst.User).Messages("INBOX") {
				_, body, _ := strings.Cut(string(e.Octets), "\r\n\r\n")
				left = append(left, strings.TrimSpace(body))
			}
			if got := strings.Join(left, " "); got != c.left {
				t.Errorf("%q is left, want %q", got, c.left)
			}
		})
	}
}
