package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// prints demands that stdout holds each of the texts.
func (o *outcome) prints(texts ...string) *outcome {
	o.t.Helper()
	for _, text := range texts {
		if !strings.Contains(o.stdout, text) {
			o.t.Errorf("stdout has no %q\n%s\n%s", text, o, limit(o.stdout, 3000))
		}
	}
	return o
}

// printsNot demands that stdout does not hold a text.
func (o *outcome) printsNot(text string) *outcome {
	o.t.Helper()
	if strings.Contains(o.stdout, text) {
		o.t.Errorf("stdout has %q\n%s\n%s", text, o, limit(o.stdout, 3000))
	}
	return o
}

// quiet demands that nothing was said.
func (o *outcome) quiet() {
	o.t.Helper()
	if o.stderr != "" {
		o.t.Errorf("it talks\n%s", o)
	}
}

// silent demands that nothing that was printed or written holds the secret.
func (o *outcome) silent(b *bench, secret string, files ...string) {
	o.t.Helper()
	texts := []string{o.stdout, o.stderr}
	for _, name := range files {
		texts = append(texts, string(b.read(name)))
	}
	for _, form := range looks(secret) {
		for _, text := range texts {
			if strings.Contains(text, form) {
				o.t.Errorf("%q shows in:\n%s", form, limit(text, 3000))
			}
		}
	}
}

// looks are what a secret may look like where it should not be: plain, hex, and
// base64 at each of the three places that it may have in an encoding.
func looks(secret string) []string {
	list := []string{secret, hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for skip := range 3 {
		whole := len(secret) - (skip+len(secret))%3 // what later octets cannot change
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", skip) + secret[:whole]))
		list = append(list, coded[(skip*8+5)/6:])
	}
	return list
}

// lists demands which folders are listed, in order.
func (o *outcome) lists(names ...string) *outcome {
	o.t.Helper()
	var got []string
	for _, r := range o.records() {
		got = append(got, r.Name)
	}
	if strings.Join(got, "\n") != strings.Join(names, "\n") {
		o.t.Errorf("listed\n\t%q\nwant\n\t%q\n%s", got, names, o)
	}
	return o
}

// records are the lines of imap-list on the outcome's stdout.
func (o *outcome) records() (all []listed) {
	o.t.Helper()
	for line := range strings.Lines(o.stdout) {
		var r listed
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Type != "folder" {
			o.t.Fatalf("%q is no folder record: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}
