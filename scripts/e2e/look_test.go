package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// TestSizes: octets, the largest message and the days of the first and the last
// arrival, as the oracle sees them; without --sizes no message is asked about.
func TestSizes(t *testing.T) {
	t.Parallel()
	kinds := map[string]account{
		"embedded":          embedded(imaptest.StartServer(t, imaptest.Options{}), "src"),
		"no STATUS=SIZE":    embedded(imaptest.StartServer(t, imaptest.Options{Caps: []string{"NAMESPACE"}}), "src"),
		"no names together": embedded(imaptest.StartServer(t, imaptest.Options{Caps: []string{"STATUS=SIZE"}}), "src"),
		"dovecot":           real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "src"),
		"cyrus":             real(imaptest.StartCyrus(t, imaptest.CyrusOptions{Munge8Bit: true}), "joe"),
	}
	for name, src := range kinds {
		t.Run(name, func(t *testing.T) {
			spec := imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(3, 40)}, {Path: "Entwürfe", Messages: imaptest.Generate(4, 1)}, {Path: emptyPath}}}
			src.fill(t, spec)
			type sum struct {
				octets, biggest int64
				uid             uint64
				oldest, newest  time.Time
			}
			want := map[string]*sum{}
			for _, e := range src.dump(t) {
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
			b := between(t, src, src)
			empty := 0
			for _, r := range b.sh(`imap-list $SRC --sizes --trace sizes`).wants(0).records() {
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
			b.sh(`imap-list $SRC --trace plain`).wants(0)
			plain := string(b.read("plain"))
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
			if strings.Contains(clientLines(string(b.read("sizes"))), "SELECT") {
				t.Error("a mailbox was opened for writing")
			}
			table := b.sh(`imap-list $SRC --sizes --format table`).wants(0).stdout
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
	dst := real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "src")
	for i := range 20 {
		dst.tell(t, fmt.Sprintf("CREATE f%d", i))
	}
	b := between(t, dst, dst)
	together := b.sh(`imap-list $SRC --trace together`).wants(0).stdout
	apart := b.sh(`imap-list $SRC --disable-cap LIST-STATUS --trace apart`).wants(0).stdout
	if together != apart || together == "" {
		t.Errorf("%s\n%s", together, apart)
	}
	if n, m := strings.Count(clientLines(string(b.read("together"))), " STATUS \""), strings.Count(clientLines(string(b.read("apart"))), " STATUS \""); n != 0 || m < 20 {
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

func checkOf(o *outcome) (c check) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil || c.Type != "server" {
		o.t.Fatalf("%v\n%s%s", err, o.stdout, o)
	}
	return c
}

// TestCheckAccount: what the server is, step by step, and where it ends.
func TestCheckAccount(t *testing.T) {
	t.Parallel()
	r := imaptest.StartDovecot(t, imaptest.DovecotOptions{Extra: "plugin {\n quota = count:User quota\n quota_vsizes = yes\n quota_rule = *:storage=10M\n}"})
	b := newBench(t).with("AT", "--host "+r.TLSAddr+" --user joe --ca-file "+r.CAFile)
	o := b.sh(`imap-list --check $AT --trace trace`).wants(0)
	for _, text := range []string{"TLS 1.3", "--tls-pin sha256:" + r.Pin, "good until ", "greeting      Dovecot", "before login", "after login", "id            name: Dovecot", `personal: prefix "", delimiter "/"`, `"User quota": 0 B of 10.5 MB, 0 %`, "yes  MULTIAPPEND", "keywords "} {
		if !strings.Contains(o.stdout, text) {
			t.Errorf("no %q in\n%s", text, o.stdout)
		}
	}
	if sent := clientLines(string(b.read("trace"))); strings.Contains(sent, "SELECT") || !strings.Contains(sent, `ID ("name" "imap-pipe" "version"`) {
		t.Error(sent)
	}
	c := checkOf(b.sh(`imap-list --check --format ndjson $AT`).wants(0))
	if c.TLS == nil || c.TLS.Pin != "sha256:"+r.Pin || c.Exit != 0 || c.Failed != "" || c.Login == "" || len(c.Before) == 0 || !slices.Contains(c.Capabilities, "QUOTA") ||
		len(c.Quota) != 1 || c.Quota[0].Limit != 10240 || len(c.Namespaces["personal"]) != 1 || c.Namespaces["personal"][0].Delimiter != "/" || len(c.FastPaths) < 7 || !c.FastPaths[0].Has || c.ID[0].Value != "Dovecot" {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.sh(`imap-list --check --format ndjson --disable-cap MULTIAPPEND --no-id --trace no-id $AT`).wants(0)); c.FastPaths[0].Has || len(c.ID) > 0 || strings.Contains(clientLines(string(b.read("no-id"))), " ID ") {
		t.Errorf("%+v", c)
	}

	// However far it came, that is told, and where it ended.
	refused := b.with("AT", "--host "+r.TLSAddr+" --user joe").sh(`imap-list --check --format ndjson $AT`).wants(76)
	if c := checkOf(refused); c.Exit != 76 || c.Failed != "tls" || c.TLS == nil || c.TLS.Pin != "sha256:"+r.Pin || c.Greeting != "" {
		t.Errorf("%+v", c)
	}
	if o := b.with("AT", "--host "+r.TLSAddr+" --user joe").sh(`imap-list --check $AT`).wants(76); !strings.Contains(o.stdout, "failed        tls: ") || !strings.Contains(o.stdout, r.Pin) {
		t.Error(o.stdout)
	}
	if c := checkOf(b.with("IMAP_PASSWORD", "wrong").sh(`imap-list --check --format ndjson $AT`).wants(77)); c.Exit != 77 || c.Failed != "login" || c.Greeting == "" || len(c.Before) == 0 || len(c.Capabilities) > 0 {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.with("AT", "--host 127.0.0.1:1 --user joe").sh(`imap-list --check --format ndjson $AT`).wants(69)); c.Failed != "connect" || c.Address != "" {
		t.Errorf("%+v", c)
	}
	if c := checkOf(b.with("AT", "--host "+r.Addr+" --user joe").sh(`imap-list --check --format ndjson $AT`).wants(76)); c.Failed != "tls" || c.TLS != nil {
		t.Errorf("%+v", c)
	}
	for _, option := range []string{"--sizes", "--folder INBOX", "--acl", "--subscribed"} {
		b.sh(`imap-list --check $AT ` + option).wants(64).says("cannot be combined with --check")
	}
}

// TestFolderThatCannotBeOpened costs itself only: at the source, and at the
// destination.
func TestFolderThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	cyrus := imaptest.StartCyrus(t, imaptest.CyrusOptions{})
	src, dst := real(cyrus, "joe"), real(cyrus, "ann")
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(1, 3)}, {Path: "Closed", Messages: imaptest.Generate(2, 3)}, {Path: "Open", Messages: imaptest.Generate(3, 3)}}})
	want := without(src.dump(t), "Closed")
	src.tell(t, `SETACL INBOX.Closed joe la`)
	b := between(t, src, dst)
	o := b.sh(`imap-list $SRC --format table`).wants(3).says("INBOX.Closed: ")
	if !strings.Contains(o.stdout, "INBOX.Closed        failed: ") {
		t.Error(o.stdout)
	}
	run := b.sh(straight).wants(3).appended(6)
	if all := run.stdout; !strings.Contains(all, `"result":"failed","folder":"INBOX.Closed"`) {
		t.Error(all)
	}
	same(t, want, dst.dump(t))

	src.tell(t, `SETACL INBOX.Closed joe lrswipkxtecda`)
	dst.tell(t, `SETACL INBOX.Closed ann la`, `SETACL INBOX.Open ann lrsa`)
	src.fill(t, imaptest.Spec{Folders: []imaptest.Folder{{Path: "INBOX", Messages: imaptest.Generate(4, 2)}, {Path: "Open", Messages: imaptest.Generate(5, 2)}}})
	run = b.sh(straight).wants(3).appended(2)
	if end := run.receipts().end(t); end.Failed != 3 || end.Rejected != 2 {
		t.Errorf("%+v", end)
	}
}

// TestListOnATerminal: a table, and nothing in it acts.
func TestListOnATerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("SKIPPED: no script(1) to make a terminal")
	}
	_, src := sheet(t, "INBOX", "esc\x1b[2J\u009b\u202e", "\u53d7\u4fe1")
	b := newBench(t).with("AT", src.options())
	for _, option := range []string{"", "--format ndjson", "--sizes", "--check", "--check --format ndjson", "--folder nowhere"} {
		o := b.sh(`script -qec "imap-list $AT ` + option + `" /dev/null </dev/null`)
		if strings.ContainsAny(o.stdout, "\x1b\u009b\u202e") {
			t.Errorf("%q: %q", option, o.stdout)
		}
		if table := strings.Contains(o.stdout, "total of 3 folders"); table != (option == "" || option == "--sizes") {
			t.Errorf("%q: %s", option, o.stdout)
		}
	}
	b.sh(`imap-list $AT --format ndjson`).wants(0).lists("INBOX", "esc\x1b[2J\u009b\u202e", "\u53d7\u4fe1")
}
