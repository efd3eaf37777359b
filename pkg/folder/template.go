package folder

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// template is a replacement, taken apart.
type template []piece

// piece is a part of a replacement.
type piece struct {
	kind  pieceKind
	text  string
	group int
}

type pieceKind uint8

const (
	pieceText pieceKind = iota
	pieceGroup
	pieceUpper      // \U: capitals from here on
	pieceLower      // \L: small letters
	pieceUpperFirst // \u: the next letter
	pieceLowerFirst // \l
	pieceEnd        // \E: as they are
)

var caseMarks = map[byte]pieceKind{'U': pieceUpper, 'L': pieceLower, 'u': pieceUpperFirst, 'l': pieceLowerFirst,
	'E': pieceEnd}

func parseTemplate(s string, re *regexp.Regexp) (t template, err error) {
	var text strings.Builder
	add := func(p piece) {
		if text.Len() > 0 {
			t = append(t, piece{kind: pieceText, text: text.String()})
			text.Reset()
		}
		t = append(t, p)
	}
	for s != "" {
		name, size := reference(s)
		var mark pieceKind
		isCase := false
		if s[0] == '\\' && len(s) > 1 {
			mark, isCase = caseMarks[s[1]]
		}
		switch {
		case size > 0:
			group := re.SubexpIndex(name)
			if n, err := strconv.Atoi(name); err == nil {
				group = n
			}
			if group < 0 || group > re.NumSubexp() {
				return nil, fmt.Errorf("the regular expression has no group %s", name)
			}
			add(piece{kind: pieceGroup, group: group})
			s = s[size:]
		case isCase:
			add(piece{kind: mark})
			s = s[2:]
		case s[0] == '\\' && len(s) > 1 && s[1] < utf8.RuneSelf &&
			(unicode.IsLetter(rune(s[1])) || unicode.IsDigit(rune(s[1]))):
			return nil, fmt.Errorf(`%s means nothing in a replacement`, s[:2])
		case s[0] == '\\' && len(s) > 1:
			_, n := utf8.DecodeRuneInString(s[1:])
			text.WriteString(s[1 : 1+n])
			s = s[1+n:]
		default:
			text.WriteByte(s[0])
			s = s[1:]
		}
	}
	if text.Len() > 0 {
		t = append(t, piece{kind: pieceText, text: text.String()})
	}
	return t, nil
}

var references = lazyregexp.New(`^(?:\$(\d{1,2})|\$\{(\w+)\}|\$(&)|\\([1-9]))`)

// reference reads $1, ${1}, ${name}, $& or \1 at the start of s.
func reference(s string) (name string, size int) {
	m := references.FindStringSubmatch(s)
	if m == nil {
		return "", 0
	}
	if m[3] != "" {
		return "0", len(m[0])
	}
	return m[1] + m[2] + m[4], len(m[0])
}

// expand fills in the replacement for one match.
func (t template) expand(name string, match []int) string {
	var b strings.Builder
	all, first := pieceEnd, pieceEnd
	for _, p := range t {
		text := p.text
		switch p.kind {
		case pieceUpper, pieceLower, pieceEnd:
			all = p.kind
			continue
		case pieceUpperFirst, pieceLowerFirst:
			first = p.kind
			continue
		case pieceGroup:
			text = ""
			if start := match[2*p.group]; start >= 0 {
				text = name[start:match[2*p.group+1]]
			}
		}
		if text == "" {
			continue
		}
		switch all {
		case pieceUpper:
			text = strings.ToUpper(text)
		case pieceLower:
			text = strings.ToLower(text)
		}
		letter, n := utf8.DecodeRuneInString(text)
		switch first {
		case pieceUpperFirst:
			text = string(unicode.ToTitle(letter)) + text[n:]
		case pieceLowerFirst:
			text = string(unicode.ToLower(letter)) + text[n:]
		}
		first = pieceEnd
		b.WriteString(text)
	}
	return b.String()
}
