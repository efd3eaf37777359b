package stream

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// maxUIDs bounds what a folder's uids stand for.
const maxUIDs = 1 << 23

// ParseUIDs reads the ascending UIDs of a folder record: a sequence-set of RFC 9051, as
// uidset.Append writes it. An error is damage to the stream.
func ParseUIDs(text string) ([]uint64, error) {
	if text == "" {
		return nil, nil
	}
	var uids []uint64
	next := uint64(1)
	for piece := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(piece, ":")
		first, err := strconv.ParseUint(from, 10, 64)
		last := first
		if err == nil && ranged {
			last, err = strconv.ParseUint(to, 10, 64)
		}
		switch {
		case err != nil || first < next || last < first || last == math.MaxUint64:
			return nil, damage(Corrupt, errors.New("the uids of a folder are no ascending set"))
		case uint64(len(uids))+last-first >= maxUIDs:
			return nil, damage(Limit, errors.New("a folder whose uids are too many"))
		}
		for uid := first; uid <= last; uid++ {
			uids = append(uids, uid)
		}
		next = last + 1
	}
	return uids, nil
}
