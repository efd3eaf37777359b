package connect

import (
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestParseHost(t *testing.T) {
	tests := []struct {
		in   string
		host string
		port int
	}{
		{"old.example", "old.example", 0},
		{"  Old.Example:993 ", "old.example", 993},
		{"old.example/", "old.example", 0},
		{"old.example:143/", "old.example", 143},
		{"old.example.", "old.example.", 0},
		{"localhost", "localhost", 0},
		{"a_b-c.x9", "a_b-c.x9", 0},
		{"127.0.0.1", "127.0.0.1", 0},
		{"127.0.0.1:65535", "127.0.0.1", 65535},
		{"::1", "::1", 0},
		{"[::1]", "::1", 0},
		{"[::1]:1143", "::1", 1143},
		{"fe80::1%eth0", "fe80::1%eth0", 0},
		{"[2001:DB8::1]:993", "2001:DB8::1", 993},
		{"xn--mnchen-3ya.example", "xn--mnchen-3ya.example", 0},
	}
	for _, tt := range tests {
		got, err := parseHost(tt.in)
		if err != nil || got.host != tt.host || got.port != tt.port {
			t.Errorf("parseHost(%q) = %+v, %v", tt.in, got, err)
		}
	}
}

func TestParseHostRefuses(t *testing.T) {
	tests := []struct{ in, hint string }{
		{"", "IMAP_HOST"},
		{" ", "IMAP_HOST"},
		{"/", "IMAP_HOST"},
		{"imaps://old.example", "not a URL"},
		{"old.example/INBOX", "no path"},
		{"old.example//", "no path"},
		{"joe@old.example", "--user"},
		{"münchen.example", "xn--"},
		{"old.example:", "1 to 65535"},
		{"old.example:0", "1 to 65535"},
		{"old.example:65536", "1 to 65535"},
		{"old.example:imaps", "1 to 65535"},
		{"old.example:-1", "1 to 65535"},
		{"old.example:+1", "1 to 65535"},
		{"old.example:99 3", "1 to 65535"},
		{"::1:x", "[ADDRESS]:PORT"},
		{"[::1", "[ADDRESS]:PORT"},
		{"[::1]x", ""},
		{"[127.0.0.1]:993", ""},
		{"[]", ""},
		{":993", ""},
		{"old..example", ""},
		{"-old.example", ""},
		{".example", ""},
		{"old.exa mple", ""},
		{"old.example\nx", ""},
		{"old\x00.example", ""},
		{strings.Repeat("a.", 150) + "example", ""},
	}
	for _, tt := range tests {
		got, err := parseHost(tt.in)
		if exit.CodeOf(err) != exit.Usage || !strings.Contains(exit.HintOf(err), tt.hint) {
			t.Errorf("parseHost(%q) = %+v, %v, hint %q", tt.in, got, err, exit.HintOf(err))
		}
	}
}

func FuzzParseHost(f *testing.F) {
	f.Add("[::1]:993")
	f.Add("old.example:993/")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseHost(s)
		if err == nil && (got.host == "" || got.port < 0 || got.port > 65535 || strings.ContainsAny(got.host, " \r\n\x00/@[]")) {
			t.Errorf("parseHost(%q) = %+v", s, got)
		}
	})
}
