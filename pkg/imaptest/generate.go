package imaptest

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// vocabulary of the generated mail.
var vocabulary = strings.Fields(`meeting invoice tomorrow please attached regards
the report budget draft review agenda project schedule a customer release server
update question answer on of and to in for with from your our we you it is was
will can should before after between during quarter number list version backup
mailbox folder archive letter signature contract travel hotel train ticket order
delivery address phone number reply forward thanks kind best sincerely weekend`)

var correspondents = []string{"Ann Miller <ann@example.net>", "Bob <bob@example.com>",
	"=?UTF-8?Q?Ren=C3=A9e_Dupont?= <renee@example.fr>",
	`"Tanaka, Yuki" <yuki@example.jp>`, "accounts@example.org", "=?iso-8859-1?Q?J=F6rg?= <joerg@example.de>"}

var flagSets = [][]string{{`\Seen`}, {`\Seen`}, nil, {`\Answered`, `\Seen`}, {`\Flagged`}, {`$Forwarded`, `\Seen`},
	{`$Label1`, `\Flagged`, `\Seen`}, {`\Draft`}}

func randomFor(seed, i uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, i)) }

// Generate makes n realistic small messages (about 1 to 7 kB) with flags and
// dates; message i depends on seed and i alone. No two share a key.
func Generate(seed uint64, n int) []Message {
	return generate(seed, n, func(rnd *rand.Rand) (text, attachment int) { return 300 + rnd.IntN(5500), 0 })
}

// GenerateMixed is Generate with the sizes of real mail: texts around 8 kB,
// and an attachment on one message in five, around 100 kB, up to 8 MiB.
func GenerateMixed(seed uint64, n int) []Message {
	return generate(seed, n, func(rnd *rand.Rand) (text, attachment int) {
		text = min(int(math.Exp(9+rnd.NormFloat64())), 400_000)
		if rnd.IntN(5) == 0 {
			attachment = min(int(math.Exp(11.5+1.2*rnd.NormFloat64())), 6<<20)
		}
		return text, attachment
	})
}

func generate(seed uint64, n int, sizes func(*rand.Rand) (text, attachment int)) []Message {
	messages := make([]Message, n)
	for i := range messages {
		rnd := randomFor(seed, uint64(i))
		text, attachment := sizes(rnd)
		zone := time.FixedZone("", []int{0, 3600, 7200, -18000, 19800, 32400}[i%6])
		sent := time.Date(2007, 1, 1, 0, 0, 0, 0, zone).
			Add(time.Duration(i)*53*time.Minute + time.Duration(rnd.IntN(3000))*time.Second)
		messages[i] = Message{
			Octets:       letter(rnd, i, sent, text, attachment),
			Flags:        flagSets[rnd.IntN(len(flagSets))],
			InternalDate: sent.Add(time.Duration(rnd.IntN(120)) * time.Second),
		}
	}
	return messages
}

func letter(rnd *rand.Rand, i int, sent time.Time, text, attachment int) []byte {
	var b strings.Builder
	for hop := range 1 + rnd.IntN(3) {
		fmt.Fprintf(&b,
			"Received: from relay%d.example.net (relay%d.example.net [198.51.100.%d])\r\n\tby mx.example.org with "+
				"ESMTPS id %012x\r\n\tfor <joe@example.org>; %s\r\n",
			hop, hop, rnd.IntN(256), rnd.Uint64()>>16, sent.Format(time.RFC1123Z))
	}
	fmt.Fprintf(&b,
		"Message-ID: <%016x.%d@example.net>\r\nDate: %s\r\nFrom: %s\r\nTo: Joe <joe@example.org>\r\nSubject: "+
			"%s\r\nMIME-Version: 1.0\r\n",
		rnd.Uint64(), i, sent.Format(time.RFC1123Z), correspondents[rnd.IntN(len(correspondents))],
		sentence(rnd, 2+rnd.IntN(6)))
	if attachment == 0 {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		prose(&b, rnd, text)
		return []byte(b.String())
	}
	boundary := fmt.Sprintf("=_%016x", rnd.Uint64())
	fmt.Fprintf(&b,
		"Content-Type: multipart/mixed;\r\n\tboundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; "+
			"charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", boundary, boundary)
	prose(&b, rnd, text)
	fmt.Fprintf(&b,
		"--%s\r\nContent-Type: application/octet-stream; name=\"data.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary)
	enclose(&b, rnd, attachment)
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return []byte(b.String())
}

func sentence(rnd *rand.Rand, words int) string {
	parts := make([]string, words)
	for i := range parts {
		parts[i] = vocabulary[rnd.IntN(len(vocabulary))]
	}
	return strings.Join(parts, " ")
}

// prose writes about n octets in lines below 78, some of them not ASCII.
func prose(b *strings.Builder, rnd *rand.Rand, n int) {
	for end := b.Len() + n; b.Len() < end; {
		line := sentence(rnd, 5+rnd.IntN(4))
		if rnd.IntN(15) == 0 {
			line += " – Grüße, 敬具"
		}
		b.WriteString(line + "\r\n")
	}
}

// enclose writes n random octets in base64, 76 characters a line.
func enclose(b *strings.Builder, rnd *rand.Rand, n int) {
	line := make([]byte, 57)
	for ; n > 0; n -= len(line) {
		for i := range line {
			line[i] = byte(rnd.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(line[:min(len(line), n)]) + "\r\n")
	}
}
