package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// receipt is a line of what imap-push writes.
type receipt struct {
	Type, Result, Folder, Target, Reason, Text, Key string
	UID                                             uint64
	TargetUID                                       uint64   `json:"target_uid"`
	DroppedFlags                                    []string `json:"dropped_flags"`
	Transforms, Anomalies                           []string
	Copied                                          bool
	SentSHA256                                      string `json:"sent_sha256"`
	SentKey                                         string `json:"sent_key"`
	BreaksSignature                                 bool   `json:"breaks_signature"`
	Appended, Present, Rejected, Failed             int
	Listed, Skipped, Expunged                       int
	Exit                                            int
}

// receipts are those of one run or of several.
type receipts []receipt

func readReceipts(t testing.TB, text string) receipts {
	t.Helper()
	var all receipts
	for line := range strings.Lines(text) {
		var r receipt
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("receipt %q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// receipts are those on the outcome's stdout.
func (o *outcome) receipts() receipts {
	o.t.Helper()
	return readReceipts(o.t, o.stdout)
}

// of returns the receipts of messages that ended so.
func (all receipts) of(result string) (some receipts) {
	for _, r := range all {
		if r.Type == "receipt" && r.Result == result && r.UID != 0 {
			some = append(some, r)
		}
	}
	return some
}

// end is the last line.
func (all receipts) end(t testing.TB) receipt {
	t.Helper()
	if len(all) == 0 || all[len(all)-1].Type != "end" {
		t.Fatal("the receipts do not end in an end")
	}
	return all[len(all)-1]
}

// appended demands how many messages the run has appended.
func (o *outcome) appended(n int) *outcome {
	o.t.Helper()
	if got := o.receipts().end(o.t).Appended; got != n {
		o.t.Errorf("%d messages appended, want %d\n%s", got, n, o)
	}
	return o
}
