package push

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/push/batch"
	"github.com/imap-pipe/imap-pipe/pkg/receipt"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// letter is a message of a plan: same key, perhaps, and same look.
type letter struct {
	id, body string
	date     int
}

func (l letter) octets() []byte {
	return fmt.Appendf(nil, "Message-ID: <%s@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\nSubject: s\r\n\r\n%s\r\n", l.id, l.body)
}

func (l letter) arrived() time.Time { return time.Date(2020, 1, 2, 3, 4, l.date, 0, time.UTC) }

// numbered are letters of different keys and sizes.
func numbered(n int) (letters []letter) {
	for i := range n {
		letters = append(letters, letter{fmt.Sprintf("m%02d", i), strings.Repeat("x", i+1), i})
	}
	return letters
}

// fullPlan writes a plan with bodies, for the account of joe.
type fullPlan struct {
	t      testing.TB
	w      *stream.Writer
	recipe headerkey.Recipe
	listed int64
}

func beginPlan(t testing.TB, out io.Writer) *fullPlan {
	t.Helper()
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err != nil {
		t.Fatal(err)
	}
	p := &fullPlan{t: t, w: stream.NewWriter(out, stream.WriterOptions{}), recipe: recipe}
	p.write(&stream.Begin{Content: stream.Full, Plan: true, User: "joe", Host: "old", TargetUser: "joe", TargetHost: "127.0.0.1", Key: headerkey.Default})
	return p
}

func (p *fullPlan) write(r stream.Record) {
	p.t.Helper()
	if err := p.w.Write(r); err != nil {
		p.t.Fatal(err)
	}
}

// message gives m its octets, and the key of these.
func (p *fullPlan) message(m *stream.Message, octets []byte) {
	p.t.Helper()
	scan := headerkey.NewScanner(p.recipe)
	scan.Write(octets)
	m.Key = scan.Sum().Key
	m.SetBody(octets)
	p.write(m)
	p.listed++
}

func (p *fullPlan) end() {
	p.t.Helper()
	if err := errors.Join(p.w.End(&stream.End{Plan: true, Listed: p.listed}), p.w.Close()); err != nil {
		p.t.Fatal(err)
	}
}

// planFor writes a plan as imap-diff does for a destination that was empty.
func planFor(t testing.TB, letters []letter, validity, next uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	looks := map[string]int{}
	for _, l := range letters {
		looks[fmt.Sprint(l.date, len(l.body))]++
	}
	p := beginPlan(t, &out)
	p.write(&stream.Folder{Name: "INBOX", Delimiter: "/", UIDValidity: 5, UIDNext: 99, Octets: -1, Target: "INBOX", TargetUIDValidity: validity, TargetUIDNext: next})
	for i, l := range letters {
		p.message(&stream.Message{Folder: "INBOX", UIDValidity: 5, UID: uint64(i + 1), Target: "INBOX", Flags: []string{`\Seen`}, InternalDate: l.arrived().Format(time.RFC3339), Twin: looks[fmt.Sprint(l.date, len(l.body))] > 1}, l.octets())
	}
	p.end()
	return out.Bytes()
}

// planAt is a plan that was made for the account at 127.0.0.1, at the port of
// addr. One that cannot be read is returned as it is.
func planAt(t testing.TB, addr string, plan []byte) []byte {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	in := stream.NewReader(bytes.NewReader(plan), false)
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	for {
		rec, err := in.Next()
		if err == io.EOF {
			err = w.Close()
		} else if b, ok := rec.(*stream.Begin); ok && err == nil {
			if b.Host == "127.0.0.1" {
				b.Port = n
			}
			if b.TargetHost == "127.0.0.1" {
				b.TargetPort = n
			}
		}
		switch {
		case err != nil:
			return plan
		case rec == nil:
			return out.Bytes()
		}
		if end, ok := rec.(*stream.End); ok {
			err = w.End(end)
		} else {
			err = w.Write(rec)
		}
		if err != nil {
			return plan
		}
	}
}

// carryOut pushes a plan, as one for the account at addr, and returns its receipts.
func carryOut(t testing.TB, addr string, plan []byte, opt Options) (*Outcome, []receipt.Receipt, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Network: imapconn.NetworkOptions{Timeout: 20 * time.Second}, Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	if opt.Progress = (progress.None{}); opt.Warn == nil {
		opt.Warn = t.Logf
	}
	var out bytes.Buffer
	outcome, err := Run(t.Context(), conn, opt, stream.NewReader(bytes.NewReader(planAt(t, addr, plan)), opt.Edited), &out)
	var receipts []receipt.Receipt
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r receipt.Receipt
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("receipt %s: %v", lines.Text(), err)
		}
		if r.Type == "receipt" {
			receipts = append(receipts, r)
		}
	}
	return outcome, receipts, err
}

func bodies(entries []imaptest.Entry) []string {
	var out []string
	for _, e := range entries {
		_, body, _ := strings.Cut(string(e.Octets), "\r\n\r\n")
		out = append(out, strings.TrimSpace(body))
	}
	return out
}

func sortedBodies(letters []letter) []string {
	var out []string
	for _, l := range letters {
		out = append(out, l.body)
	}
	slices.Sort(out)
	return out
}

// lookAlikes share the key, and some of them all that can be seen from outside.
var lookAlikes = []letter{{"k", "aa", 1}, {"k", "aa", 1}, {"k", "bb", 1}, {"k", "ccc", 1}, {"k", "dd", 2}, {"l", "ee", 1}}

// Whatever part of the plan has arrived since it was made, exactly the rest is
// appended.
func TestAnyPartOfThePlanIsThere(t *testing.T) {
	for have := range 1 << len(lookAlikes) {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		account.AddMailbox("INBOX")
		for i, l := range lookAlikes {
			if have&(1<<i) != 0 {
				account.AddMessage("INBOX", nil, l.arrived(), l.octets())
			}
		}
		plan := planFor(t, lookAlikes, 0, 0)
		for run := range 2 {
			outcome, _, err := carryOut(t, server.Addr(), plan, Options{sleep: quick})
			if err != nil {
				t.Fatalf("%b: %v", have, err)
			}
			got := bodies(account.Messages("INBOX"))
			slices.Sort(got)
			if want := sortedBodies(lookAlikes); !slices.Equal(got, want) {
				t.Fatalf("%b, run %d: %v, want %v", have, run, got, want)
			}
			if run == 1 && outcome.Appended != 0 {
				t.Fatalf("%b: the second run appended %d", have, outcome.Appended)
			}
		}
		server.Close()
	}
}

// A destination that adds to headers: what it stored is known by the rest, and
// nothing is taken for a message that it never got.
func TestRewritingDestination(t *testing.T) {
	letters := []letter{{"k", "one", 1}, {"k", "two and longer", 1}, {"l", "three", 2}}
	for have := range 1 << len(letters) {
		server := imaptest.StartServer(t, imaptest.Options{})
		account := server.Account("joe")
		account.AddMailbox("INBOX")
		for i, l := range letters {
			if have&(1<<i) != 0 {
				account.AddMessage("INBOX", nil, l.arrived(), append([]byte("X-Added: by the server\r\n"), l.octets()...))
			}
		}
		if _, _, err := carryOut(t, server.Addr(), planFor(t, letters, 0, 0), Options{sleep: quick}); err != nil {
			t.Fatal(err)
		}
		got := bodies(account.Messages("INBOX"))
		slices.Sort(got)
		if want := sortedBodies(letters); !slices.Equal(got, want) {
			t.Errorf("%b: %v, want %v", have, got, want)
		}
	}
}

// The answer to any one APPEND is lost though the message was stored.
func TestAnswerLost(t *testing.T) {
	var letters []letter
	for i := range 8 {
		letters = append(letters, letter{fmt.Sprint("m", i), fmt.Sprintf("%02d", i), i})
	}
	letters = append(letters, lookAlikes...)
	for k := 1; k <= len(letters); k += 3 {
		for _, literalPlus := range []bool{true, false} {
			server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: literalPlus})
			server.Account("joe").AddMailbox("INBOX")
			proxy := imaptest.NewFaultProxy(t, server.Addr(), imaptest.DropAnswer("APPEND", k))
			outcome, receipts, err := carryOut(t, proxy.Addr(), planFor(t, letters, 0, 0), Options{sleep: quick})
			if err != nil {
				t.Fatalf("answer %d: %v", k, err)
			}
			got := bodies(server.Account("joe").Messages("INBOX"))
			slices.Sort(got)
			if want := sortedBodies(letters); !slices.Equal(got, want) {
				t.Fatalf("answer %d: %v, want %v", k, got, want)
			}
			if proxy.Fired() != 1 || outcome.Appended != int64(len(letters)) || len(receipts) != len(letters) {
				t.Errorf("answer %d: fired %d, %s, %d receipts", k, proxy.Fired(), outcome, len(receipts))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	letters := lookAlikes[:3]
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	account.AddMailbox("INBOX")
	cases := []struct {
		name string
		plan []byte
		opt  Options
		code exit.Code
		want receipt.Result // of every message
	}{
		{"another UIDVALIDITY", planFor(t, letters, 4711, 2), Options{}, exit.Partial, receipt.Rejected},
		{"a dry run", planFor(t, letters, 0, 0), Options{DryRun: true}, exit.OK, receipt.Skipped},
		{"no plan", bytes.Replace(planFor(t, letters, 0, 0), []byte(`"plan":true`), []byte(`"plan":false`), 1), Options{Edited: true}, exit.Usage, ""},
		{"no bodies", strip(planFor(t, letters, 0, 0)), Options{Edited: true}, exit.Usage, ""},
		{"damaged octets", bytes.ReplaceAll(planFor(t, letters, 0, 0), []byte(`\r\n\r\n`), []byte(`\r\n\r\r`)), Options{}, exit.Data, receipt.Failed},
		{"a cut plan", planFor(t, letters, 0, 0)[:900], Options{}, exit.Data, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := account.Appends()
			outcome, receipts, err := carryOut(t, server.Addr(), c.plan, c.opt)
			if exit.CodeOf(err) != c.code {
				t.Errorf("%v, want code %d", err, c.code)
			}
			if c.code == exit.Usage && exit.HintOf(err) == "" && !errors.Is(err, ErrNoPlan) && !errors.Is(err, batch.ErrNoBodies) {
				t.Error("no hint, and no cause that commands have one for")
			}
			if n := account.Appends() - before; n != 0 && c.want != "" {
				t.Errorf("%d messages were appended", n)
			}
			if c.want != "" && len(receipts) != len(letters) {
				t.Errorf("%d receipts: %s", len(receipts), outcome)
			}
			for _, r := range receipts {
				if c.want != "" && r.Result != c.want {
					t.Errorf("receipt %+v, want %s", r, c.want)
				}
			}
		})
	}
}

// strip takes the bodies out of a plan.
func strip(plan []byte) []byte {
	var out []byte
	for line := range bytes.Lines(plan) {
		if i := bytes.Index(line, []byte(`,"body":`)); i >= 0 {
			line = append(slices.Clone(line[:i]), '}', '\n')
		}
		out = append(out, line...)
	}
	return out
}

// A message that is refused costs itself alone, keeps its place in the
// receipts, and its octets go to the rejects, which are a plan.
func TestRejects(t *testing.T) {
	server := imaptest.StartServer(t, imaptest.Options{AppendLimit: 200})
	server.Account("joe").AddMailbox("INBOX")
	letters := []letter{{"a", "1", 1}, {"b", strings.Repeat("x", 300), 2}, {"c", "3", 3}}
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	outcome, receipts, err := carryOut(t, server.Addr(), planFor(t, letters, 0, 0), Options{Rejects: w})
	if exit.CodeOf(err) != exit.Partial || outcome.Appended != 2 || outcome.Rejected != 1 {
		t.Fatalf("%s, %v", outcome, err)
	}
	if len(receipts) != 3 || receipts[1].Result == "" {
		t.Errorf("receipts %+v", receipts)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	other := imaptest.StartServer(t, imaptest.Options{})
	other.Account("joe").AddMailbox("INBOX")
	outcome, _, err = carryOut(t, other.Addr(), out.Bytes(), Options{})
	if err != nil || outcome.Appended != 1 || len(other.Account("joe").Messages("INBOX")) != 1 {
		t.Errorf("pushing the rejects: %s, %v", outcome, err)
	}
}

func TestSum(t *testing.T) {
	o := Outcome{Sums: receipt.Sums{Listed: 20000, Present: 19970, Appended: 29, Rejected: 1}, Source: "joe@old", Destination: "joe@new", Whole: true}
	if got, want := o.String(), "joe@old -> joe@new: 20,000 listed = 19,970 present + 29 appended + 1 rejected"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
