package header

import "testing"

func TestMakeMessageID(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{
		MakeMessageID("joe", "old.example", "INBOX", 1, 2), MakeMessageID("joe", "old.example", "INBOX", 2, 1), MakeMessageID("joe", "old.example", "Sent", 1, 2),
		MakeMessageID("ann", "old.example", "INBOX", 1, 2), MakeMessageID("joe", "new.example", "INBOX", 1, 2), MakeMessageID("joeold", ".example", "INBOX", 1, 2),
	} {
		if seen[id] || !IsMadeUp([]byte(" "+id+"\r\n")) {
			t.Errorf("%s is one of two, or not known again", id)
		}
		seen[id] = true
	}
	const always = "<2.1.a4248044e6d66177@added.imap-pipe.invalid>"
	if id := MakeMessageID("joe", "old.example", "INBOX", 1, 2); id != always {
		t.Errorf("%s, and was %s", id, always)
	}
	for _, id := range []string{"", "@added.imap-pipe.invalid>", "<@added.imap-pipe.invalid>", "<1.2.00@added.imap-pipe.invalid>", "<1..0011223344556677@added.imap-pipe.invalid>",
		"<a.2.0011223344556677@added.imap-pipe.invalid>", "1.2.0011223344556677@added.imap-pipe.invalid>", "<1.2.0011223344556677@added.imap-pipe.example>", "<1.2.3.0011223344556677@added.imap-pipe.invalid>"} {
		if IsMadeUp([]byte(id)) {
			t.Errorf("%q is not one of ours", id)
		}
	}
}
