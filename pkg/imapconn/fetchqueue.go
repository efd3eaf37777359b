package imapconn

import "slices"

// fetchQueue is which messages are to be fetched, and which of them are done.
type fetchQueue struct {
	uids []uint64
	done []bool
	next int // all before it are done
	at   int // where the last one was found
	told int // how many are done

	limit   int                // UIDs a command
	special map[uint64]special // those that need care
	buffer  []uint64           // of batch
}

// begin sets which messages run gets.
func (q *fetchQueue) begin(uids []uint64) {
	q.uids, q.done, q.next, q.at, q.limit = uids, make([]bool, len(uids)), 0, 0, len(uids)
}

// special is what is known of a message that did not come as it should.
type special struct {
	alone  bool // ask for it alone
	exists bool // the server has it
	hidden bool // it neither shows it nor says that it is gone
	kills  int  // connections that it ended, alone
}

// batch returns the UIDs for the next command: the first that is not done, and
// as many more as may go with it.
func (q *fetchQueue) batch() []uint64 {
	for q.next < len(q.done) && q.done[q.next] {
		q.next++
	}
	batch := q.buffer[:0]
	ranges := 0
	for i := q.next; i < len(q.uids) && len(batch) < q.limit && ranges <= maxSetRanges; i++ {
		if q.done[i] {
			continue
		}
		uid := q.uids[i]
		alone := q.special[uid].alone
		if alone && len(batch) > 0 {
			break
		}
		if len(batch) == 0 || batch[len(batch)-1]+1 != uid {
			ranges++
		}
		if batch = append(batch, uid); alone {
			break
		}
	}
	q.buffer = batch
	return batch
}

// find returns the place of a UID among those asked for. They come in order,
// as a rule.
func (q *fetchQueue) find(uid uint64) (int, bool) {
	if q.at < len(q.uids) && q.uids[q.at] == uid {
		q.at++
		return q.at - 1, true
	}
	i, ok := slices.BinarySearch(q.uids, uid)
	if ok {
		q.at = i + 1
	}
	return i, ok
}

// missing returns those of a batch that are not done.
func (q *fetchQueue) missing(batch []uint64) []uint64 {
	var l []uint64
	for _, uid := range batch {
		if i, ok := q.find(uid); ok && !q.done[i] {
			l = append(l, uid)
		}
	}
	return l
}

// suspect has a message asked for alone.
func (q *fetchQueue) suspect(uid uint64) {
	s := q.special[uid]
	s.alone = true
	q.special[uid] = s
}
