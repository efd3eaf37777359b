package receipt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

const (
	begin  = `{"type":"begin","format":"imap-receipts","version":1,"tool":"t","source":{"user":"a","host":"h"},"destination":{"user":"b","host":"h"},"plan":"","time":""}` + "\n"
	begin2 = `{"type":"begin","format":"imap-receipts","version":1,"tool":"t","source":{"user":"c","host":"h"},"destination":{"user":"b","host":"h"},"plan":"","time":""}` + "\n"
	line   = `{"type":"receipt","result":"appended","folder":"INBOX","uidvalidity":7,"uid":9,"text":"{\"type\":\"begin\",\"format\":\"imap-receipts\"","time":""}` + "\n"
	end    = `{"type":"end","listed":1,"exit":0,"time":""}` + "\n"
)

// read tells what a reader makes of an input: a word for each record.
func read(in string) (words string, cut bool, err error) {
	r := NewReader(strings.NewReader(in))
	for record, err := range r.All() {
		if err != nil {
			return words, r.Cut(), err
		}
		switch x := record.(type) {
		case *Begin:
			words += "b"
		case *Receipt:
			words += fmt.Sprintf("%s%d", r.Run().Source.User, x.UID)
		case *End:
			words += "e"
		}
	}
	return words, r.Cut(), nil
}

func TestReader(t *testing.T) {
	for name, test := range map[string]struct {
		in, want string
		cut      bool
		code     exit.Code
	}{
		"nothing":                    {"", "", false, exit.OK},
		"a run":                      {begin + line + end, "ba9e", false, exit.OK},
		"two runs":                   {begin + line + end + begin2 + line, "ba9ebc9", false, exit.OK},
		"killed":                     {begin + line + line[:30], "ba9", true, exit.OK},
		"killed, and another run":    {begin + line[:30] + begin2 + line, "bbc9", true, exit.OK},
		"cut before the line feed":   {begin + strings.TrimSpace(line), "b", true, exit.OK},
		"a type of a later version":  {begin + `{"type":"later"}` + "\n" + line, "ba9", false, exit.OK},
		"a field of a later version": {begin + strings.Replace(line, `"uid":9`, `"uid":9,"x":[1]`, 1), "ba9", false, exit.OK},
		"another version":            {strings.Replace(begin, `"version":1`, `"version":2`, 1), "", false, exit.Data},
		"a stream":                   {`{"type":"begin","format":"imap-stream","version":1}` + "\n", "", false, exit.Data},
		"no begin":                   {line, "", false, exit.Data},
		"an empty line":              {begin + "\n" + line, "b", false, exit.Data},
		"not JSON":                   {begin + "folder\n", "b", false, exit.Data},
		"a number for a word":        {begin + strings.Replace(line, `"INBOX"`, `7`, 1), "b", false, exit.Data},
		"a negative uid":             {begin + strings.Replace(line, `"uid":9`, `"uid":-9`, 1), "b", false, exit.Data},
		"an endless line":            {begin + strings.Repeat("x", maxLine+1), "b", false, exit.Data},
	} {
		t.Run(name, func(t *testing.T) {
			got, cut, err := read(test.in)
			if got != test.want || cut != test.cut || exit.CodeOf(err) != test.code {
				t.Errorf("%q, cut %v, %v; want %q, %v, exit %d", got, cut, err, test.want, test.cut, test.code)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add(begin + line + end)
	f.Add(begin + line[:30] + begin2 + line)
	f.Fuzz(func(t *testing.T, in string) {
		if _, _, err := read(in); err != nil && exit.CodeOf(err) != exit.Data {
			t.Error(err)
		}
	})
}
