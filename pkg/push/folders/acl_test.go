package folders

import (
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/push/destination"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func TestTranslateRights(t *testing.T) {
	const dovecot, cyrus, old = "lrwstpiekxacd", "lrswipkxtecdan0123456789", "lrswipcda"
	for _, c := range []struct{ rights, known, wanted, dropped string }{
		{"lrs", dovecot, "lrs", ""},
		{"lrswipkxteacdn", dovecot, "lrswipkxtea", "n"},
		{"lrswipkxtecda", cyrus, "lrswipkxtea", ""},
		{"lrswipkxtea", old, "lrswipacd", ""},
		{"lrswipcda", cyrus, "lrswipkxtea", ""},
		{"lrswipcda", old, "lrswipacd", ""},
		{"lc", "lrk", "lk", ""},
		{"kx", "k", "k", "x"},
		{"zq", old, "", "qz"},
		{"", old, "", ""},
	} {
		wanted, dropped := translateRights(imapconn.SortRights(c.rights), c.known)
		if want := imapconn.SortRights(c.wanted); wanted != want || dropped != c.dropped {
			t.Errorf("%s for %s: %q, %q; want %q, %q", c.rights, c.known, wanted, dropped, want, c.dropped)
		}
	}
}

func TestSelf(t *testing.T) {
	a := &ACLSetter{session: &destination.Session{Conn: imapconn.Options{User: "Joseph"}}}
	for identifier, want := range map[string]bool{
		"joe@old.example": true, "joe": true, "JOE@old.example": true, "-joe": true, "joseph": true, "joseph@new.example": true, "owner": true, "-owner": true,
		"ann": false, "joe@other.example": false, "anyone": false, "joey": false, "": false,
	} {
		if a.isSelf(identifier, "joe@old.example") != want {
			t.Errorf("%q: %v", identifier, !want)
		}
	}
	for identifier, want := range map[string]bool{
		"ann": true, "-ann": true, "anyone": true, "$group": true, "group:x": true, "Anna O'Neil": true,
		"": false, "-": false, "-anyone": false, "-authenticated": false, "-$group": false, "-group:x": false, "a\r\nb": false, "a\x00": false,
	} {
		if got := unfit(stream.Grant{Identifier: identifier, Rights: "l"}) == ""; got != want {
			t.Errorf("%q: %v", identifier, got)
		}
	}
}
