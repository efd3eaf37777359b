package headerkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/header"
)

// naive computes an identity from a whole message that fits the caps, in the
// plainest way: what the scanner has to agree with.
func naive(message []byte, r Recipe) (id Identity, received string) {
	fields := naiveFields(message)
	short := func(sum [32]byte) string { return hex.EncodeToString(sum[:16]) }
	pick := func(names []string) (material string, complete bool) {
		complete = true
		for _, name := range names {
			found := false
			for _, f := range fields {
				if name == LocalID && f.Name == "message-id" {
					material += name + ":" + regexp.MustCompile(`(?s)(.*)@.*|(.*?)>?$`).ReplaceAllString(f.Value, "$1$2") + "\n"
					found = true
				}
				if f.Name == name {
					material += name + ":" + f.Value + "\n"
					found = true
				}
			}
			complete = complete && found
		}
		return material, complete
	}
	all := func(except []string) (sums []string) {
		for _, f := range fields {
			if f.Name == naiveAdded || slices.ContainsFunc(except, func(p string) bool {
				return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*") + "$").MatchString(f.Name)
			}) {
				continue
			}
			sum := sha256.Sum256([]byte(f.Name + ":" + f.Value + "\n"))
			sums = append(sums, string(sum[:]))
		}
		slices.Sort(sums)
		return sums
	}
	if material, _ := pick([]string{"received"}); material != "" {
		sum := sha256.Sum256([]byte(material))
		received = hex.EncodeToString(sum[:8])
	}
	if r.fields == nil {
		if sums := all(r.except); len(sums) > 0 {
			return Identity{"recipe:" + short(sha256.Sum256([]byte(strings.Join(sums, "")))), true}, received
		}
	} else if material, complete := pick(r.fields); naiveReached(r.fields, material, complete) {
		return Identity{"recipe:" + short(sha256.Sum256([]byte(material))), complete}, received
	}
	second := slices.Clone(r.fields)
	for _, name := range []string{"date", "from", "to", "subject"} {
		if !slices.Contains(second, name) {
			second = append(second, name)
		}
	}
	if material, _ := pick(second); material != "" {
		return Identity{Key: "origin:" + short(sha256.Sum256([]byte(material)))}, received
	}
	if slices.ContainsFunc(fields, func(f Field) bool { return f.Name != naiveAdded }) {
		return Identity{Key: "header:" + short(sha256.Sum256([]byte(strings.Join(all(nil), ""))))}, received
	}
	return Identity{Key: "body:" + short(naiveDigest(message))}, received
}

// naiveReached: the fields of a recipe that are there make the key alone.
func naiveReached(names []string, material string, complete bool) bool {
	if !slices.Contains(names, "message-id") && !slices.Contains(names, LocalID) {
		return complete
	}
	return regexp.MustCompile(`(?m)^message-id(-local)?:.*[0-9A-WYZ]`).MatchString(material)
}

var (
	naiveBlank = regexp.MustCompile(`[ \t\r\v\f]+`)
	naiveRun   = regexp.MustCompile(`X+`)

	naiveMadeUp = regexp.MustCompile(`^<[0-9]+\.[0-9]+\.[0-9a-fA-F]{16}@added\.imap-pipe\.invalid>$`)
)

// naiveAdded is what a Message-ID is called that imap-push added.
const naiveAdded = "an added message-id"

func mask(p []byte) string {
	out := make([]byte, len(p))
	for i, c := range p {
		if out[i] = c; c == 0 || c >= 0x80 {
			out[i] = 'X'
		}
	}
	return string(out)
}

func naiveDigest(message []byte) [32]byte {
	return sha256.Sum256([]byte(naiveRun.ReplaceAllString(mask(bytes.ReplaceAll(message, []byte("\r"), nil)), "X")))
}

func naiveFields(message []byte) (fields []Field) {
	var raw []Field
	open := false
	for _, line := range strings.Split(string(message), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if open {
				raw[len(raw)-1].Value += line
			}
			continue
		}
		name, value, found := strings.Cut(line, ":")
		trimmed := strings.TrimRight(name, " \t")
		if open = found && len(name) <= header.MaxName && regexp.MustCompile(`^[!-9;-~]+$`).MatchString(trimmed); open {
			raw = append(raw, Field{strings.ToLower(trimmed), value})
		}
	}
	for _, f := range raw {
		f.Value = strings.Trim(naiveBlank.ReplaceAllString(f.Value, " "), " ")
		f.Value = mask([]byte(f.Value))
		if f.Name == "message-id" && naiveMadeUp.MatchString(f.Value) {
			f.Name = naiveAdded // a field it is, but it says nothing
		}
		f.Value = naiveRun.ReplaceAllString(strings.ToUpper(f.Value), "X")
		if f.Name == "message-id" && !strings.ContainsAny(f.Value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWYZ") {
			f.Name = naiveAdded
		}
		second := slices.Contains(single, f.Name) && slices.ContainsFunc(fields, func(g Field) bool { return g.Name == f.Name })
		if f.Value != "" && !second {
			fields = append(fields, f)
		}
	}
	return fields
}
