package imapconn

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"
)

// AppendLimit returns the largest message that the server takes in a mailbox,
// in octets, or -1 if it does not say (RFC 7889): what it says for all, or where
// that differs by mailbox, what STATUS tells. It asks once, and resumes.
func (s *Session) AppendLimit(ctx context.Context, wire string) (int64, error) {
	if n := s.Limit("APPENDLIMIT"); n >= 0 || !s.Has(imap.CapAppendLimit) {
		return n, nil
	}
	if n, known := s.limits[wire]; known {
		return n, nil
	}
	limit := int64(-1)
	err := s.do(ctx, func(c *conn) error {
		_, err := c.run(c.command("STATUS").astring(wire).text(" (APPENDLIMIT)"), func(resp *response) error {
			line, mine, err := statusAnswer(c, resp)
			if mine {
				limit = line.appendLimit
			}
			return err
		})
		return err
	})
	var no *imap.Error
	if err != nil && !errors.As(err, &no) { // what it refuses to tell is not known
		return 0, err
	}
	if s.limits == nil {
		s.limits = map[string]int64{}
	}
	s.limits[wire] = limit
	return limit, nil
}
