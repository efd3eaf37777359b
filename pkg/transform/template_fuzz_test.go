package transform

import (
	"testing"
	"unicode/utf8"
)

// FuzzTemplate: whatever stands for placeholders, a value is one header field.
func FuzzTemplate(f *testing.F) {
	f.Add("a {folder} {{b}} {date}", "INBOX/ü", "=?utf-8?q?x?=")
	f.Add("{user}@{host} {internaldate}", "x\r\nBcc: y", "\x00")
	f.Fuzz(func(t *testing.T, text, folder, user string) {
		parts, err := parseTemplate(text)
		if err != nil || !utf8.ValidString(folder+user) {
			return
		}
		origin := &Origin{Folder: folder, Target: user, User: user, Host: folder, UID: 7, InternalDate: "2020-01-02T03:04:05+02:00"}
		value, _ := parts.fill(stand{origin, parseBlock([]byte("Date: "+user+"\r\n\r\n"), []byte("\r\n"))})
		for i, c := range value {
			switch {
			case c >= ' ' && c < 0x7f, c == '\t':
			case c == '\r' || c == '\n': // it is folded
				if rest := string(value[i+1:]); c == '\n' && (rest == "" || rest[0] != ' ' && rest[0] != '\t') {
					t.Fatalf("%q has %q in it", value, c)
				}
			default:
				t.Fatalf("%q has %q in it", value, c)
			}
		}
	})
}
