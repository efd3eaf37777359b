package harness

import (
	"encoding/json"
	"strings"
	"testing"
)

// Receipt is a line of what imap-push writes.
type Receipt struct {
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

// Receipts are those of one run or of several.
type Receipts []Receipt

// ReadReceipts reads what imap-push has written.
func ReadReceipts(t testing.TB, text string) Receipts {
	t.Helper()
	var all Receipts
	for line := range strings.Lines(text) {
		var r Receipt
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("receipt %q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// Receipts are those on the outcome's stdout.
func (o *Outcome) Receipts() Receipts {
	o.T.Helper()
	return ReadReceipts(o.T, o.Stdout)
}

// Of returns the receipts of messages that ended so.
func (all Receipts) Of(result string) (some Receipts) {
	for _, r := range all {
		if r.Type == "receipt" && r.Result == result && r.UID != 0 {
			some = append(some, r)
		}
	}
	return some
}

// End is the last line.
func (all Receipts) End(t testing.TB) Receipt {
	t.Helper()
	if len(all) == 0 || all[len(all)-1].Type != "end" {
		t.Fatal("the receipts do not end in an end")
	}
	return all[len(all)-1]
}

// Appended demands how many messages the run has appended.
func (o *Outcome) Appended(n int) *Outcome {
	o.T.Helper()
	if got := o.Receipts().End(o.T).Appended; got != n {
		o.T.Errorf("%d messages appended, want %d\n%s", got, n, o)
	}
	return o
}
