package faults

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// TestSizes: octets, the largest message and the days of the first and the last
// arrival, as the oracle sees them; without --sizes no message is asked about.
func TestSizes(t *testing.T) {
	t.Parallel()
	kinds := map[string]harness.Account{
		"embedded":          harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "src"),
		"no STATUS=SIZE":    harness.Embedded(imaptest.StartServer(t, imaptest.Options{Caps: []string{"NAMESPACE"}}), "src"),
		"no names together": harness.Embedded(imaptest.StartServer(t, imaptest.Options{Caps: []string{"STATUS=SIZE"}}), "src"),
		"dovecot":           harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "src"),
		"cyrus":             harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true}), "joe"),
	}
	for name, src := range kinds {
		t.Run(name, func(t *testing.T) {
			spec := imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(3, 40)}, {Path: "Entwürfe", Messages: imaptest.Generate(4, 1)}, {Path: harness.EmptyPath}}}
			src.Fill(t, spec)
			type sum struct {
				octets, biggest int64
				uid             uint64
				oldest, newest  time.Time
			}
			want := map[string]*sum{}
			for _, e := range src.Dump(t) {
				s := want[e.Folder]
				if s == nil {
					s = &sum{oldest: e.InternalDate, newest: e.InternalDate}
					want[e.Folder] = s
				}
				if s.octets += e.RFC822Size; e.RFC822Size > s.biggest {
					s.biggest, s.uid = e.RFC822Size, e.UID
				}
				if e.InternalDate.Before(s.oldest) {
					s.oldest = e.InternalDate
				}
				if e.InternalDate.After(s.newest) {
					s.newest = e.InternalDate
				}
			}
			b := harness.Between(t, src, src)
			empty := 0
			for _, r := range b.Sh(`imap-list $SRC --sizes --trace sizes`).Wants(0).Records() {
				s := want[r.Name]
				if s == nil {
					empty++
					if r.Octets == nil || *r.Octets != 0 || r.Largest != nil || r.Oldest != "" {
						t.Errorf("%+v", r)
					}
					continue
				}
				oldest, _ := time.Parse(time.RFC3339, r.Oldest)
				newest, _ := time.Parse(time.RFC3339, r.Newest)
				if r.Octets == nil || r.Largest == nil {
					t.Fatalf("%+v", r)
				}
				if got := (sum{*r.Octets, *r.Largest, r.LargestUID, oldest.UTC(), newest.UTC()}); got != (sum{s.octets, s.biggest, s.uid, s.oldest.UTC(), s.newest.UTC()}) {
					t.Errorf("%s: %+v, want %+v", r.Name, got, *s)
				}
			}
			b.Sh(`imap-list $SRC --trace plain`).Wants(0)
			plain := string(b.Read("plain"))
			// Folders that claim to be empty are opened and asked what they show, and no
			// other.
			const look = "UID FETCH 1:* (UID)"
			sent := clientLines(plain)
			for _, command := range []string{"EXAMINE", look} {
				if n := strings.Count(sent, command); n > empty {
					t.Errorf("%d times %s without --sizes, %d folders are empty", n, command, empty)
				}
			}
			sent = strings.ReplaceAll(sent, look, "")
			for _, word := range []string{"SELECT", "FETCH", "SIZE)"} {
				if strings.Contains(plain, "C: ") && strings.Contains(sent, word) {
					t.Errorf("%s without --sizes", word)
				}
			}
			if strings.Contains(clientLines(string(b.Read("sizes"))), "SELECT") {
				t.Error("a mailbox was opened for writing")
			}
			table := b.Sh(`imap-list $SRC --sizes --format table`).Wants(0).Stdout
			if !strings.Contains(table, "total of ") || !strings.Contains(table, "kB") || !strings.Contains(table, "largest") {
				t.Error(table)
			}
		})
	}
}

// clientLines are those of a trace that the client sent.
func clientLines(trace string) string {
	var b strings.Builder
	for line := range strings.Lines(trace) {
		if strings.HasPrefix(line, "C: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestOneListingForAll: names and states of all folders come in one answer where
// the server has that.
func TestOneListingForAll(t *testing.T) {
	t.Parallel()
	dst := harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "src")
	for i := range 20 {
		dst.Tell(t, fmt.Sprintf("CREATE f%d", i))
	}
	b := harness.Between(t, dst, dst)
	together := b.Sh(`imap-list $SRC --trace together`).Wants(0).Stdout
	apart := b.Sh(`imap-list $SRC --disable-cap LIST-STATUS --trace apart`).Wants(0).Stdout
	if together != apart || together == "" {
		t.Errorf("%s\n%s", together, apart)
	}
	if n, m := strings.Count(clientLines(string(b.Read("together"))), " STATUS \""), strings.Count(clientLines(string(b.Read("apart"))), " STATUS \""); n != 0 || m < 20 {
		t.Errorf("%d and %d STATUS commands", n, m)
	}
}

// check is the record of imap-list --check.
type check struct {
	Type, Host, User, Address, Greeting, Login, Failed, Text, Keywords string
	TLS                                                                *struct {
		Version, Cipher, Subject, Pin string
		NotAfter                      string `json:"not_after"`
	}
	Before       []string `json:"capabilities_before_login"`
	Capabilities []string
	ID           []struct{ Name, Value string }
	Namespaces   map[string][]struct{ Prefix, Delimiter string }
	Quota        []struct {
		Root, Resource       string
		Used, Limit, Percent int64
	}
	FastPaths []struct {
		Name string
		Has  bool
	} `json:"fast_paths"`
	Exit int
}

func checkOf(o *harness.Outcome) (c check) {
	o.T.Helper()
	if err := json.Unmarshal([]byte(o.Stdout), &c); err != nil || c.Type != "server" {
		o.T.Fatalf("%v\n%s%s", err, o.Stdout, o)
	}
	return c
}

// TestCheckAccount: what the server is, step by step, and where it ends.
func TestCheckAccount(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "plugin {\n quota = count:User quota\n quota_vsizes = yes\n quota_rule = *:storage=10M\n}"})
	b := harness.NewShell(t).With("AT", "--host "+r.TLSAddr+" --user joe --ca-file "+r.CAFile)
	o := b.Sh(`imap-list --check $AT --trace trace`).Wants(0)
	for _, text := range []string{"TLS 1.3", "--tls-pin sha256:" + r.Pin, "good until ", "greeting      Dovecot", "before login", "after login", "id            name: Dovecot", `personal: prefix "", delimiter "/"`, `"User quota": 0 B of 10.5 MB, 0 %`, "yes  MULTIAPPEND", "keywords "} {
		if !strings.Contains(o.Stdout, text) {
			t.Errorf("no %q in\n%s", text, o.Stdout)
		}
	}
	if sent := clientLines(string(b.Read("trace"))); strings.Contains(sent, "SELECT") || !strings.Contains(sent, `ID ("name" "imap-pipe" "version"`) {
		t.Error(sent)
	}
	c := checkOf(b.Sh(`imap-list --check --format ndjson $AT`).Wants(0))
	if c.TLS == nil || c.TLS.Pin != "sha256:"+r.Pin || c.Exit != 0 || c.Failed != "" || c.Login == "" || len(c.Before) == 0 || !slices.Contains(c.Capabilities, "QUOTA") ||
		len(c.Quota) != 1 || c.Quota[0].Limit != 10240 || len(c.Namespaces["personal"]) != 1 || c.Namespaces["personal"][0].Delimiter != "/" || len(c.FastPaths) < 7 || !c.FastPaths[0].Has || c.ID[0].Value != "Dovecot" {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.Sh(`imap-list --check --format ndjson --disable-cap MULTIAPPEND --no-id --trace no-id $AT`).Wants(0)); c.FastPaths[0].Has || len(c.ID) > 0 || strings.Contains(clientLines(string(b.Read("no-id"))), " ID ") {
		t.Errorf("%+v", c)
	}

	// However far it came, that is told, and where it ended.
	refused := b.With("AT", "--host "+r.TLSAddr+" --user joe").Sh(`imap-list --check --format ndjson $AT`).Wants(76)
	if c := checkOf(refused); c.Exit != 76 || c.Failed != "tls" || c.TLS == nil || c.TLS.Pin != "sha256:"+r.Pin || c.Greeting != "" {
		t.Errorf("%+v", c)
	}
	if o := b.With("AT", "--host "+r.TLSAddr+" --user joe").Sh(`imap-list --check $AT`).Wants(76); !strings.Contains(o.Stdout, "failed        tls: ") || !strings.Contains(o.Stdout, r.Pin) {
		t.Error(o.Stdout)
	}
	if c := checkOf(b.With("IMAP_PASSWORD", "wrong").Sh(`imap-list --check --format ndjson $AT`).Wants(77)); c.Exit != 77 || c.Failed != "login" || c.Greeting == "" || len(c.Before) == 0 || len(c.Capabilities) > 0 {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.With("AT", "--host 127.0.0.1:1 --user joe").Sh(`imap-list --check --format ndjson $AT`).Wants(69)); c.Failed != "connect" || c.Address != "" {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.With("AT", "--host "+r.Addr+" --user joe").Sh(`imap-list --check --format ndjson $AT`).Wants(76)); c.Failed != "tls" || c.TLS != nil {
		t.Errorf("%+v", c)
	}
	for _, option := range []string{"--sizes", "--folder INBOX", "--acl", "--subscribed"} {
		b.Sh(`imap-list --check $AT ` + option).Wants(64).Says("cannot be combined with --check")
	}
}

// TestFolderThatCannotBeOpened costs itself only: at the source, and at the
// destination.
func TestFolderThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	src, dst := harness.Real(cyrus, "joe"), harness.Real(cyrus, "ann")
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}, {Path: "Closed", Messages: imaptest.Generate(2, 3)}, {Path: "Open", Messages: imaptest.Generate(3, 3)}}})
	want := without(src.Dump(t), "Closed")
	src.Tell(t, `SETACL INBOX.Closed joe la`)
	b := harness.Between(t, src, dst)
	o := b.Sh(`imap-list $SRC --format table`).Wants(3).Says("INBOX.Closed: ")
	if !strings.Contains(o.Stdout, "INBOX.Closed        failed: ") {
		t.Error(o.Stdout)
	}
	run := b.Sh(harness.Straight).Wants(3).Appended(6)
	if all := run.Stdout; !strings.Contains(all, `"result":"failed","folder":"INBOX.Closed"`) {
		t.Error(all)
	}
	harness.Same(t, want, dst.Dump(t))

	src.Tell(t, `SETACL INBOX.Closed joe lrswipkxtecda`)
	dst.Tell(t, `SETACL INBOX.Closed ann la`, `SETACL INBOX.Open ann lrsa`)
	src.Fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(4, 2)}, {Path: "Open", Messages: imaptest.Generate(5, 2)}}})
	run = b.Sh(harness.Straight).Wants(3).Appended(2)
	if end := run.Receipts().End(t); end.Failed != 3 || end.Rejected != 2 {
		t.Errorf("%+v", end)
	}
}

// TestListOnATerminal: a table, and nothing in it acts.
func TestListOnATerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1) to make a terminal")
	}
	_, src := harness.OneLetterEach(t, "INBOX", "esc\x1b[2J\u009b\u202e", "\u53d7\u4fe1")
	b := harness.NewShell(t).With("AT", src.Options())
	for _, option := range []string{"", "--format ndjson", "--sizes", "--check", "--check --format ndjson", "--folder nowhere"} {
		o := b.Sh(`script -qec "imap-list $AT ` + option + `" /dev/null </dev/null`)
		if strings.ContainsAny(o.Stdout, "\x1b\u009b\u202e") {
			t.Errorf("%q: %q", option, o.Stdout)
		}
		if table := strings.Contains(o.Stdout, "total of 3 folders"); table != (option == "" || option == "--sizes") {
			t.Errorf("%q: %s", option, o.Stdout)
		}
	}
	b.Sh(`imap-list $AT --format ndjson`).Wants(0).Lists("INBOX", "esc\x1b[2J\u009b\u202e", "\u53d7\u4fe1")
}
