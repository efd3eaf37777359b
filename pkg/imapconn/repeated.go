package imapconn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
)

// repeated are answers that came a second time for one UID, or for the UID 0.
type repeated struct {
	answers int
	bodies  []uint64 // messages whose header or body came twice
}

// note notes a message whose header or body came twice.
func (r *repeated) note(uid uint64) {
	if len(r.bodies) < maxTwice && !slices.Contains(r.bodies, uid) {
		r.bodies = append(r.bodies, uid)
	}
}

// maxTwice bounds how many of them are asked for again.
const maxTwice = 1000

// RepeatedUIDs returns the UIDs, sorted, of messages whose header or body has come twice
// from Fetch or FetchAll, and forgets them: CheckStable reports whether what came
// was the same.
func (x *Selected) RepeatedUIDs() []uint64 {
	twice := x.repeated.bodies
	x.repeated.bodies = nil
	slices.Sort(twice)
	return twice
}

// CheckStable asks for the body of a message alone, and returns the sha256 of
// its octets if all answers have the same. The text says what differs. It
// resumes.
func (x *Selected) CheckStable(ctx context.Context, uid uint64) (sum [sha256.Size]byte, text string, err error) {
	sums := map[[sha256.Size]byte]bool{}
	want := wanted{Items: Items{Body: true}, maxBody: maxTwiceBody}
	err = x.do(ctx, func(c *conn) error {
		clear(sums)
		var m fetched
		_, err := c.run(c.command(fmt.Sprintf("UID FETCH %d (UID BODY.PEEK[])", uid)), func(resp *response) error {
			if resp.typ != "FETCH" {
				return nil
			}
			err := c.fetch.read(&m, &want)
			if err == nil && m.UID == uid && m.got&gotBody != 0 {
				if sum = sha256.Sum256(m.Body); len(sums) == 0 {
					c.progress()
				}
				if len(sums) < maxBodies {
					sums[sum] = true
				}
			}
			return err
		})
		if x.s.isAnswer(err) {
			return nil
		}
		return err
	})
	if err == nil && len(sums) != 1 {
		text = fmt.Sprintf("the server gives UID %d with %d different bodies", uid, len(sums))
	}
	return sum, text, err
}

// maxBodies is how many different bodies of one message are counted.
const maxBodies = 100

// maxTwiceBody is the largest body that is asked for again, in octets.
const maxTwiceBody = 64 << 20
