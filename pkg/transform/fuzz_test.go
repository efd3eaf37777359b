package transform

import (
	"slices"
	"strings"
	"testing"
)

// FuzzApply: a rule about the header leaves what follows it alone, and a mend
// leaves nothing to mend.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{"", "\n", "\r\n\r\nbody", "From joe\nTo: \"Jörg\" <j@x>\nstray\n\n\x00", " odd\r\nA:\r\n b\r\n\r\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + strings.Repeat("x ", 99),
		"Content-Type: text/plain; name=\"ü\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("=C3=A4", 40)} {
		f.Add(seed)
	}
	header := rules(f, Options{Fixes: []string{"mbox-from=rename", "header-fold", "header-8bit=encode", "message-id"}, DisarmReceipts: true, Add: []string{"X-A: {folder} {date}"},
		Set: []string{"X-B: {uid}"}, Rename: []string{"To=X-To"}, Delete: []string{"X-C"}})
	mends := rules(f, Options{Fixes: []string{"mbox-from=drop", "nul=strip", "bare-lf", "header-8bit=mask", "final-crlf"}, MaxLine: "100=wrap", Date: "received"})
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) >= maxHeader {
			return
		}
		out, _ := apply(t, header, text)
		if head, _, found := cutHead([]byte(text)); found && !strings.HasSuffix(out, text[len(head):]) {
			t.Errorf("%q became %q", text, out)
		}
		out, _ = apply(t, mends, text)
		odd, _, err := Anomalies(message(out))
		if err != nil || slices.ContainsFunc(odd, func(s string) bool { return s == "nul" || s == "bare-lf" || s == "final-crlf" || s == "header-8bit" }) {
			t.Errorf("%q became %q, which is odd: %v %v", text, out, odd, err)
		}
	})
}
