package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// row is a line of a stream, as far as tests look at it.
type row struct {
	Type, Folder, Name, Reason, Text, Key, Content, User, Host string
	UID                                                        uint64
	UIDValidity, Parts                                         uint64
	Size, Messages, Octets                                     int64
	Flags, Filters                                             []string
	SHA256, Delimiter, Received                                string
	Body                                                       *string
	Body64                                                     *string `json:"body_base64"`
	Labels                                                     map[string]string
	Listed, Emitted, Expunged, Failed, Excluded, Skipped       int64
	Plan                                                       bool
	Exit                                                       int
}

// Rows are those of a stream in a file, compressed or not.
type Rows []row

// Rows reads a stream of the scripts' folder.
func (b *Shell) Rows(name string) (all Rows) {
	b.T.Helper()
	octets := b.Read(name)
	if bytes.HasPrefix(octets, FrameMagic) {
		c := exec.Command("zstd", "-dcq", b.Path(name))
		var err error
		if octets, err = c.Output(); err != nil {
			b.T.Fatalf("zstd: %v", err)
		}
	}
	for line := range bytes.Lines(octets) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			b.T.Fatalf("%s: %v: %s", name, err, Shorten(string(line), 200))
		}
		all = append(all, r)
	}
	return all
}

// Of returns the rows of a type.
func (all Rows) Of(kind string) (some Rows) {
	for _, r := range all {
		if r.Type == kind {
			some = append(some, r)
		}
	}
	return some
}

// Ids names messages by folder and UID, in their order.
func (all Rows) Ids() []string {
	ids := []string{}
	for _, r := range all {
		ids = append(ids, fmt.Sprint(r.Folder, "/", r.UID))
	}
	return ids
}

// End is the last end row, whose sum must be right.
func (all Rows) End(t testing.TB) row {
	t.Helper()
	ends := all.Of("end")
	if len(ends) == 0 {
		t.Fatal("the stream has no end")
	}
	e := ends[len(ends)-1]
	if e.Listed != e.Emitted+e.Expunged+e.Failed {
		t.Errorf("%d listed = %d emitted + %d expunged + %d failed", e.Listed, e.Emitted, e.Expunged, e.Failed)
	}
	return e
}

// SameIDs demands the same messages in the same order.
func SameIDs(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, Shorten(strings.Join(got, " "), 1500), Shorten(strings.Join(want, " "), 1500))
	}
}

// FrameMagic begins every zstd frame (RFC 8878 section 3.1.1).
var FrameMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// record is what a stream says of a message.
type record struct {
	Type, Folder, InternalDate, SHA256 string
	Flags                              []string
	Body, BodyBase64                   *string
	Header                             struct{ Subject string }
}

// Records reads the message records of a plain stream.
func (b *Shell) Records(name string) (all []record) {
	b.T.Helper()
	for line := range bytes.Lines(b.Read(name)) {
		var r record
		line = bytes.Replace(line, []byte(`"body_base64":`), []byte(`"bodybase64":`), 1)
		if err := json.Unmarshal(line, &r); err != nil {
			b.T.Fatal(err)
		}
		if r.Type == "message" {
			all = append(all, r)
		}
	}
	return all
}
