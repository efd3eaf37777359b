package imaptest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FillVaried stores small, ugly and large messages, with other flags, dates and
// headers each, that arrived at the given time and later.
func (a *Account) FillVaried(arrived time.Time) {
	for _, c := range Ugly() {
		if !c.Large {
			a.AddMessage("INBOX", []string{`\Seen`}, arrived, c.Octets)
		}
	}
	a.AddMessage("Großes", nil, arrived, []byte(strings.Repeat("X-Filler: x\r\n", 85000)+
		"Message-ID: <late@x>\r\n\r\nbody"))
	a.AddMessage("Großes", nil, arrived, bytes.Repeat([]byte{0xff, 0}, 1<<19+1)) // no header
	for i := range 40 {
		flags := []string{`\Seen`, `\Flagged`}[:i%3]
		a.AddMessage("Dated", flags, arrived.AddDate(0, i, 0),
			fmt.Appendf(nil,
				"Message-ID: <%d@dated>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\nFrom: =?utf-8?q?J=C3=BCrgen_%d?= "+
					"<j@x>\r\nSubject: s%d\r\n\r\nnumber %d\r\n", i, i%4, i, i))
	}
	needle := bytes.Repeat([]byte("a line of hay in a stack of it, as long as lines are\r\n"), 9<<18/54)
	a.AddMessage("Dated", nil, arrived, slices.Concat([]byte("Message-ID: <hay@x>\r\nSubject: hay\r\n\r\n"), needle,
		[]byte("the needle\r\n")))
}
