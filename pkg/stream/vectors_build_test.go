package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the vectors are made of. Nothing here uses the package's own codec: the
// vectors shall not inherit its faults.

// vector is one file of testdata/vectors; FORMAT.md tells what its fields mean.
type vector struct {
	name, expect, comment string

	edited, canonical      bool
	damaged, lost, skipped int
	abort                  int
	bodies                 []string // of the messages that the stream holds, in order
	state                  []string // of an input with deltas: see stateOf
	packed                 bool     // the octets stand in the file as base64
	octets                 []byte
}

// file returns the vector as it stands in its file.
func (v *vector) file() []byte {
	var b bytes.Buffer
	field := func(name string, value any) { fmt.Fprintf(&b, "%s: %v\n", name, value) }
	number := func(name string, n int) {
		if n > 0 {
			field(name, n)
		}
	}
	field("expect", v.expect)
	field("comment", v.comment)
	if v.edited {
		field("edited", "yes")
	}
	if v.expect == "ok" {
		sum := sha256.Sum256([]byte(strings.Join(v.bodies, "")))
		field("messages", len(v.bodies))
		field("bodies", hex.EncodeToString(sum[:]))
	}
	number("damaged", v.damaged)
	number("lost", v.lost)
	number("skipped", v.skipped)
	number("abort", v.abort)
	if v.state != nil {
		field("state", stateOf(v.state))
	}
	if v.canonical {
		field("canonical", "yes")
	}
	if !v.packed {
		b.WriteByte('\n')
		b.Write(v.octets)
		return b.Bytes()
	}
	field("encoding", "base64")
	b.WriteByte('\n')
	text := base64.StdEncoding.EncodeToString(v.octets)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	b.WriteString(text + "\n")
	return b.Bytes()
}

// stateOf is the sha256 over the messages that are there in the end: a line
// "folder TAB uidvalidity TAB uid TAB flags" for each, sorted.
func stateOf(lines []string) string {
	h := sha256.New()
	for _, line := range slices.Sorted(slices.Values(lines)) {
		h.Write([]byte(line + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// escape writes a JSON string as canonical JSON has it, without the quotes.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + s[i:i+1])
		case strings.IndexByte("\b\f\n\r\t", c) >= 0:
			b.WriteString(`\` + string("bfnrt"[strings.IndexByte("\b\f\n\r\t", c)]))
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func quoted(s string) string { return `"` + escape(s) + `"` }

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// bodyOf returns the last member of a record with octets.
func bodyOf(octets string) string {
	text, packed := escape(octets), base64.StdEncoding.EncodeToString([]byte(octets))
	if utf8.ValidString(octets) && len(text) <= len(packed) {
		return `"body":"` + text + `"`
	}
	return `"body_base64":"` + packed + `"`
}

const specMember = `"spec":"https://github.com/imap-pipe/imap-pipe/blob/main/pkg/stream/FORMAT.md"`

func beginWith(content, more string) string {
	return `{"type":"begin","format":"imap-stream","version":1,"tool":"vectors 1","content":"` + content + `","plan":false,"user":"joe","host":"old.example","key":"message-id,date","filters":[],"labels":{}` + more + `,` + specMember + `}`
}

var begin = beginWith("full", "")

func folderRec(name string, validity, messages int) string {
	return fmt.Sprintf(`{"type":"folder","name":%s,"delimiter":"/","attributes":[],"subscribed":true,"uidvalidity":%d,"uidnext":%d,"messages":%d}`, quoted(name), validity, messages+1, messages)
}

var inbox = folderRec("INBOX", 7, 3)

// messageWith returns a message record; more is put before the sha256.
func messageWith(folder string, validity, uid int, size int, more string) string {
	return fmt.Sprintf(`{"type":"message","folder":%s,"uidvalidity":%d,"uid":%d,"key":"recipe:%032x","flags":["\\Seen"],"internaldate":"2020-01-02T03:04:05+02:00","size":%d%s}`, quoted(folder), validity, uid, uid, size, more)
}

func message(uid int, octets string) string {
	return messageWith("INBOX", 7, uid, len(octets), `,"sha256":"`+sha(octets)+`",`+bodyOf(octets))
}

// wide returns a message whose UIDVALIDITY has 64 bits.
func wide(uid uint64, octets string) string {
	digits := strconv.FormatUint(uid, 10)
	if uid >= 1<<53 {
		digits = `"` + digits + `"`
	}
	return strings.Replace(message(1, octets), `"uidvalidity":7,"uid":1`, `"uidvalidity":"18446744073709551615","uid":`+digits, 1)
}

// partsOf returns a message in parts which end at cuts.
func partsOf(uid int, octets string, cuts ...int) []string {
	n := len(cuts) + 1
	lines := []string{messageWith("INBOX", 7, uid, len(octets), fmt.Sprintf(`,"parts":%d`, n))}
	for i, start := 0, 0; i < n; i++ {
		end, sum := len(octets), ""
		if i < n-1 {
			end = cuts[i]
		} else {
			sum = `"sha256":"` + sha(octets) + `",`
		}
		lines = append(lines, fmt.Sprintf(`{"type":"body","folder":"INBOX","uid":%d,"part":%d,"parts":%d,%s%s}`, uid, i+1, n, sum, bodyOf(octets[start:end])))
		start = end
	}
	return lines
}

func abortRec(code int) string {
	return fmt.Sprintf(`{"type":"abort","command":"imap-fetch","exit":%d,"text":"the server said BYE"}`, code)
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// hashOf is the hash of the end record that follows the lines.
func hashOf(lines []string) string {
	h := sha256.New()
	for _, l := range lines {
		if strings.HasPrefix(l, `{"type":"message"`) || strings.HasPrefix(l, `{"type":"body"`) {
			if i := strings.Index(l, `,"body`); i >= 0 {
				l = l[:i]
			}
		}
		h.Write([]byte(l + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// endOf returns the end record that fits the lines.
func endOf(lines ...string) string {
	var emitted, gone, failed, folders, skipped, octets, size, unknown, differ int64
	open := json.Number("0")
	for _, l := range lines {
		var r struct {
			Type              string
			UID               json.Number
			Size, Parts, Part int64
			Unknown           any
			Claim             any `json:"rfc822_size"`
		}
		if err := json.Unmarshal([]byte(l), &r); err != nil {
			panic(err)
		}
		switch {
		case r.Type == "message":
			emitted, octets, open, size = emitted+1, octets+r.Size, "0", r.Size
			if list, ok := r.Unknown.([]any); ok && len(list) > 0 {
				unknown++
			}
			if r.Claim != nil {
				differ++
			}
			if r.Parts > 0 {
				open = r.UID
			}
		case r.Type == "body" && r.Part == r.Parts:
			open = "0"
		case r.Type == "expunged":
			gone++
		case r.Type == "skipped":
			skipped++
		case r.Type == "failed" && (r.UID == "" || r.UID == "0"):
			folders++
		case r.Type == "failed":
			failed++
			if open == r.UID {
				emitted, octets = emitted-1, octets-size
			}
			open = "0"
		}
	}
	more := ""
	if unknown > 0 {
		more += fmt.Sprintf(`,"unknown":%d`, unknown)
	}
	if differ > 0 {
		more += fmt.Sprintf(`,"sizes_differ":%d`, differ)
	}
	if skipped > 0 {
		more += fmt.Sprintf(`,"excluded":%d,"skipped":%d`, skipped+1, skipped)
	}
	return fmt.Sprintf(`{"type":"end","listed":%d,"emitted":%d,"expunged":%d,"failed":%d,"folders_failed":%d,"octets":%d%s,"records":%d,"hash":"%s"}`,
		emitted+gone+failed, emitted, gone, failed, folders, octets, more, len(lines), hashOf(lines))
}

// whole returns a stream with its end.
func whole(lines ...string) string {
	return text(append(lines[:len(lines):len(lines)], endOf(lines...))...)
}

// frameOf packs octets into a zstd frame of raw and run-length blocks, by hand
// (RFC 8878 section 3.1.1), so that no library decides on a vector's octets.
func frameOf(windowLog int, plain string) []byte {
	return appendBlocks(frameHeader(windowLog), plain, true)
}

func frameHeader(windowLog int) []byte {
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0, byte(windowLog-10) << 3}
}

const maxBlock = 128 << 10

// appendBlocks appends the blocks of some octets, which may be the frame's last.
func appendBlocks(out []byte, plain string, last bool) []byte {
	for len(plain) > 0 {
		run := 1
		for run < min(len(plain), maxBlock) && plain[run] == plain[0] {
			run++
		}
		kind, n := 1, run
		if run < 16 {
			kind, n = 0, rawLength(plain)
		}
		final := 0
		if last && n == len(plain) {
			final = 1
		}
		head := binary.LittleEndian.AppendUint32(nil, uint32(final|kind<<1|n<<3))
		out = append(out, head[:3]...)
		if kind == 1 {
			out = append(out, plain[0])
		} else {
			out = append(out, plain[:n]...)
		}
		plain = plain[n:]
	}
	return out
}

// bombOf packs a text and so many octets of one kind behind it, and never holds them.
func bombOf(windowLog int, text string, octet string, n int) []byte {
	out := appendBlocks(frameHeader(windowLog), text, false)
	run := strings.Repeat(octet, maxBlock)
	for ; n > maxBlock; n -= maxBlock {
		out = appendBlocks(out, run, false)
	}
	return appendBlocks(out, run[:n], true)
}

// rawLength returns where the next run of equal octets begins.
func rawLength(s string) int {
	run := 1
	for i := 1; i < len(s) && i < maxBlock; i++ {
		if s[i] != s[i-1] {
			run = 1
		} else if run++; run == 16 {
			return i - 15
		}
	}
	return min(len(s), maxBlock)
}
