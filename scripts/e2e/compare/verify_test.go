package compare

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestVerify: what a server has made of the octets that it was given is found
// and named, by an archive and by a manifest; what it kept is not.
func TestVerify(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	one, two := harness.Letter("twin", "one\n"), harness.Letter("twin", "two\n")
	large := harness.Letter("large", strings.Repeat("0123456789abcdef\n", 400_000)) // more than is read in one piece
	for _, m := range [][]byte{harness.Letter("a", "a\n"), one, harness.Letter("b", "b\n"), two, large} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(0), m)
	}
	broken := bytes.Replace(large, []byte("f\r\n0"), []byte("f\r\n1"), 1)
	for _, c := range []struct {
		user string
		all  [][]byte
		code int
		want []string // what is altered
	}{
		{"whole", [][]byte{harness.Letter("a", "a\n"), one, harness.Letter("b", "b\n"), two, large}, 0, nil},
		{"turned", [][]byte{large, two, harness.Letter("b", "b\n"), one, harness.Letter("a", "a\n")}, 0, nil},
		{"altered", [][]byte{harness.Letter("a", "A\n"), one, harness.Letter("b", "b\n"), two, broken}, 1, []string{"a", "large"}},
		{"a-twin", [][]byte{harness.Letter("a", "a\n"), one, harness.Letter("b", "b\n"), one, large}, 1, []string{"twin"}},
	} {
		for _, m := range c.all {
			server.Account(c.user).AddMessage("INBOX", nil, harness.Day(0), m)
		}
		for _, form := range harness.SomeOf(t, 1, []string{`imap-fetch`, `imap-fetch --hash`}) {
			t.Run(c.user+", "+form, func(t *testing.T) {
				b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, c.user))
				o := b.Sh(form + ` $SRC | imap-diff --report --verify --exit-code --format ndjson $DST`).Wants(c.code)
				var got []string
				for line := range strings.Lines(o.Stdout) {
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
	b := harness.Between(t, harness.Embedded(server, "src"), harness.Embedded(server, "whole"))
	b.Sh(`imap-fetch --headers -o headers $SRC; imap-fetch -o mail $SRC`)
	b.Sh(`imap-diff --report --verify $DST headers`).Wants(64).Says("--hash")
	b.Sh(`imap-diff --report --verify mail headers`).Wants(64).Says("the destination has none")
	b.Sh(`imap-diff --verify $DST mail`).Wants(64).Says("--report")
	b.Sh(`imap-diff --report --verify --exit-code mail mail`).Wants(0)

	line := imaptest.NewFaultProxy(t, server.Addr(), imaptest.CutLine(`UID FETCH .*BODY\.PEEK\[\]`).Each())
	b.With("DST", harness.Account{Addr: line.Addr(), User: "whole"}.Options()).Sh(`imap-diff --report --verify $DST mail`).Wants(3).Says("could not be compared")
}

// TestVerifyServers: Dovecot alters bare line feeds and NULs, Cyrus 8-bit
// headers; each is named, and nothing else is.
func TestVerifyServers(t *testing.T) {
	t.Parallel()
	sides(t, func(t *testing.T, src, dst harness.Account) {
		src.One(t, imaptest.Message{Octets: harness.Letter("clean", "clean\n"), InternalDate: harness.Day(1)},
			imaptest.Message{Octets: bytes.Replace(harness.Letter("header", "text\n"), []byte("Joe"), []byte("J\xf6"), 1), InternalDate: harness.Day(2)})
		b := harness.Between(t, src, dst)
		b.Sh(harness.PipelineWith("")).Wants(0).Appended(2)
		want := 0
		if kept := bytes.Contains(dst.DumpOctets(t)[1].Octets, []byte("J\xf6")); !kept {
			want = 1
		}
		o := b.Sh(`imap-fetch --hash $SRC | imap-diff --report --verify --exit-code $DST`).Wants(want)
		if want == 1 != strings.Contains(o.Stdout, "1 altered") {
			t.Error(o)
		}
	})
}
