package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// tailCap is how much of a file's end is looked at, in bytes.
const tailCap = 1 << 20

// readTail returns the lines of a file from an offset on, only the last of them where there are many.
func readTail(path string, from int64) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		from = max(from, info.Size()-tailCap)
	}
	content, err := io.ReadAll(io.NewSectionReader(file, from, 2*tailCap))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

var (
	sumLine   = regexp.MustCompile(`^imap-push: (.*: [0-9,]+ listed = .*)`)
	totalLine = regexp.MustCompile(`^(total: .*)`)
	errorLine = regexp.MustCompile(`^(imap-.*)`)
	// What begins like an error and is none: warnings, hints, sums, and lines that continue another.
	noError = regexp.MustCompile(`: warning: |: hint: |^imap-[a-z]*:  | stopped early: | listed[, ]`)
)

// last returns what the group of a pattern holds in the last line that it matches, "" if there is none. Lines
// that match except, if it is not nil, do not count.
func last(lines []string, pattern, except *regexp.Regexp) string {
	for _, line := range slices.Backward(lines) {
		if m := pattern.FindStringSubmatch(line); m != nil && (except == nil || !except.MatchString(line)) {
			return m[1]
		}
	}
	return ""
}
