package account

import "testing"

func TestSame(t *testing.T) {
	one := Of("joe", "Mail.Example", 993)
	for _, c := range []struct {
		other Account
		same  bool
	}{
		{Of("joe", "mail.example", 143), true},
		{Of("joe", "mail.example", 0), true},
		{Account{"joe", "MAIL.example", 993}.Clean(), true},
		{Of("Joe", "mail.example", 993), false},
		{Of("joe", "mail.example", 1143), false},
		{Of("joe", "mail2.example", 993), false},
	} {
		if (one == c.other) != c.same {
			t.Errorf("%v and %v: want same %v", one, c.other, c.same)
		}
	}
	if Of("joe", "localhost", 1143) == Of("joe", "localhost", 2143) {
		t.Error("two ports are one account")
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		of    Account
		want  string
		words string
	}{
		{Of("joe", "old.example", 993), "joe@old.example", "joe at old.example"},
		{Of("joe", "localhost", 2143), "joe@localhost:2143", "joe at localhost:2143"},
		{Of("joe", "::1", 2143), "joe@[::1]:2143", "joe at [::1]:2143"},
		{Of("j\x1boe", "h", 0), "j\x1boe@h", `"j\x1boe" at h`},
	} {
		if got := c.of.String(); got != c.want {
			t.Errorf("String: %q, want %q", got, c.want)
		}
		if got := c.of.Words(); got != c.words {
			t.Errorf("Words: %q, want %q", got, c.words)
		}
	}
}
