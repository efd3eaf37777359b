package harness

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Prints demands that stdout holds each of the texts.
func (o *Outcome) Prints(texts ...string) *Outcome {
	o.T.Helper()
	for _, text := range texts {
		if !strings.Contains(o.Stdout, text) {
			o.T.Errorf("stdout has no %q\n%s\n%s", text, o, Shorten(o.Stdout, 3000))
		}
	}
	return o
}

// PrintsNot demands that stdout does not hold a text.
func (o *Outcome) PrintsNot(text string) *Outcome {
	o.T.Helper()
	if strings.Contains(o.Stdout, text) {
		o.T.Errorf("stdout has %q\n%s\n%s", text, o, Shorten(o.Stdout, 3000))
	}
	return o
}

// Quiet demands that nothing was said.
func (o *Outcome) Quiet() {
	o.T.Helper()
	if o.Stderr != "" {
		o.T.Errorf("it talks\n%s", o)
	}
}

// Silent demands that nothing that was printed or written holds the secret.
func (o *Outcome) Silent(b *Shell, secret string, files ...string) {
	o.T.Helper()
	texts := []string{o.Stdout, o.Stderr}
	for _, name := range files {
		texts = append(texts, string(b.Read(name)))
	}
	for _, form := range looks(secret) {
		for _, text := range texts {
			if strings.Contains(text, form) {
				o.T.Errorf("%q shows in:\n%s", form, Shorten(text, 3000))
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

// Lists demands which folders are listed, in order.
func (o *Outcome) Lists(names ...string) *Outcome {
	o.T.Helper()
	var got []string
	for _, r := range o.Records() {
		got = append(got, r.Name)
	}
	if strings.Join(got, "\n") != strings.Join(names, "\n") {
		o.T.Errorf("listed\n\t%q\nwant\n\t%q\n%s", got, names, o)
	}
	return o
}

// Records are the lines of imap-list on the outcome's stdout.
func (o *Outcome) Records() (all []listed) {
	o.T.Helper()
	for line := range strings.Lines(o.Stdout) {
		var r listed
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Type != "folder" {
			o.T.Fatalf("%q is no folder record: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}
