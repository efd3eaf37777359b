package diff

import (
	"io"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// given are records that come one after the other.
type given []stream.Record

func (g *given) Next() (stream.Record, error) {
	if len(*g) == 0 {
		return nil, io.EOF
	}
	r := (*g)[0]
	*g = (*g)[1:]
	return r, nil
}

// TestKeysOfEarlierRule: a key of a Date alone, which an earlier rule made, is
// made again of the bytes, and refused where there are none.
func TestKeysOfEarlierRule(t *testing.T) {
	const octets = "Date: d\r\nFrom: f\r\n\r\n"
	for _, c := range []struct {
		recipe, key, header string
		outdated            bool
	}{
		{"message-id,date", "recipe:0", `{"Date":"d","From":"f"}`, true},
		{"message-id-local", "recipe:0", `{"Date":"d"}`, true},
		{"date,x-uidl", "recipe:0", `{"Date":"d"}`, true},
		{"message-id,date", "recipe:0", `{"Message-ID":"<1>","From":"f"}`, false},
		{"message-id,date", "origin:0", `{"Date":"d","From":"f"}`, false},
		{"date", "recipe:0", `{"Date":"d","From":"f"}`, false},
		{"ALL", "recipe:0", `{"From":"f"}`, false},
		{"message-id,date", "recipe:0", "", false}, // nobody can tell
	} {
		for _, body := range []bool{true, false} {
			m := &stream.Message{Folder: "INBOX", UIDValidity: 1, UID: 1, Key: c.key}
			if c.header != "" {
				m.Header = []byte(c.header)
			}
			if body {
				m.SetBody([]byte(octets))
			}
			in := (&Options{}).Keyed(&given{&stream.Begin{Key: c.recipe, Content: stream.Full}, m})
			if _, err := in.Next(); err != nil {
				t.Fatal(err)
			}
			rec, err := in.Next()
			switch refused := c.outdated && !body; {
			case refused != (exit.CodeOf(err) == exit.Usage):
				t.Errorf("%+v, body %v: %v", c, body, err)
			case refused:
			case !c.outdated && rec.(*stream.Message).Key != c.key:
				t.Errorf("%+v: %s", c, rec.(*stream.Message).Key)
			case c.outdated:
				recipe, _ := headerkey.ParseRecipe(c.recipe)
				scan := headerkey.NewScanner(recipe)
				scan.Write([]byte(octets))
				if got := rec.(*stream.Message).Key; got != scan.Sum().Key || !strings.HasPrefix(got, "origin:") {
					t.Errorf("%+v: %s", c, got)
				}
			}
		}
	}
}
