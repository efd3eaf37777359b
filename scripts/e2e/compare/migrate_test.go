package compare

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// refusal is a message that a destination will not take, and how its words
// begin; "" where imap-push does not even send it.
type refusal struct{ sha256, words string }

// world is a source with all that is odd, and what it holds.
type world struct {
	src  harness.Account
	held []imaptest.Entry
	ugly map[string]imaptest.Case // by the sha256 of what the source serves
}

// dovecotWorld has a Dovecot for a source. What it rewrites, and the one
// message that it refuses, are not in the source.
func dovecotWorld(t *testing.T, n int) *world {
	t.Helper()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	w := &world{src: harness.Real(r, "src"), ugly: map[string]imaptest.Case{}}
	var empty int
	for i, c := range imaptest.Ugly() {
		if octets, kept := c.Outcome(c.Dovecot); kept {
			w.ugly[imaptest.Sum(octets)] = c
		} else {
			empty = i
		}
	}
	w.src.Fill(t, harness.WithUgly(harness.Mail(n)), empty)
	w.held = w.src.Dump(t)
	return w
}

// exactWorld has the embedded server for a source, which keeps and serves every
// octet, bare LF and NUL too.
func exactWorld(t *testing.T, n int) *world {
	t.Helper()
	s := imaptest.StartServer(t, imaptest.Options{})
	s.Account("src").Fill(harness.WithUgly(harness.Mail(n)))
	w := &world{src: harness.Embedded(s, "src"), ugly: map[string]imaptest.Case{}}
	for _, c := range imaptest.Ugly() {
		w.ugly[imaptest.Sum(c.Octets)] = c
	}
	w.held = w.src.Dump(t)
	return w
}

// at is what a destination with these verdicts holds in the end, and what it
// refuses. A verdict is about the corpus's octets: of what the source has
// rewritten it is asked again by heal.
func (w *world) at(verdict func(imaptest.Case) imaptest.Verdict, noFolder string) (kept []imaptest.Entry, refused []refusal) {
	for _, e := range w.held {
		c, odd := w.ugly[e.SHA256]
		switch {
		case e.Path == noFolder:
			refused = append(refused, refusal{e.SHA256, "NO"})
			continue
		case odd && e.Path == harness.UglyPath:
			v := w.again(c, verdict)
			octets, ok := c.Outcome(v)
			if !ok {
				refused = append(refused, refusal{e.SHA256, v.Refused})
				continue
			}
			if v.Stored != nil {
				e.SHA256, e.Size, e.RFC822Size = imaptest.Sum(octets), int64(len(octets)), int64(len(octets))
			}
		}
		kept = append(kept, e)
	}
	return kept, refused
}

// again is the verdict on the octets that the source serves: where it rewrote
// bare LFs and NULs there is nothing left to refuse.
func (w *world) again(c imaptest.Case, verdict func(imaptest.Case) imaptest.Verdict) imaptest.Verdict {
	v := verdict(c)
	if _, exact := w.ugly[imaptest.Sum(c.Octets)]; exact || c.Dovecot.Stored == nil {
		return v
	}
	healed := strings.Contains(v.Refused, "bare newlines") || strings.Contains(v.Refused, "NUL")
	if v.Refused != "" && !healed {
		return v
	}
	stored := c.Dovecot.Stored
	switch {
	case isMunging(verdict):
		stored = munged(stored)
	case verdict(imaptest.Case{Dovecot: imaptest.Verdict{Refused: "probe"}}).Refused != "":
		stored = bytes.ReplaceAll(stored, []byte("\r\r\n"), []byte("\r\n")) // another CR goes each time
	}
	return imaptest.Verdict{Stored: stored}
}

// isMunging tells a verdict of a Cyrus that rewrites headers.
func isMunging(verdict func(imaptest.Case) imaptest.Verdict) bool {
	probe := imaptest.Case{CyrusMunge: imaptest.Verdict{Refused: "probe"}}
	return verdict(probe).Refused == "probe"
}

// munged is what such a Cyrus makes of a message.
func munged(octets []byte) []byte {
	head, _, found := strings.Cut(string(octets), "\r\n\r\n")
	n := len(head)
	if !found {
		n = len(octets)
	}
	out := slices.Clone(octets)
	for i := range n {
		if out[i] >= 0x80 {
			out[i] = 'X'
		}
	}
	return out
}

// goes migrates by a script, checks all that it left, and does it again.
func (w *world) goes(t *testing.T, dst harness.Account, script string, verdict func(imaptest.Case) imaptest.Verdict, noFolder string) {
	t.Helper()
	kept, refused := w.at(verdict, noFolder)
	b := harness.Between(t, w.src, dst)
	first := b.Sh(script)
	want := 0
	if len(refused) > 0 {
		want = 3
	}
	if first.Exit != want {
		t.Errorf("exit %d, want %d\n%s", first.Exit, want, first)
	}
	harness.Same(t, kept, dst.Dump(t))
	w.listed(t, first, refused)
	w.subscribed(t, dst, noFolder)

	second := b.Sh(strings.Replace(script, "mail.zst", "again.zst", 2))
	if second.Exit != want {
		t.Errorf("the second run: exit %d, want %d\n%s", second.Exit, want, second)
	}
	second.Appended(0)
	w.listed(t, second, refused)
	harness.Same(t, kept, dst.Dump(t))
	harness.Same(t, w.held, w.src.Dump(t)) // flags too: nothing was marked as read
}

// listed demands a receipt, with the server's words, for each refused message
// and for no other.
func (w *world) listed(t *testing.T, o *harness.Outcome, refused []refusal) {
	t.Helper()
	uids := map[[2]string]string{}
	for _, e := range w.held {
		uids[[2]string{e.Folder, number(e.UID)}] = e.SHA256
	}
	words := map[string][]string{}
	for _, r := range refused {
		words[r.sha256] = append(words[r.sha256], r.words)
	}
	all := o.Receipts()
	for _, r := range append(all.Of("rejected"), all.Of("failed")...) {
		sum := uids[[2]string{r.Folder, number(r.UID)}]
		expected := words[sum]
		if len(expected) == 0 {
			t.Errorf("%q UID %d: %s, %s %q", r.Folder, r.UID, r.Result, r.Reason, r.Text)
			continue
		}
		words[sum] = expected[1:]
		name := w.ugly[sum].Name
		if r.Result != "rejected" {
			t.Errorf("%s: the result is %s", name, r.Result)
		}
		if heart := strings.TrimPrefix(expected[0], "NO "); r.Reason == "refused" && !strings.Contains(r.Text, heart) {
			t.Errorf("%s: the receipt says %q, the server %q", name, r.Text, expected[0])
		}
		if r.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
	}
	for sum, left := range words {
		if len(left) > 0 {
			t.Errorf("%s (%s): no receipt says that it was refused: %q", w.ugly[sum].Name, sum, left)
		}
	}
	end := all.End(t)
	if end.Listed != len(w.held) || end.Present+end.Appended+end.Rejected != end.Listed || end.Rejected != len(refused) {
		t.Errorf("the sum is not right: %+v; %d messages, %d refused", end, len(w.held), len(refused))
	}
}

// subscribed compares subscriptions, and that every folder came along.
func (w *world) subscribed(t *testing.T, dst harness.Account, noFolder string) {
	t.Helper()
	there := map[string]imaptest.Mailbox{}
	for _, box := range dst.Folders(t) {
		there[box.Path] = box
	}
	for _, box := range w.src.Folders(t) {
		if !box.Selectable() || box.Path == noFolder {
			continue
		}
		got, ok := there[box.Path]
		switch {
		case !ok:
			t.Errorf("folder %q is not there", box.Path)
		case box.Subscribed && !got.Subscribed:
			t.Errorf("folder %q: subscribed is %v, at the source %v", box.Path, got.Subscribed, box.Subscribed)
		}
	}
}

func number(uid uint64) string { return strconv.FormatUint(uid, 10) }

var pipelines = map[string]string{"straight": harness.Straight, "offline": harness.Offline}

func TestDovecotToDovecot(t *testing.T) {
	t.Parallel()
	w := dovecotWorld(t, 800)
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	for name, script := range harness.Some(t, 1, pipelines) {
		t.Run(name, func(t *testing.T) { w.goes(t, harness.Real(r, name), script, harness.OfDovecot, "") })
	}
}

func TestDovecotToCyrus(t *testing.T) {
	t.Parallel()
	w := dovecotWorld(t, 800)
	r := imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: []string{"straight", "offline"}})
	for name, script := range harness.Some(t, 1, pipelines) {
		t.Run(name, func(t *testing.T) { w.goes(t, harness.Real(r, name), script, harness.OfCyrus, harness.QuotedPath) })
	}
}

func TestDovecotToCyrusThatMunges(t *testing.T) {
	t.Parallel()
	w := dovecotWorld(t, 500)
	r := imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, Users: []string{"straight", "offline"}})
	for name, script := range harness.Some(t, 1, pipelines) {
		t.Run(name, func(t *testing.T) { w.goes(t, harness.Real(r, name), script, harness.OfMunging, harness.QuotedPath) })
	}
}

// TestExactOctets goes from a server that serves bare LF and NUL as they are.
func TestExactOctets(t *testing.T) {
	t.Parallel()
	w := exactWorld(t, 200)
	users := []string{"straight", "offline"}
	for server, c := range harness.Some(t, 2, map[string]struct {
		start    func() *imaptest.Real
		verdict  func(imaptest.Case) imaptest.Verdict
		noFolder string
	}{
		"dovecot": {func() *imaptest.Real { return imaptest.StartDovecot(t, imaptest.DovecotOptions{}) }, harness.OfDovecot, ""},
		"cyrus":   {func() *imaptest.Real { return imaptest.StartCyrus(t, imaptest.CyrusOptions{Users: users}) }, harness.OfCyrus, harness.QuotedPath},
		"munging cyrus": {func() *imaptest.Real {
			return imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true, AltNamespace: true, UnixHierarchySep: true, Users: users})
		}, harness.OfMunging, harness.QuotedPath},
	}) {
		r := c.start()
		for name, script := range harness.Some(t, 1, pipelines) {
			t.Run(server+", "+name, func(t *testing.T) { w.goes(t, harness.Real(r, name), script, c.verdict, c.noFolder) })
		}
	}
}

// TestThereAndBack goes from a server with the prefix "INBOX." and "." for a
// delimiter to one without, and back.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	spec := imaptest.Spread(imaptest.Generate(5, 200))
	spec.Folders = append(spec.Folders, imaptest.Folder{Path: "INBOX/below", Messages: imaptest.Generate(6, 3)})
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	dovecot := imaptest.StartDovecot(t, imaptest.DovecotOptions{})
	there, middle, back := harness.Real(cyrus, "joe"), harness.Real(dovecot, "joe"), harness.Real(cyrus, "ann")
	there.Fill(t, spec)
	harness.Between(t, there, middle).Sh(harness.Straight).Wants(0)
	harness.InOrder(t, there.Dump(t), middle.Dump(t))
	harness.Between(t, middle, back).Sh(harness.Straight).Wants(0)
	harness.InOrder(t, there.Dump(t), back.Dump(t))
}

// TestUglyPlanPushedTwice: servers rewrite what they are given, and lose an
// answer now and then; the plan is recognised all the same.
func TestUglyPlanPushedTwice(t *testing.T) {
	t.Parallel()
	w := exactWorld(t, 20)
	rnd := harness.Random(t)
	for name, c := range harness.Some(t, 1, map[string]struct {
		start    func(t *testing.T) harness.Account
		verdict  func(imaptest.Case) imaptest.Verdict
		noFolder string
	}{
		"dovecot": {harness.JoeOn["dovecot"], harness.OfDovecot, ""},
		"cyrus":   {harness.JoeOn["cyrus"], harness.OfMunging, harness.QuotedPath},
	}) {
		t.Run(name, func(t *testing.T) {
			dst := c.start(t)
			var rules []imaptest.Rule
			for k := 1; k < 60; k += 8 + rnd.IntN(12) { // not again and again in one batch: that is given up
				rules = append(rules, imaptest.DropAnswer("APPEND", k))
			}
			proxy := imaptest.NewFaultProxy(t, dst.Addr, rules...)
			b := harness.Between(t, w.src, dst).With("PROXY", dst.By(proxy.Addr()).Options())
			kept, refused := w.at(c.verdict, c.noFolder)
			b.Sh(`imap-fetch $SRC -o mail && imap-diff $DST -o plan mail`).Wants(0)
			b.Sh(`imap-push $PROXY plan`).Wants(3).Appended(len(kept))
			harness.Same(t, kept, dst.Dump(t))
			again := b.Sh(`imap-push $DST plan`).Wants(3).Appended(0)
			w.listed(t, again, refused)
			harness.Same(t, kept, dst.Dump(t))
		})
	}
}
