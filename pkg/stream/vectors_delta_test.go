package stream

import (
	"encoding/json"
	"fmt"
	"strings"
)

// deltaOf returns a stream whose base is the last of those in front.
func deltaOf(before string, lines ...string) string {
	rows := strings.Split(strings.TrimSuffix(before, "\n"), "\n")
	var end struct{ Hash string }
	if err := json.Unmarshal([]byte(rows[len(rows)-1]), &end); err != nil {
		panic(err)
	}
	return whole(append([]string{beginWith("full", `,"base":"`+end.Hash+`"`)}, lines...)...)
}

// flagged is the record of a message whose flags are others now.
func flagged(uid int, flags string) string {
	m := messageWith("INBOX", 7, uid, 3, "")
	m = strings.Replace(m, `,"key"`, `,"change":"flags","key"`, 1)
	return strings.Replace(m, `"flags":["\\Seen"]`, `"flags":[`+flags+`]`, 1)
}

func expungedRec(uid int) string {
	return fmt.Sprintf(`{"type":"expunged","folder":"INBOX","uidvalidity":7,"uid":%d}`, uid)
}

// deltas are streams that change what stands before them.
func (l *list) deltas() {
	had := func(uids string) string {
		return strings.Replace(folderRec("INBOX", 7, 9), `"messages":9`, `"messages":9,"uids":"`+uids+`"`, 1)
	}
	inboxHas := func(uid int, flags string) string { return fmt.Sprintf("INBOX\t7\t%d\t%s", uid, flags) }
	seen := `\Seen`
	full := whole(begin, inbox, message(1, "one"), message(2, "two"), message(3, "three"))

	monday := deltaOf(full, had("1:3"), flagged(1, `"$Later","\\Flagged"`), expungedRec(2), message(4, "four"))
	l.ok("delta", "a message that is new, one that is gone, one with other flags", full+monday, "one", "two", "three", "four").
		state = []string{inboxHas(1, `$Later \Flagged`), inboxHas(3, seen), inboxHas(4, seen)}
	tuesday := deltaOf(monday, had("1,3:4"), flagged(1, ""), flagged(3, `"x"`), expungedRec(4), message(5, "five"))
	l.ok("delta-of-a-delta", "the last word counts", full+monday+tuesday, "one", "two", "three", "four", "five").
		state = []string{inboxHas(1, ""), inboxHas(3, "x"), inboxHas(5, seen)}
	l.ok("delta-without-its-base", "a delta alone, or in front of others of its account", monday+tuesday, "four", "five").
		state = []string{inboxHas(5, seen)}
	equal := strings.Replace(strings.Replace(message(1, "one"), `,"key"`, `,"change":"flags","key"`, 1), `"flags":["\\Seen"]`, `"flags":["y"]`, 1)
	equals := deltaOf(full, had("1:3"), equal, message(4, "one"))
	l.ok("delta-equals", "a message of the base goes along with one that is its equal", full+equals, "one", "two", "three", "one").
		state = []string{inboxHas(1, "y"), inboxHas(2, seen), inboxHas(3, seen), inboxHas(4, seen)}
	l.ok("delta-equals-alone", "it has its octets, so that it counts where the base is not", equals+deltaOf(equals, had("1:4"), expungedRec(4)), "one", "one").
		state = []string{inboxHas(1, "y")}
	blank := strings.Replace(flagged(3, ""), `"size":3`, `"size":3,"unknown":["flags"]`, 1)
	l.ok("delta-unknown-flags", "flags that are unknown change nothing", full+deltaOf(full, had("1:3"), flagged(1, `"x"`), blank), "one", "two", "three").
		state = []string{inboxHas(1, "x"), inboxHas(2, seen), inboxHas(3, seen)}
	l.add("delta-gap", "corrupt", "a delta is missing", full+tuesday)
	l.add("delta-out-of-order", "corrupt", "a delta before its base, behind another stream", full+tuesday+monday)
	v := l.odd("delta-gap-edited", "in an edited stream nobody knows what the base was", full+tuesday, "one", "two", "three", "five")
	v.edited, v.state = true, []string{inboxHas(1, ""), inboxHas(2, seen), inboxHas(3, "x"), inboxHas(5, seen)}
	other := strings.Replace(begin, "old.example", "other.example", 1)
	elsewhere := whole(other, inbox, message(1, "uno"))
	l.ok("delta-of-another-account", "what a delta says is of its own account", elsewhere+monday, "uno", "four").
		state = []string{inboxHas(1, seen), inboxHas(4, seen)}

	vanished := `{"type":"folder-expunged","folder":"INBOX","uidvalidity":7}`
	again := func(uid int, octets string) string { return strings.Replace(message(uid, octets), `:7,`, `:8,`, 1) }
	l.ok("delta-uidvalidity", "a folder that is another now comes whole", full+deltaOf(full, folderRec("INBOX", 8, 1), vanished, again(1, "eins")), "one", "two", "three", "eins").
		state = []string{"INBOX\t8\t1\t" + seen}
	l.ok("delta-uids-again", "so does one whose UIDs are given again", full+deltaOf(full, folderRec("INBOX", 7, 1), vanished, message(1, "eins")), "one", "two", "three", "eins").
		state = []string{inboxHas(1, seen)}
	l.ok("delta-folder-expunged", "a folder that is not there any more", full+deltaOf(full, folderRec("Other", 9, 0), vanished), "one", "two", "three").
		state = []string{}
	gone := whole(begin, inbox, message(1, "one"), expungedRec(3))
	// A folder that stands in two streams under two UIDVALIDITYs.
	moving := func(validity int) string {
		return strings.Replace(folderRec("INBOX", validity, 3), `"uidnext"`, `"uidvalidity_unstable":true,"uidnext"`, 1)
	}
	later := whole(begin, moving(8), again(2, "two"))
	l.add("moved-unstable", "corrupt", "two exports of a folder whose UIDVALIDITY is unstable: each message would count twice", full+later)
	l.add("moved-unstable-first", "corrupt", "the same, where only the earlier one says so", later+full)
	l.ok("moved-unstable-delta", "a delta says that the earlier ones have gone", later+deltaOf(later, moving(9), strings.Replace(vanished, ":7", ":8", 1), strings.Replace(again(2, "two"), ":8", ":9", 1)), "two", "two").
		state = []string{fmt.Sprintf("INBOX\t9\t2\t%s", seen)}
	l.add("moved-same-first", "corrupt", "a folder with another UIDVALIDITY that begins with the same message", full+whole(begin, folderRec("INBOX", 8, 1), again(1, "one")))
	l.ok("moved-another-folder", "a folder with another UIDVALIDITY that begins with another message is another folder", full+whole(begin, folderRec("INBOX", 8, 1), again(4, "eins")), "one", "two", "three", "eins")
	l.ok("expunged-is-no-delta", "only a delta takes away", full+gone, "one", "two", "three")
	big := partsOf(1, strings.Repeat("a", mib+1), mib)
	large := whole(append([]string{begin, inbox}, big...)...)
	l.ok("delta-of-parts", "a message with parts gets other flags", large+deltaOf(large, had("1"), strings.Replace(flagged(1, `"x"`), `"size":3`, fmt.Sprintf(`"size":%d`, mib+1), 1)), strings.Repeat("a", mib+1)).
		pack().state = []string{inboxHas(1, "x")}
}
