package main

import (
	"io"
	"os"
	"regexp"
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

// last returns the last of the lines for which find returns more than "".
func last(lines []string, find func(string) string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if found := find(lines[i]); found != "" {
			return found
		}
	}
	return ""
}

var sumLine = regexp.MustCompile(`^imap-push: (.*: [0-9,]+ listed = .*)`)

// sumIn returns what imap-push has added up, "" if it has not.
func sumIn(messages []string) string {
	return last(messages, func(line string) string {
		if m := sumLine.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		return ""
	})
}

// totalIn returns the last line of a report of imap-diff.
func totalIn(report []string) string {
	return last(report, func(line string) string {
		if strings.HasPrefix(line, "total: ") {
			return line
		}
		return ""
	})
}

// notErrors are messages of the commands that do not say why one failed: warnings, hints, sums, and the
// lines that continue another.
var notErrors = regexp.MustCompile(`: warning: |: hint: |^imap-[a-z]*:  | stopped early: | listed[, ]`)

// errorIn returns the last error among messages of the commands, "" if there is none.
func errorIn(messages []string) string {
	return last(messages, func(line string) string {
		if !strings.HasPrefix(line, "imap-") || notErrors.MatchString(line) {
			return ""
		}
		return line
	})
}
