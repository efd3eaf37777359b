package push

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// compareOctets reads the messages whose sha256 the plan knows.
func (p *pusher) compareOctets(box *imapconn.Selected, g *group) error {
	want := map[uint64][]*deletion{}
	for _, c := range g.members {
		if c.SHA256 != "" && !c.gone && c.reason == "" {
			want[c.TargetUID] = append(want[c.TargetUID], c)
		}
	}
	if len(want) == 0 {
		return nil
	}
	var large []uint64
	err := box.Fetch(p.desk.ctx, slices.Sorted(maps.Keys(want)), imapconn.Items{Body: true}, pieceSize, func(m *imapconn.Message) error {
		switch {
		case m.State != imapconn.Have:
			compare(want[m.UID], "")
		case m.Body == nil && m.Literal > 0:
			large = append(large, m.UID)
		default:
			sum := sha256.Sum256(m.Body)
			compare(want[m.UID], hex.EncodeToString(sum[:]))
		}
		return nil
	})
	for _, uid := range large {
		if err != nil {
			return err
		}
		err = p.compareLarge(box, uid, want[uid])
	}
	return err
}

func (p *pusher) compareLarge(box *imapconn.Selected, uid uint64, all []*deletion) error {
	sum := sha256.New()
	err := box.ReadParts(p.desk.ctx, uid, pieceSize, func(piece []byte) bool {
		sum.Write(piece)
		return false
	})
	var one *imapconn.PartError
	switch {
	case errors.As(err, &one):
		compare(all, "")
		return nil
	case err == nil:
		compare(all, hex.EncodeToString(sum.Sum(nil)))
	}
	return err
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
