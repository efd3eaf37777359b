package imaptest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDovecotKeepsGeneratedMail(t *testing.T) {
	for _, format := range []string{"maildir", "sdbox", "mdbox"} {
		t.Run(format, func(t *testing.T) {
			testKeeps(t, StartDovecot(t, DovecotOptions{Format: format}), Spread(Generate(1, 150)))
		})
	}
}

func TestDovecotKeepsSample(t *testing.T) {
	testKeeps(t, StartDovecot(t, DovecotOptions{}), Sample())
}

func TestCyrusKeepsGeneratedMail(t *testing.T) {
	tests := map[string]CyrusOptions{
		"as installed":  {Munge8Bit: true},
		"no prefix":     {AltNamespace: true},
		"slashes":       {UnixHierarchySep: true},
		"slashes alone": {AltNamespace: true, UnixHierarchySep: true},
	}
	for name, options := range tests {
		t.Run(name, func(t *testing.T) { testKeeps(t, StartCyrus(t, options), Spread(Generate(1, 150))) })
	}
}

// testKeeps loads, dumps and compares: octets, flags, dates, folders, order
// and subscriptions.
func testKeeps(t *testing.T, r *Real, spec Spec) {
	t.Helper()
	refused, err := r.Populate("joe", spec)
	if err != nil || refused != nil {
		t.Fatalf("%v, refused %v", err, refused)
	}
	got, err := r.Dump("joe")
	if err != nil {
		t.Fatal(err)
	}
	if diff := Diff(spec.Entries(), got, DiffOptions{Order: true}); diff != "" {
		t.Error(diff)
	}
	boxes, err := Mailboxes(r.Addr, "joe", r.Password)
	if err != nil {
		t.Fatal(err)
	}
	subscribed := map[string]bool{}
	for _, box := range boxes {
		subscribed[box.Path] = box.Subscribed
	}
	for _, folder := range spec.Folders {
		if subscribed[folder.Path] != folder.Subscribed {
			t.Errorf("%q: subscribed is %v", folder.Path, !folder.Subscribed)
		}
	}
}

func TestUglyOnDovecot(t *testing.T) {
	for _, format := range []string{"maildir", "sdbox"} {
		t.Run(format, func(t *testing.T) {
			testUgly(t, StartDovecot(t, DovecotOptions{Format: format}), func(c Case) Verdict { return c.Dovecot })
		})
	}
}

func TestUglyOnCyrus(t *testing.T) {
	testUgly(t, StartCyrus(t, CyrusOptions{}), func(c Case) Verdict { return c.Cyrus })
}

func TestUglyOnCyrusThatMunges(t *testing.T) {
	testUgly(t, StartCyrus(t, CyrusOptions{Munge8Bit: true}), func(c Case) Verdict { return c.CyrusMunge })
}

// testUgly appends the corpus and holds each message against its verdict.
func testUgly(t *testing.T, r *Real, verdict func(Case) Verdict) {
	folder := UglyFolder("INBOX")
	refusals, err := r.Populate("joe", Spec{Folders: []Folder{folder}})
	if err != nil {
		t.Fatal(err)
	}
	refused := map[int]string{}
	for _, refusal := range refusals {
		refused[refusal.Index] = refusal.Text
	}
	got, err := r.Dump("joe")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range Ugly() {
		want := verdict(c)
		if words, ok := refused[i]; ok {
			if want.Refused == "" || !strings.HasPrefix(words, want.Refused) {
				t.Errorf("%s: refused with %q, want %q", c.Name, words, want.Refused)
			}
			continue
		}
		if len(got) == 0 {
			t.Fatalf("%s: no message left in the dump", c.Name)
		}
		entry := got[0]
		got = got[1:]
		octets, ok := c.Outcome(want)
		if !ok {
			t.Errorf("%s: stored, want %q", c.Name, want.Refused)
		} else if entry.SHA256 != Sum(octets) {
			t.Errorf("%s: %d octets come back, not the %d expected", c.Name, entry.Size, len(octets))
		}
		if entry.RFC822Size != entry.Size {
			t.Errorf("%s: RFC822.SIZE %d, but %d octets", c.Name, entry.RFC822Size, entry.Size)
		}
	}
	if len(got) > 0 {
		t.Errorf("%d messages more than expected", len(got))
	}
}

func TestDovecotTLS(t *testing.T) {
	r := StartDovecot(t, DovecotOptions{})
	authority, err := os.ReadFile(r.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	host, _, _ := net.SplitHostPort(r.TLSAddr)
	conn, err := tls.Dial("tcp", r.TLSAddr, &tls.Config{RootCAs: pool, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if pin := Sum(conn.ConnectionState().PeerCertificates[0].Raw); pin != r.Pin {
		t.Errorf("the certificate's sha256 is %s, Pin says %s", pin, r.Pin)
	}
	if r.CAFile == "" || r.Pin == "" {
		t.Error("no certificate told")
	}
}

func TestStopLeavesNothing(t *testing.T) {
	starts := map[string]func(testing.TB) *Real{
		"dovecot": func(t testing.TB) *Real { return StartDovecot(t, DovecotOptions{}) },
		"cyrus":   func(t testing.TB) *Real { return StartCyrus(t, CyrusOptions{}) },
	}
	for name, start := range starts {
		var r *Real
		t.Run(name, func(t *testing.T) {
			r = start(t)
			r.Stop()
			r.Stop()
		})
		if r == nil {
			continue
		}
		if conn, err := net.Dial("tcp", r.Addr); err == nil {
			conn.Close()
			t.Errorf("%s still listens", name)
		}
		if _, err := os.Stat(r.Dir); err == nil {
			t.Errorf("%s is still there", r.Dir)
		}
	}
}

func TestServerThatCannotStart(t *testing.T) {
	r := &Real{Kind: "dovecot", Addr: "127.0.0.1:1", Dir: t.TempDir()}
	began := time.Now()
	err := r.launch(t, "/bin/sh", "-c", "echo no such luck; exit 1")
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Error(err)
	}
	if time.Since(began) > 5*time.Second {
		t.Error("it took", time.Since(began))
	}
}

// verdictTB notes how a test would end.
type verdictTB struct {
	testing.TB
	end string
}

func (t *verdictTB) Helper()      {}
func (t *verdictTB) Name() string { return "TestSomething" }
func (t *verdictTB) Fatal(...any) { t.end += "fatal " }
func (t *verdictTB) Skip(...any)  { t.end += "skip " }

func TestMissingServerFailsInCI(t *testing.T) {
	for ci, want := range map[string]string{"": "skip ", "true": "fatal skip "} { // the real Fatal does not return
		t.Setenv("CI", ci)
		tb := &verdictTB{}
		missing(tb, "Nonesuch", "it is only a test")
		if tb.end != want {
			t.Errorf("CI=%q: %s", ci, tb.end)
		}
	}
}

// TestCourier: octets, flags, dates, order and subscriptions are kept, and an
// address has four connections.
func TestCourier(t *testing.T) {
	r := StartCourier(t, CourierOptions{})
	spec := Spread(Generate(1, 150))
	testKeeps(t, r, ForCourier(spec))
	if _, err := r.Populate("ann", spec); err == nil || !strings.Contains(err.Error(), "&2D3eQg-") {
		t.Errorf("Courier takes a name beyond U+FFFF: %v", err)
	}
	var greetings []string
	for range 5 {
		conn, err := net.Dial("tcp", r.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		greeting, _ := io.ReadAll(io.LimitReader(conn, 4))
		greetings = append(greetings, string(greeting))
	}
	if want := []string{"* OK", "* OK", "* OK", "* OK", ""}; !slices.Equal(greetings, want) {
		t.Errorf("five connections were greeted %q", greetings)
	}
}
