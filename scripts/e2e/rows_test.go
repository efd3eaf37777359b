package e2e

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

// rows are those of a stream in a file, compressed or not.
type rows []row

func (b *bench) rows(name string) (all rows) {
	b.t.Helper()
	octets := b.read(name)
	if bytes.HasPrefix(octets, frameMagic) {
		c := exec.Command("zstd", "-dcq", b.path(name))
		var err error
		if octets, err = c.Output(); err != nil {
			b.t.Fatalf("zstd: %v", err)
		}
	}
	for line := range bytes.Lines(octets) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			b.t.Fatalf("%s: %v: %s", name, err, limit(string(line), 200))
		}
		all = append(all, r)
	}
	return all
}

// of returns the rows of a type.
func (all rows) of(kind string) (some rows) {
	for _, r := range all {
		if r.Type == kind {
			some = append(some, r)
		}
	}
	return some
}

// ids names messages by folder and UID, in their order.
func (all rows) ids() []string {
	ids := []string{}
	for _, r := range all {
		ids = append(ids, fmt.Sprint(r.Folder, "/", r.UID))
	}
	return ids
}

// end is the last end row, whose sum must be right.
func (all rows) end(t testing.TB) row {
	t.Helper()
	ends := all.of("end")
	if len(ends) == 0 {
		t.Fatal("the stream has no end")
	}
	e := ends[len(ends)-1]
	if e.Listed != e.Emitted+e.Expunged+e.Failed {
		t.Errorf("%d listed = %d emitted + %d expunged + %d failed", e.Listed, e.Emitted, e.Expunged, e.Failed)
	}
	return e
}

// sameIDs demands the same messages in the same order.
func sameIDs(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, limit(strings.Join(got, " "), 1500), limit(strings.Join(want, " "), 1500))
	}
}

// frameMagic begins every zstd frame (RFC 8878 section 3.1.1).
var frameMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// record is what a stream says of a message.
type record struct {
	Type, Folder, InternalDate, SHA256 string
	Flags                              []string
	Body, BodyBase64                   *string
	Header                             struct{ Subject string }
}

// records reads the message records of a plain stream.
func (b *bench) records(name string) (all []record) {
	b.t.Helper()
	for line := range bytes.Lines(b.read(name)) {
		var r record
		line = bytes.Replace(line, []byte(`"body_base64":`), []byte(`"bodybase64":`), 1)
		if err := json.Unmarshal(line, &r); err != nil {
			b.t.Fatal(err)
		}
		if r.Type == "message" {
			all = append(all, r)
		}
	}
	return all
}
