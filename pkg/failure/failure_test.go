package failure

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLines(t *testing.T) {
	var c Classes
	if c.Lines(10) != nil {
		t.Error("lines where nothing failed")
	}
	for i := range 12 {
		c.Add("refused", "INBOX", uint64(i+7), fmt.Sprintf("[LIMIT] message of %d octets", 1000+i))
	}
	c.Add("empty", "Sent", 3, "")
	c.Add("empty", "Sent", 4, "")
	c.Add("refused", "Sent", 9, "bad header")
	c.Add("no-such-folder", "Old", 0, `"Old" is not there`)
	want := []string{
		"12  refused         INBOX UID 7: [LIMIT] message of 1000 octets",
		" 2  empty           Sent UID 3",
		" 1  no-such-folder  Old: \"Old\" is not there",
		" 1  refused         Sent UID 9: bad header",
	}
	if got := c.Lines(10); !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	want = []string{"12  refused  INBOX UID 7: [LIMIT] message of 1000 octets", " 2  empty    Sent UID 3", "2 more, of 2 other kinds"}
	if got := c.Lines(3); !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if c.Total() != 16 {
		t.Error(c.Total())
	}
}

// TestHostileWords: a server with other, long words for each message costs
// bounded memory.
func TestHostileWords(t *testing.T) {
	var c Classes
	for i := range 2000 {
		c.Add("refused", strings.Repeat("ü", 5000), uint64(i), strings.Repeat(string(rune('a'+i%26)), 10+i/26)+strings.Repeat("é\xff", 1000))
	}
	if len(c.all) > maxClasses+1 || c.Total() != 2000 {
		t.Errorf("%d classes of %d", len(c.all), c.Total())
	}
	lines := c.Lines(10)
	if len(lines) != 10 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if len(line) > 3*maxWords || !utf8.ValidString(line) {
			t.Errorf("a line of %d octets", len(line))
		}
	}
}

func TestNil(t *testing.T) {
	var c *Classes
	c.Add("refused", "INBOX", 1, "")
	if c.Total() != 0 || c.Lines(5) != nil {
		t.Error("the nil Classes counts")
	}
}
