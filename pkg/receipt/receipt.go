// Package receipt is about what imap-push answers for each record of a plan:
// one line of JSON each, appended run after run to one file. The format is
// section 17 of pkg/stream/FORMAT.md.
package receipt

import (
	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/jsonnum"
)

// Result says what became of a record of the plan.
type Result string

// The results.
const (
	Appended   Result = "appended"
	Present    Result = "present" // it was there already
	Created    Result = "created"
	Subscribed Result = "subscribed"
	Deleted    Result = "deleted"  // a message of the destination
	Removed    Result = "removed"  // a folder
	Granted    Result = "granted"  // rights on a folder, to somebody
	Flagged    Result = "flagged"  // flags of a message that was there were changed
	Skipped    Result = "skipped"  // nothing was tried
	Rejected   Result = "rejected" // the destination refuses it
	Failed     Result = "failed"   // it could not be had, or its octets are damaged
	Expunged   Result = "expunged" // it was expunged at the source
	Rekeyed    Result = "rekeyed"  // a message that was appended has another key there
)

// ReasonMatched is the reason of a Present that imap-diff has written: it has matched
// two messages by their keys and by what else they have in common, and has not
// compared their octets.
const ReasonMatched = "matched"

// Format is the value of the format field of a Begin.
const Format = "imap-receipts"

// Version is the version of the format.
const Version = 1

// The values of the type field.
const (
	TypeBegin    = "begin"
	TypeReceipt  = "receipt"
	TypeDeleting = "deleting"
	TypeEnd      = "end"
)

// Begin begins the receipts of one run.
type Begin struct {
	Type        string          `json:"type"`
	Format      string          `json:"format"`
	Version     int             `json:"version"`
	Tool        string          `json:"tool"`
	Source      account.Account `json:"source"`
	Destination account.Account `json:"destination"`
	Plan        string          `json:"plan"`          // sha256 of the plan's begin and folder records
	Key         string          `json:"key,omitempty"` // the recipe of the keys
	DryRun      bool            `json:"dry_run,omitempty"`
	Time        string          `json:"time"` // RFC 3339, as all others
}

// Receipt is the answer to one record of the plan. It has a field for each field of the
// record.
type Receipt struct {
	Type              string         `json:"type"`
	Result            Result         `json:"result"`
	Folder            string         `json:"folder,omitempty"`
	UIDValidity       jsonnum.Uint64 `json:"uidvalidity,omitempty"`
	UID               jsonnum.Uint64 `json:"uid,omitempty"`
	Key               string         `json:"key,omitempty"`
	Target            string         `json:"target,omitempty"`
	TargetUIDValidity jsonnum.Uint64 `json:"target_uidvalidity,omitempty"`
	TargetUID         jsonnum.Uint64 `json:"target_uid,omitempty"`
	TargetUIDFrom     jsonnum.Uint64 `json:"target_uid_from,omitempty"` // where no TargetUID is known: it is not below
	Copied            bool           `json:"copied,omitempty"`          // by the server itself (UID COPY)
	DroppedFlags      []string       `json:"dropped_flags,omitempty"`   // could not be kept
	DroppedDate       bool           `json:"dropped_date,omitempty"`    // the server's clock was used
	Unknown           []string       `json:"unknown,omitempty"`         // items that the source does not tell
	Transforms        []string       `json:"transforms,omitempty"`      // what was changed in the message
	// as sent, where that differs or no TargetUID is known
	SentSHA256      string   `json:"sent_sha256,omitempty"`
	SentKey         string   `json:"sent_key,omitempty"` // its key as it was sent, where that differs
	BreaksSignature bool     `json:"breaks_signature,omitempty"`
	Octets          int64    `json:"octets,omitempty"`       // of a message that was refused
	Anomalies       []string `json:"anomalies,omitempty"`    // what in it servers are known to refuse
	LongestLine     int64    `json:"longest_line,omitempty"` // of it, in octets
	Identifier      string   `json:"identifier,omitempty"`   // of a right that was granted
	Rights          string   `json:"rights,omitempty"`
	DroppedRights   string   `json:"dropped_rights,omitempty"` // the destination does not know them
	Reason          string   `json:"reason,omitempty"`
	Text            string   `json:"text,omitempty"` // the server's own words
	Time            string   `json:"time"`
}

// Deleting names what a run is about to delete. A run that is killed then leaves no
// receipt of it.
type Deleting struct {
	Type              string           `json:"type"`
	Target            string           `json:"target"`
	TargetUIDValidity jsonnum.Uint64   `json:"target_uidvalidity"`
	TargetUIDs        []jsonnum.Uint64 `json:"target_uids,omitempty"` // none: the folder itself
	Time              string           `json:"time"`
}

// End ends the receipts of a run. That of a run which was killed is missing.
type End struct {
	Type string `json:"type"`
	Sums
	Plan string `json:"plan_hash,omitempty"` // the hash in the plan's end record
	Exit int    `json:"exit"`
	Text string `json:"text,omitempty"`
	Time string `json:"time"`
}

// Sums add up what became of the messages: Listed is the sum of the others
// that count messages.
type Sums struct {
	Listed   int64 `json:"listed"`
	Present  int64 `json:"present"`
	Appended int64 `json:"appended"`
	Rejected int64 `json:"rejected"`
	Expunged int64 `json:"expunged"`
	Failed   int64 `json:"failed"`
	Skipped  int64 `json:"skipped"`
	Folders  int64 `json:"folders_failed"`    // folders, not messages
	Octets   int64 `json:"octets"`            // of the messages appended
	Flagged  int64 `json:"flagged,omitempty"` // messages whose flags were changed; in no other sum
	Deleted  int64 `json:"deleted,omitempty"` // messages that were deleted; likewise
	Unknown  int64 `json:"unknown,omitempty"` // of those appended, with items that the source does not tell
	Rekeyed  int64 `json:"rekeyed,omitempty"` // of those appended, with another key at the destination
}

// Total is how many messages have an answer.
func (s *Sums) Total() int64 {
	return s.Present + s.Appended + s.Rejected + s.Expunged + s.Failed + s.Skipped
}
