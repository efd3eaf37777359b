package deletion

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
)

// compareOctets reads the messages whose sha256 the plan knows.
func (r *Remover) compareOctets(box *imapconn.Selected, g *group) error {
	want := map[uint64][]*deletion{}
	for _, c := range g.members {
		if c.SHA256 != "" && !c.expunged && c.reason == "" {
			want[c.TargetUID] = append(want[c.TargetUID], c)
		}
	}
	if len(want) == 0 {
		return nil
	}
	unknown := func(uint64) int64 { return 0 }
	return destination.ReadContents(r.session.Ctx, box, slices.Sorted(maps.Keys(want)), unknown, sha256.New,
		func(uid uint64, h hash.Hash, state imapconn.State, _ string) {
			sum := ""
			if state == imapconn.Have {
				sum = hex.EncodeToString(h.Sum(nil))
			}
			compare(want[uid], sum)
		})
}

// compare holds what is there, "" if it cannot be read, against the records.
func compare(all []*deletion, sha256 string) {
	for _, c := range all {
		switch {
		case sha256 == "":
			c.stays("unreadable", "it cannot be read")
		case c.SHA256 != sha256:
			c.stays("octets-changed", "its octets are others than when the plan was made")
		}
	}
}
