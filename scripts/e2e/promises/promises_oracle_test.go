package promises

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// judgement holds a run against what is promised.
type judgement struct {
	c             *promiseCase
	r             *plannedRun
	res           *result
	before, after [2][]imaptest.Entry
	partial       bool // an earlier run has left a part of a file, which this one may go on with

	had, has          map[where]imaptest.Entry // at the destination
	certain, possible map[slot]int             // messages of the source: all through the run; at some time
	held, holds       map[slot]int             // at the destination, before and after
	added, expunged   map[slot]int             // by the other client, during the run
	family            map[slot]string
	alike             map[string][]slot // by family: what might be taken for each other
	doubted           map[slot]int      // messages of which a receipt says that nobody can tell whether they are there
}

func (j *judgement) all() {
	j.count()
	j.relate()
	j.doubts()
	j.exitCode()
	j.source()
	j.old()
	j.fresh()
	j.numbers()
	j.receipts()
	if j.r.calm() && j.res.exit == 0 {
		j.folders()
		if j.c.last || !ambiguous.MatchString(j.res.words) {
			j.flags()
		}
	}
}

// count fills the tables in.
func (j *judgement) count() {
	c := j.c
	j.had, j.has = byPlace(j.before[1]), byPlace(j.after[1])
	j.held, j.holds, j.added, j.expunged = map[slot]int{}, map[slot]int{}, map[slot]int{}, map[slot]int{}
	for _, e := range j.before[1] {
		j.held[slot{e.Path, e.SHA256}]++
	}
	for _, e := range j.after[1] {
		j.holds[slot{e.Path, e.SHA256}]++
	}
	for _, did := range j.res.changes[1] {
		for _, e := range did.added {
			j.added[slot{e.Path, imaptest.Sum(stores(c.kinds[1], e.Octets))}]++
		}
		for _, e := range did.expunged {
			j.expunged[slot{e.Path, e.SHA256}]++
		}
	}
	then, now := byPlace(j.before[0]), byPlace(j.after[0])
	throughout := func(e imaptest.Entry) bool {
		at := where{e.Folder, e.UID}
		_, was := then[at]
		_, is := now[at]
		return was && is && c.chosen(then[at]) && c.chosen(now[at])
	}
	j.certain = c.slots(j.before[0], throughout)
	j.possible = c.slots(j.union(), func(imaptest.Entry) bool { return true })
	if j.partial {
		j.possible = c.most
	}
}

// union is what the source has had at some time of the run, if it was chosen.
func (j *judgement) union() (all []imaptest.Entry) {
	then := map[where]bool{}
	for _, e := range j.before[0] {
		if j.c.chosen(e) {
			then[where{e.Folder, e.UID}] = true
			all = append(all, e)
		}
	}
	for _, e := range j.after[0] {
		if j.c.chosen(e) && !then[where{e.Folder, e.UID}] {
			all = append(all, e)
		}
	}
	return all
}

func byPlace(entries []imaptest.Entry) map[where]imaptest.Entry {
	m := map[where]imaptest.Entry{}
	for _, e := range entries {
		m[where{e.Folder, e.UID}] = e
	}
	return m
}

// exitCode: a run without trouble ends with 0, or with 3 where messages are
// refused; one with trouble never with what means a bug, or wrong use.
func (j *judgement) exitCode() {
	want := []int{0, 3, 65, 66, 69, 73, 74, 75, 76, 130, 137, 141, 143}
	if j.r.calm() {
		want = []int{0}
		if slices.ContainsFunc(j.before[0], func(e imaptest.Entry) bool { return j.c.chosen(e) && j.c.refuses[e.SHA256] }) {
			want = []int{3}
		}
		if len(j.doubted) > 0 {
			want = []int{3}
		}
	}
	if !slices.Contains(want, j.res.exit) {
		j.c.broken("exit %d, want one of %v", j.res.exit, want)
	}
}

// source: nothing but the other client changes it.
func (j *judgement) source() {
	if len(j.res.changes[0]) > 0 {
		return
	}
	if diff := changed(j.before[0], j.after[0]); diff != "" {
		j.c.broken("the source has changed:\n%s", diff)
	}
}

// changed compares two dumps of one account, UIDs too.
func changed(before, after []imaptest.Entry) string {
	lines := map[string]int{}
	for sign, entries := range map[int][]imaptest.Entry{1: before, -1: after} {
		for _, e := range entries {
			lines[fmt.Sprintf("%q UID %d %s %v %v", e.Path, e.UID, e.SHA256[:12], e.InternalDate, e.Flags)] += sign
		}
	}
	var out []string
	for line, n := range lines {
		if n != 0 {
			out = append(out, fmt.Sprintf("%+d %s", -n, line))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return strings.Join(out, "\n")
}

// old: what was at the destination is there as it was, but for what the other
// client did, flags that are synchronized, and what a mirror deletes.
func (j *judgement) old() {
	gone, touched := map[where]bool{}, map[where]bool{}
	for _, did := range j.res.changes[1] {
		for _, e := range did.expunged {
			gone[where{e.Folder, e.UID}] = true
		}
		for _, e := range did.flagged {
			touched[where{e.Folder, e.UID}] = true
		}
	}
	targets := map[string]bool{}
	for _, e := range append(slices.Clone(j.before[0]), j.after[0]...) {
		targets[j.c.place(e.Path)] = true
	}
	for at, e := range j.had {
		is, there := j.has[at]
		mayGo := j.c.mirror == "all" && targets[e.Path] || j.c.mirror == "proof" && j.c.owned[at] || j.emptied(e.Path)
		switch {
		case gone[at] || !there && mayGo:
		case !there:
			j.c.broken("WRONGLY DELETED: %q UID %d", e.Path, e.UID)
		case is.SHA256 != e.SHA256 || !is.InternalDate.Equal(e.InternalDate):
			j.c.broken("ALTERED: %q UID %d", e.Path, e.UID)
		case j.c.sync == "off" && !touched[at] && !slices.Equal(is.Flags, e.Flags):
			j.c.broken("flags of %q UID %d: %v, before %v", e.Path, e.UID, is.Flags, e.Flags)
		}
	}
}

// emptied: the mirror's source has a folder that holds no message.
func (j *judgement) emptied(path string) bool {
	if j.c.mirror != "all" {
		return false
	}
	boxes, err := imaptest.Mailboxes(j.c.src.Addr, j.c.src.User, "secret")
	if err != nil {
		j.c.t.Fatal(err)
	}
	return slices.ContainsFunc(boxes, func(box imaptest.Mailbox) bool { return j.c.place(box.Path) == path })
}

// fresh: what is new at the destination is a message of the source, with flags
// and a date that it had there, or the other client's.
func (j *judgement) fresh() {
	versions := map[slot]map[string]bool{}
	for _, entries := range [][]imaptest.Entry{j.before[0], j.after[0]} {
		for _, e := range entries {
			k := j.c.slotOf(e)
			if versions[k] == nil {
				versions[k] = map[string]bool{}
			}
			versions[k][version(e)] = true
		}
	}
	others := map[slot]int{}
	for k, n := range j.added {
		others[k] = n
	}
	for at, e := range j.has {
		if _, old := j.had[at]; old {
			continue
		}
		k := slot{e.Path, e.SHA256}
		switch {
		case others[k] > 0:
			others[k]--
		case j.possible[k] == 0:
			j.c.broken("ALTERED or in the wrong folder: %q UID %d, %s", e.Path, e.UID, e.SHA256)
		default:
			j.c.owned[at] = true
			if !versions[k][version(e)] && j.added[k] == 0 && !j.partial && len(j.res.changes[1]) == 0 {
				j.c.broken("flags or date of %q UID %d: %s, at the source %v", e.Path, e.UID, version(e), versions[k])
			}
		}
	}
}

// version is what may differ between equal messages.
func version(e imaptest.Entry) string { return fmt.Sprint(e.InternalDate.UTC(), e.Flags) }

// numbers: nothing is there more often than it ought to be, and after exit code 0
// nothing less often.
func (j *judgement) numbers() {
	slots := map[slot]bool{}
	for _, m := range []map[slot]int{j.certain, j.held, j.holds} {
		for k := range m {
			slots[k] = true
		}
	}
	for k := range slots {
		most := max(j.held[k], j.possible[k]) + j.added[k]
		least := j.certain[k] - j.expunged[k]
		name := fmt.Sprintf("%q %s: before %d, now %d, at the source %d to %d", k.path, k.sum[:12], j.held[k], j.holds[k], j.certain[k], j.possible[k])
		switch {
		case j.holds[k] > most:
			j.c.broken("DOUBLED: %s", name)
		case j.complete() && j.lost(k):
			j.c.broken("LOST: %s", name)
		case j.holds[k] < min(least, j.held[k]-j.expunged[k]):
			j.c.broken("WRONGLY DELETED: %s", name)
		case j.c.mirror == "all" && j.r.calm() && j.res.exit == 0 && j.holds[k] > j.certain[k] && j.emptied(k.path) && j.alone(k) && !j.spared():
			j.c.broken("NOT MIRRORED: %s", name)
		}
	}
}

// complete: the run says that all is there.
func (j *judgement) complete() bool { return j.res.exit == 0 || j.res.exit == 3 && j.r.calm() }

// spared: a message that was to be deleted had a reason to stay.
func (j *judgement) spared() bool {
	return slices.ContainsFunc(j.res.receipts, func(r harness.Receipt) bool { return r.Type == "receipt" && r.Result == "skipped" })
}

var keyField = regexp.MustCompile(`(?im)^(Message-ID|Date|From|To|Subject):.*`)

// alikeBy is what messages that might be taken for each other have in common.
func alikeBy(octets []byte) string {
	head, _, _ := strings.Cut(string(octets), "\r\n\r\n")
	id := ""
	for _, field := range keyField.FindAllString(head, -1) {
		if strings.EqualFold(field[:3], "mes") {
			return strings.ToLower(field)
		}
		id += field
	}
	return id
}

// alone: no other message might be taken for those of the slot.
func (j *judgement) alone(k slot) bool { return len(j.alike[j.family[k]]) <= 1 }

// relate finds out which slots might be taken for each other.
func (j *judgement) relate() {
	j.family, j.alike = map[slot]string{}, map[string][]slot{}
	note := func(k slot, octets []byte) {
		if _, known := j.family[k]; !known {
			key := k.path + "\n" + alikeBy(octets)
			j.family[k] = key
			j.alike[key] = append(j.alike[key], k)
		}
	}
	for side, entries := range [][]imaptest.Entry{j.before[0], j.after[0], j.before[1], j.after[1]} {
		for _, e := range entries {
			if side < 2 {
				octets := stores(j.c.kinds[1], e.Octets)
				note(slot{j.c.place(e.Path), imaptest.Sum(octets)}, octets)
			} else {
				note(slot{e.Path, e.SHA256}, e.Octets)
			}
		}
	}
}

// lost: a message of the slot is missing. Where the destination has had others
// with the same key, and the source has not, one of them may have been taken for
// it: then all that have the key are counted together.
func (j *judgement) lost(k slot) bool {
	least, holds, strangers := 0, 0, false
	for _, other := range j.alike[j.family[k]] {
		least += j.certain[other] - j.expunged[other] - j.doubted[other]
		holds += j.holds[other]
		strangers = strangers || j.isStranger(other)
	}
	if strangers {
		return holds < least
	}
	return j.holds[k] < j.certain[k]-j.expunged[k]-j.doubted[k]
}

// doubts notes which messages imap-push was right not to decide on: the destination has
// another one of the same key that is none of the source's, and may be one of them that
// its server has rewritten.
func (j *judgement) doubts() {
	j.doubted = map[slot]int{}
	for _, r := range j.res.receipts.Of("failed") {
		e, known := j.c.seen[where{r.Folder, r.UID}]
		if r.Reason != "in-doubt" || !known {
			continue
		}
		k := j.c.slotOf(e)
		if slices.ContainsFunc(j.alike[j.family[k]], func(other slot) bool { return j.isStranger(other) }) {
			j.doubted[k]++
		}
	}
}

// isStranger: the destination had more messages of a slot than the source.
func (j *judgement) isStranger(k slot) bool { return j.held[k]+j.added[k] > j.certain[k] }

// receipts: each tells the truth about the message that it names.
func (j *judgement) receipts() {
	appended := 0
	gone := map[slot]bool{}
	for _, did := range j.res.changes[1] {
		for _, e := range did.expunged {
			gone[slot{e.Path, e.SHA256}] = true
		}
	}
	for _, r := range j.res.receipts.Of("appended") {
		appended++
		e, known := j.c.seen[where{r.Folder, r.UID}]
		if !known {
			j.c.broken("a receipt names %q UID %d, which the source has never had", r.Folder, r.UID)
			continue
		}
		k := j.c.slotOf(e)
		if gone[k] {
			continue
		}
		if r.TargetUID == 0 {
			if j.holds[k] == 0 {
				j.c.broken("a receipt says appended of %q UID %d, which is not there", r.Folder, r.UID)
			}
			continue
		}
		if is := j.has[where{r.Target, r.TargetUID}]; is.SHA256 != k.sum {
			j.c.broken("a receipt says that %q UID %d is %q UID %d, where %q is", r.Folder, r.UID, r.Target, r.TargetUID, is.SHA256)
		}
	}
	if j.complete() && len(j.res.changes[1]) == 0 {
		fresh := 0
		for at := range j.has {
			if _, old := j.had[at]; !old {
				fresh++
			}
		}
		if fresh != appended {
			j.c.broken("%d messages are new at the destination, %d receipts say appended", fresh, appended)
		}
	}
}

// folders: all that are chosen are there, and subscribed.
func (j *judgement) folders() {
	subscribed := map[string]bool{}
	for _, box := range j.c.dst.Folders(j.c.t) {
		subscribed[box.Path] = box.Subscribed
	}
	for _, box := range j.c.src.Folders(j.c.t) {
		if !box.Selectable() || !j.c.chosen(imaptest.Entry{Path: box.Path, Flags: []string{`\Flagged`}}) {
			continue
		}
		is, there := subscribed[j.c.place(box.Path)]
		if !there || box.Subscribed && !is {
			j.c.broken("folder %q: there %v, subscribed %v, at the source %v", box.Path, there, is, box.Subscribed)
		}
	}
}

// ambiguous is how imap-diff says that some pairs are a guess, whose flags it leaves
// to the next run: there the copies that were missing have arrived.
var ambiguous = regexp.MustCompile(`[1-9]\d* ambiguous`)

// flags: what was synchronized is so; only where no other message might have been
// taken for these.
func (j *judgement) flags() {
	if j.c.sync == "off" {
		return
	}
	want, got := map[slot][]string{}, map[slot][]string{}
	for _, e := range j.after[0] {
		if j.c.chosen(e) {
			want[j.c.slotOf(e)] = append(want[j.c.slotOf(e)], fmt.Sprint(e.Flags))
		}
	}
	for _, e := range j.after[1] {
		k := slot{e.Path, e.SHA256}
		got[k] = append(got[k], fmt.Sprint(e.Flags))
	}
	for k, flags := range want {
		slices.Sort(flags)
		slices.Sort(got[k])
		if j.c.sync == "exact" && len(flags) == len(got[k]) && !slices.Equal(flags, got[k]) && j.alone(k) {
			j.c.broken("flags in %q: %q, at the source %q", k.path, got[k], flags)
		}
	}
}
