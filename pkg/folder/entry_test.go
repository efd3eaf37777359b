package folder

import (
	"bytes"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

func TestParseEntry(t *testing.T) {
	for text, want := range map[string]Entry{
		"a=b":                     {Source: "a", Target: "b"},
		"a=b=c":                   {Source: "a", Target: "b=c"},
		"a = b ":                  {Source: "a ", Target: " b "},
		`"a=b"=c`:                 {Source: "a=b", Target: "c"},
		`"a" = "b"`:               {Source: "a", Target: "b", Exact: true},
		`"a\"\\\u00e9 "="b " # x`: {Source: `a"\é `, Target: "b ", Exact: true},
		`say "x"=y`:               {Source: `say "x"`, Target: "y"},
		"*=INBOX":                 {Source: "*", All: true, Target: "INBOX"},
		`"*"=x`:                   {Source: "*", Target: "x"},
		"a=-":                     {Source: "a", LeaveOut: true},
		"*=-":                     {Source: "*", All: true, LeaveOut: true},
		`a="-"`:                   {Source: "a", Target: "-", Exact: true},
		"日本=語":                    {Source: "日本", Target: "語"},
	} {
		got, err := ParseEntry(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
		again, err := ParseEntry(got.String())
		again.Exact = got.Exact
		if err != nil || again != got {
			t.Errorf("%s: written as %s, read as %+v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "a", "=b", "a=", `"a`, `"a" b=c`, `"a"`, `a="b`, `a="b" c`, `a=""`, `""=b`, "\xff=a", `"\x"=a`} {
		if e, err := ParseEntry(text); err == nil {
			t.Errorf("%q is taken: %+v", text, e)
		}
	}
}

// Whatever a name holds, it survives a mapping file.
func FuzzMappingFile(f *testing.F) {
	for wire := range nastyNames() {
		f.Add(FromWire(wire), FromWire(wire))
	}
	f.Add("-", "*")
	f.Add("# x", " ")
	f.Fuzz(func(t *testing.T, source, target string) {
		source, target = strings.ToValidUTF8(source, "?"), strings.ToValidUTF8(target, "?")
		if source == "" || target == "" || len(source)+len(target) > 10000 {
			return
		}
		list := []Entry{{Source: source, Target: target, Exact: true}, {Source: source + "x", LeaveOut: true}}
		var out bytes.Buffer
		if err := WriteEntries(&out, []string{target, source}, list); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("raw controls in %q", out.String())
		}
		got, err := ReadEntries(&out, "file")
		if err != nil || len(got) != 2 {
			t.Fatalf("%q: %+v, %v", out.String(), got, err)
		}
		for i := range got {
			got[i].Where = ""
			if got[i] != list[i] {
				t.Errorf("%+v, want %+v", got[i], list[i])
			}
		}
	})
}

func TestReadEntries(t *testing.T) {
	got, err := ReadEntries(strings.NewReader("\ufeff# a comment\r\n\r\n  Sent Items =  Sent  \r\n\"a\"=\"b\" # that\n* = -\n"), "m")
	want := []Entry{{Source: "Sent Items", Target: "Sent", Where: "m:3"}, {Source: "a", Target: "b", Exact: true, Where: "m:4"}, {Source: "*", All: true, LeaveOut: true, Where: "m:5"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	for text, in := range map[string]string{
		"a=b\nc\n":                        "m:2",
		"a=b\na=c\n":                      `m:2: "a" has an entry already (m:1)`,
		"inbox=b\nINBOX=c\n":              "already",
		"*=b\n*=c\n":                      "already",
		strings.Repeat("x", 2<<20) + "=y": "line of more than",
		"a=\xff\n":                        "UTF-8",
	} {
		if _, err := ReadEntries(strings.NewReader(text), "m"); exit.CodeOf(err) != exit.Usage || !strings.Contains(err.Error(), in) {
			t.Errorf("%.20q: %v, want %q in it", text, err, in)
		}
	}
}
