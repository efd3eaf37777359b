package e2e

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestVerify: what a server has made of the octets that it was given is found
// and named, by an archive and by a manifest; what it kept is not.
func TestVerify(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	one, two := letter("twin", "one\n"), letter("twin", "two\n")
	large := letter("large", strings.Repeat("0123456789abcdef\n", 400_000)) // more than is read in one piece
	for _, m := range [][]byte{letter("a", "a\n"), one, letter("b", "b\n"), two, large} {
		server.Account("src").AddMessage("INBOX", nil, day(0), m)
	}
	broken := bytes.Replace(large, []byte("f\r\n0"), []byte("f\r\n1"), 1)
	for _, c := range []struct {
		user string
		all  [][]byte
		code int
		want []string // what is altered
	}{
		{"whole", [][]byte{letter("a", "a\n"), one, letter("b", "b\n"), two, large}, 0, nil},
		{"turned", [][]byte{large, two, letter("b", "b\n"), one, letter("a", "a\n")}, 0, nil},
		{"altered", [][]byte{letter("a", "A\n"), one, letter("b", "b\n"), two, broken}, 1, []string{"a", "large"}},
		{"a-twin", [][]byte{letter("a", "a\n"), one, letter("b", "b\n"), one, large}, 1, []string{"twin"}},
	} {
		for _, m := range c.all {
			server.Account(c.user).AddMessage("INBOX", nil, day(0), m)
		}
		for _, form := range someOf(t, 1, []string{`imap-fetch`, `imap-fetch --hash`}) {
			t.Run(c.user+", "+form, func(t *testing.T) {
				b := between(t, embedded(server, "src"), embedded(server, c.user))
				o := b.sh(form + ` $SRC | imap-diff --report --verify --exit-code --format ndjson $DST`).wants(c.code)
				var got []string
				for line := range strings.Lines(o.stdout) {
					if strings.Contains(line, `"kind":"altered"`) {
						_, id, _ := strings.Cut(line, `"message_id":"<`)
						id, _, _ = strings.Cut(id, "@")
						got = append(got, id)
					}
				}
				if slices.Sort(got); strings.Join(got, " ") != strings.Join(c.want, " ") {
					t.Errorf("altered: %q, want %q\n%s", got, c.want, o)
				}
			})
		}
	}
	b := between(t, embedded(server, "src"), embedded(server, "whole"))
	b.sh(`imap-fetch --headers -o headers $SRC; imap-fetch -o mail $SRC`)
	b.sh(`imap-diff --report --verify $DST headers`).wants(64).says("--hash")
	b.sh(`imap-diff --report --verify mail headers`).wants(64).says("the destination has none")
	b.sh(`imap-diff --verify $DST mail`).wants(64).says("--report")
	b.sh(`imap-diff --report --verify --exit-code mail mail`).wants(0)

	line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.CutLine(`UID FETCH .*BODY\.PEEK\[\]`).Each())
	b.with("DST", account{line.Addr(), "whole"}.options()).sh(`imap-diff --report --verify $DST mail`).wants(3).says("could not be compared")
}

// TestVerifyServers: Dovecot alters bare line feeds and NULs, Cyrus 8-bit
// headers; each is named, and nothing else is.
func TestVerifyServers(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst account) {
		src.one(t, imaptest.Message{Octets: letter("clean", "clean\n"), InternalDate: day(1)},
			imaptest.Message{Octets: bytes.Replace(letter("header", "text\n"), []byte("Joe"), []byte("J\xf6"), 1), InternalDate: day(2)})
		b := between(t, src, dst)
		b.sh(by("")).wants(0).appended(2)
		want := 0
		if kept := bytes.Contains(dst.dumpOctets(t)[1].Octets, []byte("J\xf6")); !kept {
			want = 1
		}
		o := b.sh(`imap-fetch --hash $SRC | imap-diff --report --verify --exit-code $DST`).wants(want)
		if want == 1 != strings.Contains(o.stdout, "1 altered") {
			t.Error(o)
		}
	})
}
