package text

import "testing"

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"":                "''",
		"a_B-0./,:=@%+":   "a_B-0./,:=@%+",
		"a b":             "'a b'",
		"~":               "'~'",
		"ü":               "'ü'",
		"4/s":             "4/s",
		"$HOME":           "'$HOME'",
		`\`:               `'\'`,
		`s/[\^"'\\]/_/g`:  `'s/[\^"'\''\\]/_/g'`,
		"it's $(reboot)":  `'it'\''s $(reboot)'`,
		"line\nand\ttab":  "'line\nand\ttab'",
		"--folder=a\"b\\": `'--folder=a"b\'`,
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
