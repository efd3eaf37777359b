package imapconn

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// ErrNoQuota is returned by Quota where none is set or none can be asked for.
var ErrNoQuota = errors.New("no quota")

// Quota returns the octets used and allowed (RFC 9208) for a mailbox, the
// tightest if several quota roots apply; name is UTF-8. It resumes.
func (s *Session) Quota(ctx context.Context, name string) (used, limit int64, err error) {
	if !s.Has("QUOTA") {
		return 0, 0, ErrNoQuota
	}
	var roots []imapclient.QuotaData
	err = s.catalogue(ctx, func(client *imapclient.Client) (err error) {
		roots, err = client.GetQuotaRoot(name).Wait()
		return err
	})
	if err != nil {
		return 0, 0, refused(err, exit.Partial, "quota of folder %s", quote(name))
	}
	found := false
	for _, root := range roots {
		r, ok := root.Resources[imap.QuotaResourceStorage]
		const kilo = 1024 // STORAGE counts units of 1024 octets
		if ok && r.Limit < 1<<52 && (!found || kilo*(r.Limit-r.Usage) < limit-used) {
			used, limit, found = kilo*r.Usage, kilo*r.Limit, true
		}
	}
	if !found {
		return 0, 0, ErrNoQuota
	}
	return used, limit, nil
}
