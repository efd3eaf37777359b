package fetch

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// want is a message that is to be fetched.
type want struct {
	uid  uint64
	size int64 // what the server says, or what is known better by now
	// What the server said of it when it was listed: RFC822.SIZE, 0 or -1 for none,
	// and INTERNALDATE, see packDate.
	claim, date int64

	look uint64 // what can be seen of it without reading it
	twin bool   // another message of the folder looks the same
	base *stream.Message
	news bool // the base of a delta has it: only its flags are news

	// What is known of the choice.
	left bool // it is not taken
	open bool // it takes its octets to know
	skip bool // it is not taken, and is to be named
}

// item makes an item of the message.
func (w *want) item(kind itemKind) item {
	return item{kind: kind, base: w.base, uid: w.uid, twin: w.twin, news: w.news}
}

// uids returns the UIDs of the messages that are to be fetched.
func uids(wants []want) []uint64 {
	out := make([]uint64, 0, len(wants))
	for i := range wants {
		if !wants[i].skip {
			out = append(out, wants[i].uid)
		}
	}
	return out
}

// look hashes what can be seen of a message without reading it.
func look(seed maphash.Seed, size int64, date string) uint64 {
	return maphash.Comparable(seed, struct {
		size int64
		date string
	}{size, date})
}

// packDate puts a date of RFC 3339 into a number: seconds since the year 1970, and
// minutes that its zone is ahead. 0 stands for none.
func packDate(date string) int64 {
	t := stream.Date(date)
	if t.IsZero() {
		return 0
	}
	_, offset := t.Zone()
	return t.Unix()<<12 | int64(offset/60+2048)
}

// unpackDate returns the date that was packed, or "".
func unpackDate(n int64) string {
	if n == 0 {
		return ""
	}
	zone := time.FixedZone("", int(n&4095-2048)*60)
	return time.Unix(n>>12, 0).In(zone).Format("2006-01-02T15:04:05-07:00")
}

// find returns where a UID stands among wants, which are sorted by UID.
func find(wants []want, uid uint64) int {
	i, _ := slices.BinarySearchFunc(wants, uid, func(w want, uid uint64) int { return cmp.Compare(w.uid, uid) })
	return i
}

func wantsByUID(a, b want) int { return cmp.Compare(a.uid, b.uid) }
