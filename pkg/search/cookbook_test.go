package search

import (
	"os"
	"regexp"
	"testing"
)

// What the cookbook says can be said.
func TestCookbook(t *testing.T) {
	page, err := os.ReadFile("../../docs/cookbook/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	date := func(text string) (Criteria, error) {
		day, err := ParseDate(text)
		return Since(day), err
	}
	age := func(text string) (Criteria, error) {
		_, err := ParseAge(text)
		return Criteria{}, err
	}
	size := func(text string) (Criteria, error) { return Parse("LARGER " + text) }
	uid := func(text string) (Criteria, error) {
		set, err := ParseUIDSet(text)
		return UID(set), err
	}
	readers := map[string]func(string) (Criteria, error){
		"search": Parse, "since": date, "before": date, "sent-since": date, "sent-before": date, "max-age": age, "min-age": age, "max-size": size, "min-size": size, "uid": uid, "exclude-raw": Skip,
	}
	recipes := 0
	for _, recipe := range regexp.MustCompile(`(?m)^ +imap-fetch .*$`).FindAllString(string(page), -1) {
		for _, option := range regexp.MustCompile(`--([a-z-]+) (?:'([^']*)'|([^'$\s]+))`).FindAllStringSubmatch(recipe, -1) {
			read := readers[option[1]]
			if read == nil {
				continue
			}
			recipes++
			if _, err := read(option[2] + option[3]); err != nil {
				t.Errorf("%s: %v", recipe, err)
			}
		}
	}
	if recipes < 35 {
		t.Errorf("%d recipes", recipes)
	}
}
