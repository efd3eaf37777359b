package match

import (
	"testing"
	"unsafe"
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
