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
	if limit, known := s.knownAppendLimit(wire); known {
		return limit, nil
	}
	limit := int64(-1)
	err := s.do(ctx, func(c *conn) (err error) {
		limit, err = askAppendLimit(c, wire)
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

func (s *Session) knownAppendLimit(wire string) (limit int64, known bool) {
	if n := s.Limit("APPENDLIMIT"); n >= 0 || !s.Has(imap.CapAppendLimit) {
		return n, true
	}
	limit, known = s.limits[wire]
	return limit, known
}

func askAppendLimit(c *conn, wire string) (limit int64, err error) {
	limit = -1
	_, err = c.run(c.command("STATUS").astring(wire).text(" (APPENDLIMIT)"), func(resp *response) error {
		line, mine, err := statusAnswer(c, resp)
		if mine {
			limit = line.appendLimit
		}
		return err
	})
	return limit, err
}
