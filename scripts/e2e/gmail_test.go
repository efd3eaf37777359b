package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

// gmail is an embedded server to which labels were added (X-GM-EXT-1): a line
// to it that tells and takes them.
type gmail struct {
	net.Listener
	mu     sync.Mutex
	labels map[string][]string // by folder/UID
	stores []string            // what was asked of labels
	refuse string              // this label
}

func startGmail(t *testing.T, server *imaptest.Server) *gmail {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gmail{Listener: listener, labels: map[string][]string{}}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go g.serve(client, server.Addr())
		}
	}()
	return g
}

func (g *gmail) account(user string) account { return account{g.Addr().String(), user} }

// gmailTalk is one connection.
type gmailTalk struct {
	*gmail
	client, server net.Conn
	folder         string // that is selected
	asked          bool   // labels are asked for
}

func (g *gmail) serve(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	talk := &gmailTalk{gmail: g, client: client, server: server}
	go talk.answers()
	talk.commands()
}

var (
	announced  = regexp.MustCompile(`\{(\d+)\+?\}\r\n$`)
	selects    = regexp.MustCompile(`^\S+ (?:SELECT|EXAMINE) "?([^"\r]*)"?`)
	labelStore = regexp.MustCompile(`^(\S+) UID STORE (\S+) \+X-GM-LABELS \((.*)\)\r\n$`)
	labelWords = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^ ]+`)
	fetchedUID = regexp.MustCompile(`^\* \d+ FETCH \(.*?UID (\d+)`)
	askedItems = "X-GM-MSGID X-GM-THRID X-GM-LABELS"
)

// relay copies line after line, as change makes them, and literals as they are.
func relay(from io.Reader, to io.Writer, change func(string) string) {
	in := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		literal := announced.FindStringSubmatch(line)
		if _, err := io.WriteString(to, change(line)); err != nil {
			return
		}
		if literal != nil {
			n, _ := strconv.ParseInt(literal[1], 10, 64)
			if _, err := io.CopyN(to, in, n); err != nil {
				return
			}
		}
	}
}

func (t *gmailTalk) commands() {
	relay(t.client, t.server, func(line string) string {
		t.mu.Lock()
		defer t.mu.Unlock()
		if m := selects.FindStringSubmatch(line); m != nil {
			t.folder = m[1]
		}
		if m := labelStore.FindStringSubmatch(line); m != nil {
			io.WriteString(t.client, m[1]+" "+t.store(m[2], m[3])+"\r\n")
			return ""
		}
		t.asked = strings.Contains(line, " "+askedItems)
		return strings.Replace(line, " "+askedItems, "", 1)
	})
}

// store takes labels for messages.
func (t *gmailTalk) store(set, words string) string {
	t.stores = append(t.stores, set+" "+words)
	for _, label := range labelWords.FindAllString(words, -1) {
		if strings.Trim(label, `"`) == t.refuse {
			return "NO [CANNOT] Label name is not allowed: " + t.refuse
		}
	}
	for part := range strings.SplitSeq(set, ",") {
		first, last, _ := strings.Cut(part, ":")
		from, _ := strconv.Atoi(first)
		to := from
		if last != "" {
			to, _ = strconv.Atoi(last)
		}
		for uid := from; uid <= to; uid++ {
			key := fmt.Sprint(t.folder, "/", uid)
			for _, label := range labelWords.FindAllString(words, -1) {
				if !slices.Contains(t.labels[key], label) {
					t.labels[key] = append(t.labels[key], label)
				}
			}
			slices.Sort(t.labels[key])
		}
	}
	return "OK Success"
}

func (t *gmailTalk) answers() {
	defer t.client.Close()
	relay(t.server, t.client, func(line string) string {
		t.mu.Lock()
		defer t.mu.Unlock()
		if strings.Contains(line, "CAPABILITY") {
			return strings.Replace(line, "IMAP4rev1", "IMAP4rev1 X-GM-EXT-1", 1)
		}
		m := fetchedUID.FindStringSubmatch(line)
		if m == nil || !t.asked {
			return line
		}
		labels := strings.Join(t.labels[t.folder+"/"+m[1]], " ")
		return strings.Replace(line, "(", fmt.Sprintf("(X-GM-LABELS (%s) X-GM-MSGID 18000000000000%s X-GM-THRID 17 ", labels, m[1]), 1)
	})
}

// said returns what was asked of labels since it was last called.
func (g *gmail) said() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.stores = nil }()
	return g.stores
}

// at returns the labels of a message.
func (g *gmail) at(folder string, uid int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.labels[fmt.Sprint(folder, "/", uid)], " ")
}

// gmails are two accounts at Gmail: the source's All Mail has labelled mail, a
// message of some MiB among it.
func gmails(t *testing.T) (old, gone *gmail, source, destination *imaptest.Server) {
	source, destination = imaptest.StartServer(t, imaptest.Options{}), imaptest.StartServer(t, imaptest.Options{})
	joe := source.Account("joe")
	large := append(letter("large", ""), []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 90_000))...)
	for i, octets := range [][]byte{letter("one", ""), letter("two", ""), large, letter("four", "")} {
		joe.AddMessage("All Mail", nil, day(i), octets)
	}
	joe.AddMessage("Work", nil, day(1), letter("two", ""))
	destination.Account("joe").AddMailbox("All Mail")
	old, gone = startGmail(t, source), startGmail(t, destination)
	old.labels = map[string][]string{
		"All Mail/1": {`"\\Inbox"`, `"\\Important"`}, "All Mail/2": {`"Work"`, `"Reisen/B&APw-cher"`, `"\\Trash"`}, "All Mail/3": {`"Work"`, `"\\Starred"`}, "Work/1": {`\Inbox`},
	}
	return old, gone, source, destination
}

// gmailFields prints what a stream tells of labels.
const gmailFields = `zstdcat -f | jq -c 'select(.type == "message") | [.folder, .uid, .gmail_labels, .gmail_msgid, .gmail_thrid]'`

// TestGmailLabelsFetched: labels and numbers are in the records, with bodies and
// without, of small messages and large ones; and nothing of it elsewhere.
func TestGmailLabelsFetched(t *testing.T) {
	t.Parallel()
	old, _, source, _ := gmails(t)
	b := newBench(t).with("SRC", old.account("joe").options()).with("PLAIN", embedded(source, "joe").options())
	want := `["All Mail",1,["\\Important","\\Inbox"],"180000000000001","17"]
["All Mail",2,["Reisen/Bücher","Work","\\Trash"],"180000000000002","17"]
["All Mail",3,["Work","\\Starred"],"180000000000003","17"]
["All Mail",4,[],"180000000000004","17"]
["Work",1,["\\Inbox"],"180000000000001","17"]
`
	for _, script := range []string{`imap-fetch $SRC`, `imap-fetch --headers $SRC`, `imap-fetch --max-size 10MB --search-here $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $SRC`, `imap-fetch --headers $SRC | imap-fetch --select - $PLAIN`,
		`imap-fetch $SRC -o all.zst && imap-fetch --source all.zst`} {
		if got := b.sh(script + ` | ` + gmailFields).wants(0).stdout; got != want {
			t.Errorf("%s:\n%s", script, got)
		}
	}
	for _, script := range []string{`imap-fetch $PLAIN`, `imap-fetch --disable-cap X-GM-EXT-1 $SRC`} {
		if got := b.sh(script + ` | zstdcat | grep -c gmail`).stdout; got != "0\n" {
			t.Errorf("%s: %s records", script, got)
		}
	}
	b.sh(`imap-fetch $SRC -o again.zst && cmp all.zst again.zst`).wants(0)
}

// TestGmailLabelsPushed: All Mail alone, with its labels, and a plan that maps a
// folder. Labels of one's own folder and those that move a message away stay
// behind; the same plan again adds none that is not there.
func TestGmailLabelsPushed(t *testing.T) {
	t.Parallel()
	old, there, _, destination := gmails(t)
	b := between(t, old.account("joe"), there.account("joe"))
	b.env["PLAIN"] = embedded(destination, "joe").options()
	b.sh(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST -o plan.zst`).wants(0)
	b.sh(`imap-push --gmail-labels --dry-run $DST plan.zst`).wants(0)
	b.sh(`imap-push --gmail-labels $DST plan.zst`).wants(0).appended(4)
	check := func() {
		t.Helper()
		for uid, want := range []string{1: `\Important \Inbox`, 2: `"Reisen/B&APw-cher" "Work"`, 3: `"Work" \Starred`, 4: ""} {
			if got := there.at("All Mail", uid); uid > 0 && got != want {
				t.Errorf("UID %d has %s, want %s", uid, got, want)
			}
		}
	}
	check()
	if said := there.said(); len(said) > 6 {
		t.Errorf("%d commands for four messages: %q", len(said), said)
	}
	there.labels = map[string][]string{} // as if it had been killed before
	b.sh(`imap-push --gmail-labels $DST plan.zst`).wants(0).appended(0)
	check()
	there.said()

	b.sh(`imap-fetch $SRC | imap-diff --map Work=Old/Work --map 'All Mail=-' $DST | imap-push $DST`).wants(0).appended(1)
	if said := there.said(); said != nil {
		t.Errorf("labels without --gmail-labels: %q", said)
	}
	b.sh(`imap-fetch $SRC | imap-diff --map Work=Later --map 'All Mail=Everything' $DST | imap-push --gmail-labels $DST`).wants(0).appended(5)
	if got := there.at("Everything", 3) + there.at("Later", 1); got != `"Later" \Starred\Inbox` {
		t.Errorf("labels %s", got)
	}
}

// TestGmailLabelsRefused: a label that is refused costs itself; a destination
// without labels, and a source without, cost a warning.
func TestGmailLabelsRefused(t *testing.T) {
	t.Parallel()
	old, there, source, destination := gmails(t)
	b := between(t, old.account("joe"), there.account("joe"))
	b.env["PLAIN"], b.env["BARE"] = embedded(destination, "joe").options(), embedded(source, "joe").options()
	there.refuse = "Work"
	refused := func(script string) string {
		t.Helper()
		o := b.sh(script).wants(3)
		b.write("receipts", []byte(o.stdout))
		return b.sh(`jq -r 'select(.reason == "labels") | "\(.result) \(.target) \(.text)"' receipts`).stdout
	}
	got := refused(`imap-fetch --folder 'All Mail' $SRC | imap-diff $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `rejected All Mail label "Work" of UID 2`) || !strings.Contains(got, "not allowed") {
		t.Errorf("receipts: %s", got)
	}
	if got := there.at("All Mail", 2) + there.at("All Mail", 3); got != `"Reisen/B&APw-cher"\Starred` {
		t.Errorf("labels %s", got)
	}
	b.sh(`imap-fetch --folder Work $SRC | imap-diff $PLAIN | imap-push --gmail-labels $PLAIN`).wants(0).appended(1).says("the destination has no labels (X-GM-EXT-1)")
	b.sh(`imap-fetch --folder Work $BARE | imap-diff --map Work=Bare $DST | imap-push --gmail-labels $DST`).wants(0).appended(1).says("the plan has no labels")
	// What a plan says of labels is as hostile as the rest of it.
	got = refused(`imap-fetch --level none --folder Work $SRC | jq -c 'if .type == "message" then .gmail_labels = ["a\r\nX LOGOUT", "⟦%zz⟧", "", "\u0000"] else . end' | imap-diff --edited --map Work=Odd $DST | imap-push --gmail-labels $DST`)
	if !strings.Contains(got, `label "⟦%zz⟧" of UID 1`) {
		t.Errorf("receipts: %s", got)
	}
}
