package tie

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

func loose(t *testing.T, content string) *headerkey.Loose {
	t.Helper()
	l, err := headerkey.LooseOf(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestAnswers: what of a tie is there follows from content alone; a message that
// cannot be told from another is unclear, never missing and never present.
func TestAnswers(t *testing.T) {
	const a, b, ccc = "X: 1\r\n\r\naa\r\n", "X: 1\r\n\r\nbb\r\n", "X: 1\r\n\r\nccc\r\n"
	const unread, added, footer = "", "X-Added: 1\r\n", "-- \r\n"
	for name, c := range map[string]struct {
		there, plan []string
		want        []Answer
	}{
		"one is there":                {[]string{a}, []string{a, b}, []Answer{Present, Missing}},
		"the other order":             {[]string{a}, []string{b, a}, []Answer{Missing, Present}},
		"a copy is no other":          {[]string{a, a}, []string{a, b}, []Answer{Present, Missing}},
		"it cannot be read":           {[]string{unread}, []string{a, b}, []Answer{Unclear, Unclear}},
		"header lines were added":     {[]string{added + a}, []string{a, b}, []Answer{Present, Missing}},
		"the text was changed":        {[]string{a + footer}, []string{a, b}, []Answer{Unclear, Unclear}},
		"other sizes, none is there":  {[]string{b}, []string{a, a}, []Answer{Missing, Missing}},
		"both of one body, one there": {[]string{added + a}, []string{a, a, ccc}, []Answer{Unclear, Unclear, Missing}},
	} {
		record := &stream.Tie{ID: 1, Of: len(c.plan)}
		for i, content := range c.there {
			y := stream.Tied{UID: uint64(i + 1)}
			if content != unread {
				l := loose(t, content)
				y.Size, y.Digest, y.Body = l.Size, hex.EncodeToString(l.Whole[:]), hex.EncodeToString(l.Body[:])
			}
			record.There = append(record.There, y)
		}
		var index Index
		index.Begin()
		index.Add(record)
		x := index.Find(&stream.Message{Tie: &stream.TieOf{ID: 1}})
		got := make([]Answer, len(c.plan))
		var later []int
		var waiting [][]Form
		for i, content := range c.plan {
			forms := []Form{{Loose: loose(t, content)}}
			if got[i] = x.See(forms); got[i] == Later {
				later, waiting = append(later, i), append(waiting, forms)
			}
		}
		for k, answer := range x.Decide(waiting) {
			got[later[k]] = answer
		}
		if !x.Complete() || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
