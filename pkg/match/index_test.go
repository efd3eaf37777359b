package match

import (
	"math"
	"strconv"
	"testing"
	"unsafe"

	"github.com/imap-pipe/imap-pipe/pkg/memory"
)

// Millions of entries are held at once.
func TestEntrySize(t *testing.T) {
	if size := unsafe.Sizeof(Entry{}); size > 68 {
		t.Errorf("an entry takes %d octets", size)
	}
}

// On a pipe a claimant is known by its UID, however long that is.
func TestClaimantOnPipe(t *testing.T) {
	m := &Matcher{Piped: true}
	var entries []Entry
	uids := []uint64{1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<64 - 2, 7}
	for i, uid := range uids {
		var d Entry
		m.Claim(&d, Likely, &Evidence{PackedUID: PackUID(uid)}, uint32(i))
		entries = append(entries, d)
	}
	for i, uid := range uids {
		if got := m.ClaimantOf(&entries[i]); uint64(got) != uid {
			t.Errorf("%d is taken for %d", uid, got)
		}
	}
	m.Piped = false
	var d Entry
	m.Claim(&d, Likely, &Evidence{PackedUID: PackUID(5)}, 1<<31+9)
	if m.ClaimantOf(&d) != 1<<31+9 {
		t.Error(m.ClaimantOf(&d))
	}
}

// Folders share allocations: many small ones take no more memory than one that holds as much.
func TestFoldersShareMemory(t *testing.T) {
	const messages = 1 << 15
	for _, folders := range []int{1, 1 << 7, 1 << 14} {
		before := memory.Kept()
		var store Store
		matchers := make([]*Matcher, folders)
		for f := range matchers {
			matchers[f] = NewMatcher(&store)
			for uid := range messages / folders {
				matchers[f].Add(numbered(f, uid))
			}
		}
		if kept := memory.Kept() - before; kept > messages*entryOctets {
			t.Errorf("%d folders keep %d bytes, want %d", folders, kept, messages*entryOctets)
		}
	}
}

func numbered(folder, uid int) Message {
	e := Evidence{PackedUID: PackUID(uint64(uid)), Size: uint32(folder)}
	e.Key[0], e.Key[1] = byte(uid), byte(uid>>8)
	return Message{Evidence: e, Flags: []string{strconv.Itoa(uid % 100)}}
}

// Each folder has its own messages in their order, in whatever order they came.
func TestInterleavedFolders(t *testing.T) {
	const folders, messages = 3, 5000
	var store Store
	var matchers [folders]*Matcher
	for f := range matchers {
		matchers[f] = NewMatcher(&store)
	}
	for uid := range messages {
		for f, m := range matchers {
			for range 1 + uid%2*f { // runs of several lengths
				m.Add(numbered(f, uid))
			}
		}
	}
	for f, m := range matchers {
		uid, n := 0, 0
		m.Index.Each(func(e *Entry) {
			if n == 1+uid%2*f {
				uid, n = uid+1, 0
			}
			n++
			if e.UID() != uint64(uid) || e.Size != uint32(f) || m.FlagsOf(e)[0] != strconv.Itoa(uid%100) {
				t.Fatalf("folder %d: UID %d of folder %d with flags %v, want UID %d", f, e.UID(), e.Size, m.FlagsOf(e), uid)
			}
		})
		for uid := range messages {
			want := numbered(f, uid)
			got := m.Index.Group(nil, &want.Evidence, math.MaxInt)
			if len(got) != 1+uid%2*f || got[0].UID() != uint64(uid) || got[0].Size != uint32(f) {
				t.Fatalf("folder %d: UID %d has %d entries, want %d", f, uid, len(got), 1+uid%2*f)
			}
		}
	}
}
