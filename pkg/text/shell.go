package text

import "strings"

// plain are the bytes, beside letters and digits, that no shell minds.
const plain = "_-./,:=@%+"

// ShellWord puts s into the quotes, if any, with which a shell reads it as one word.
func ShellWord(s string) string {
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(plain, r)
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
