package compare

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

// servers runs a test with an empty account at each kind of server; a plain run
// takes one of them.
func servers(t *testing.T, test func(t *testing.T, src harness.Account)) {
	for name, start := range harness.Some(t, 1, map[string]func(t *testing.T) harness.Account{
		"embedded": func(t *testing.T) harness.Account {
			return harness.Embedded(imaptest.StartServer(t, imaptest.Options{}), "joe")
		},
		"dovecot": func(t *testing.T) harness.Account {
			return harness.Real(imaptest.StartDovecot(t, imaptest.DovecotOptions{}), "joe")
		},
		"cyrus": func(t *testing.T) harness.Account {
			return harness.Real(imaptest.StartCyrus(t, imaptest.CyrusOptions{}), "joe")
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// chosen runs imap-fetch with some options and returns its stream.
func chosen(b *harness.Shell, options string) harness.Rows {
	b.T.Helper()
	b.Sh(`imap-fetch --level none ` + options + ` >chosen`).Wants(0)
	return b.Rows("chosen")
}

// TestMaxAge: age 0 takes nothing old, and a minute counts by arrival.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, src harness.Account) {
		now := time.Now()
		var messages []imaptest.Message
		for i, age := range []time.Duration{48 * time.Hour, time.Hour, 10 * time.Minute, 5 * time.Second} {
			messages = append(messages, imaptest.Message{Octets: harness.Letter(fmt.Sprint(i), "Hi\n"), InternalDate: now.Add(-age)}) // all sent in 2012
		}
		src.One(t, messages...)
		b := harness.NewShell(t).With("SRC", src.Options())
		for _, here := range []string{"", "--client-search "} {
			for age, want := range map[string][]string{"0": {}, "5m": {"INBOX/4"}, "30m": {"INBOX/3", "INBOX/4"}, "0.5": {"INBOX/2", "INBOX/3", "INBOX/4"}, "1w": {"INBOX/1", "INBOX/2", "INBOX/3", "INBOX/4"}} {
				got := chosen(b, here+`--max-age `+age+` $SRC`)
				harness.SameIDs(t, here+age, got.Of("message").Ids(), want)
				if e := got.End(t); e.Excluded != int64(4-len(want)) {
					t.Errorf("%s: %d left out", age, e.Excluded)
				}
			}
		}
		if o := b.Sh(`imap-fetch --max-age 30m $SRC | imap-diff --report $DST -`); o.Exit == 0 {
			t.Error("no destination, and no error")
		}
	})
}

// TestAgeWindowEnds: both ends of a window count, and an empty one is refused.
func TestAgeWindowEnds(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, src harness.Account) {
		now := time.Now()
		const day = 24 * time.Hour
		var messages []imaptest.Message
		for i, age := range []time.Duration{10001 * day, 10000*day - 12*time.Hour, 9998 * day, day} {
			messages = append(messages, imaptest.Message{Octets: harness.Letter(fmt.Sprint(i), "Hi\n"), InternalDate: now.Add(-age)})
		}
		src.One(t, messages...)
		proxy := imaptest.NewFaultProxy(t, src.Addr)
		b := harness.NewShell(t).With("SRC", src.By(proxy.Addr()).Options())
		for _, here := range []string{"", "--client-search"} {
			harness.SameIDs(t, "window "+here, chosen(b, `--max-age 10000 --min-age 9999 `+here+` $SRC`).Of("message").Ids(), []string{"INBOX/2"})
			harness.SameIDs(t, "window and key "+here, chosen(b, `--max-age 10000 --min-age 1 --search 'SUBJECT 2' `+here+` $SRC`).Of("message").Ids(), []string{"INBOX/3"})
		}
		proxy.SetRules()
		for _, options := range []string{`--max-age 9999 --min-age 10000`, `--since 2020-01-02 --before 2020-01-02`, `--sent-since 2021-01-01 --sent-before 2020-12-31`, `--min-size 5 --max-size 4`} {
			b.Sh(`imap-fetch ` + options + ` $SRC >out`).Wants(64).Says("OR")
		}
		if n := proxy.Connections(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

// searched asks a server itself, over a plain socket.
func searched(a harness.Account, t testing.TB, criteria string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", a.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	var uids []int
	say := func(tag, command string) {
		fmt.Fprintf(conn, "%s %s\r\n", tag, command)
		for {
			line, err := r.ReadString('\n')
			switch {
			case err != nil:
				t.Fatalf("%s: %v", command, err)
			case strings.HasPrefix(line, "+"):
				return
			case strings.HasPrefix(line, tag+" OK"):
				return
			case strings.HasPrefix(line, tag+" "):
				t.Fatalf("%s: %s", command, line)
			case strings.HasPrefix(line, "* SEARCH"):
				for _, word := range strings.Fields(line)[2:] {
					uid, _ := strconv.Atoi(word)
					uids = append(uids, uid)
				}
			}
		}
	}
	say("a", "LOGIN "+a.User+" secret")
	say("b", "EXAMINE INBOX")
	say("c", "UID SEARCH "+criteria)
	slices.Sort(uids)
	ids := []string{}
	for _, uid := range uids {
		ids = append(ids, fmt.Sprint("INBOX/", uid))
	}
	return ids
}

// case33 is mail that differs in all that can be searched for.
func case33() (messages []imaptest.Message) {
	people := []string{"Ann <ann@example.net>", "Joe <joe@example.org>", "=?utf-8?q?J=C3=BCrgen?= <juergen@example.de>", "list@lists.example.com"}
	for i := range 36 {
		octets := fmt.Appendf(nil, "Message-ID: <%d@case33>\r\nDate: %s\r\nFrom: %s\r\nTo: %s\r\nCc: %s\r\nSubject: %s number %d\r\nX-Kind: kind%d\r\n\r\nThis is %s.\r\n%s",
			i, harness.Day(i*40).Format(time.RFC1123Z), people[i%4], people[i/2%4], people[i/3%4], []string{"budget", "holiday", "=?utf-8?q?Gr=C3=BC=C3=9Fe?="}[i%3], i, i%5, []string{"an invoice", "a letter", "nothing much"}[i%3], strings.Repeat("More of it.\r\n", i*i))
		var flags []string
		for n, f := range []string{`\Seen`, `\Flagged`, "NonJunk", `\Answered`, `\Deleted`} {
			if i%(n+2) == 0 {
				flags = append(flags, f)
			}
		}
		messages = append(messages, imaptest.Message{Octets: octets, Flags: flags, InternalDate: harness.Day(i * 33)})
	}
	return messages
}

// TestSearch: the same messages as the server's own SEARCH, whether it is
// asked, is not, or is an archive.
func TestSearch(t *testing.T) {
	t.Parallel()
	servers(t, func(t *testing.T, src harness.Account) {
		src.One(t, case33()...)
		b := harness.NewShell(t).With("SRC", src.Options())
		b.Sh(`imap-fetch $SRC -o all.zst`).Wants(0)
		cyrus := strings.Contains(t.Name(), "cyrus")
		for _, criteria := range harness.SomeOf(t, 12, []string{
			"ALL", "OR FROM ann (OR TO ann (CC ann))", "NOT SUBJECT budget", "UNSEEN SENTSINCE 1-Jan-2017", "KEYWORD NonJunk", "UNKEYWORD NonJunk FLAGGED", "UID 3:9,20,30:*", "UID 4711:*", "NOT UID 1:30",
			"SEEN", "UNSEEN", "ANSWERED DELETED", "OR SEEN FLAGGED", "NOT (SEEN FLAGGED)", "SINCE 1-Jan-2016", "BEFORE 1-Jan-2016", "SINCE 1-Jan-2016 BEFORE 1-Jan-2017", "ON 4-Jul-2015",
			"SENTBEFORE 1-Jan-2016", "SENTON 10-Jul-2015", "LARGER 2000", "SMALLER 700", "SUBJECT holiday LARGER 1000", `SUBJECT "number 2"`, `HEADER X-Kind kind3`, `HEADER X-Nothing ""`, `HEADER X-Kind ""`,
			`FROM example.org`, `BODY invoice`, `NOT BODY invoice SEEN`, `TEXT kind1`, `SEEN SEEN UNSEEN`,
		}) {
			want := searched(src, t, criteria)
			for how, options := range map[string]string{"the server": `$SRC`, "we": `--client-search $SRC`, "an archive": `--source all.zst`} {
				if cyrus && how != "the server" && strings.Contains(criteria, `"number 2"`) {
					continue // Cyrus leaves blanks out of words: see pkg/search
				}
				got := chosen(b, `--headers --search '`+criteria+`' `+options)
				harness.SameIDs(t, criteria+", "+how, got.Of("message").Ids(), want)
				if e := got.End(t); e.Excluded != int64(36-len(want)) {
					t.Errorf("%s, %s: %d left out, want %d", criteria, how, e.Excluded, 36-len(want))
				}
			}
		}
		for _, words := range []string{"FROM jürgen", `SUBJECT "grüße"`, "FROM JÜRGEN SUBJECT GRÜßE"} { // no server was asked by hand for these
			var want []string
			for i := range 36 {
				if (i%4 == 2 || !strings.HasPrefix(words, "FROM")) && (i%3 == 2 || !strings.Contains(words, "SUBJECT")) {
					want = append(want, fmt.Sprint("INBOX/", i+1))
				}
			}
			for how, options := range map[string]string{"the server": `$SRC`, "we": `--client-search $SRC`, "an archive": `--source all.zst`} {
				if strings.Contains(t.Name(), "embedded") && how == "the server" {
					continue // it decodes no words
				}
				harness.SameIDs(t, words+", "+how, chosen(b, `--headers --search '`+words+`' `+options).Of("message").Ids(), want)
			}
		}
		t.Run("all options narrow each other", func(t *testing.T) {
			b := b.ForTest(t)
			got := chosen(b, `--search 'SEEN' --search 'NOT SUBJECT holiday' --since 2015-07-01 --before 2018-01-01 --sent-since 2015-07-01 --sent-before 2018-01-01 --min-size 300 --max-size 5000 --uid 3:25 --min-age 1 --exclude-raw 'kind[12]' $SRC`)
			filters := got.Of("begin")[0].Filters
			if len(filters) != 11 || !slices.Contains(filters, "search=SEEN") || !slices.Contains(filters, "search=SINCE 1-Jul-2015") || !slices.Contains(filters, "exclude-raw=kind[12]") {
				t.Errorf("%q", filters)
			}
			var want, skipped []string
			for _, e := range src.DumpOctets(t) {
				i := int(e.UID) - 1
				sent := harness.Day(i * 40)
				if i%2 == 0 && i%3 != 1 && e.UID >= 3 && e.UID <= 25 && e.Size >= 300 && e.Size <= 5000 && i > 0 && sent.Year() < 2018 && harness.Day(i*33).Year() < 2018 {
					if i%5 == 1 || i%5 == 2 {
						skipped = append(skipped, fmt.Sprint("INBOX/", e.UID))
					} else {
						want = append(want, fmt.Sprint("INBOX/", e.UID))
					}
				}
			}
			harness.SameIDs(t, "all options", got.Of("message").Ids(), want)
			harness.SameIDs(t, "skipped", got.Of("skipped").Ids(), skipped)
			if len(want) == 0 || len(skipped) == 0 {
				t.Error("it shows nothing")
			}
		})
	})
}

// TestMisspeltSearchKey: an error before any connection, that names the key
// that was meant.
func TestMisspeltSearchKey(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	proxy := imaptest.NewFaultProxy(t, server.Addr())
	b := harness.NewShell(t).With("AT", harness.Account{Addr: proxy.Addr(), User: "joe"}.Options())
	b.Write("x.zst", nil)
	for script, says := range map[string]string{
		`imap-fetch --search 'SENTAFTER 1-Jan-2020' $AT`:     "SENTSINCE",
		`imap-fetch --search 'SEEN SUBJEKT x' $AT`:           "SUBJECT",
		`imap-fetch --search 'NEW' $AT`:                      "UNSEEN",
		`imap-fetch --search '' $AT`:                         "empty",
		`imap-fetch --search 'OR SEEN' $AT`:                  "OR",
		`imap-fetch --since yesterday $AT`:                   "2026-01-31",
		`imap-fetch --max-age -1 $AT`:                        "age",
		`imap-fetch --uid 0 $AT`:                             "UID",
		`imap-fetch --exclude-raw '(' $AT`:                   "--exclude-raw: regular expression",
		`imap-fetch --min-size many $AT`:                     "--min-size",
		`imap-fetch --search SEEN --select x.zst $AT`:        "--select",
		`imap-fetch --max-age 1 --select x.zst $AT`:          "--select",
		`imap-fetch --source x.zst $AT`:                      "--source",
		`imap-fetch --source x.zst --key ALL`:                "--key",
		`imap-fetch --source - --select - <x.zst`:            "stdin",
		`imap-list --verify --source x.zst --folder INBOX`:   "--folder",
		`imap-list --source x.zst $AT`:                       "--source",
		`imap-fetch --source x.zst --search 'SENTAFTER x'`:   "SENTSINCE",
		`imap-fetch --source x.zst --headers --select x.zst`: "x.zst",
	} {
		t.Run(script, func(t *testing.T) {
			b := b.ForTest(t)
			if o := b.Sh(script + ` >out`).Says(says); o.Exit != 64 && o.Exit != 66 {
				t.Errorf("%s", o)
			}
		})
	}
	if n := proxy.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestServerWithBrokenSearch: a server whose SEARCH fails or miscounts.
func TestServerWithBrokenSearch(t *testing.T) {
	t.Parallel()
	for name, search := range map[string]func(found []uint32) ([]uint32, error){
		"refuses": func([]uint32) ([]uint32, error) {
			return nil, &imap.Error{Type: imap.StatusResponseTypeNo, Text: "not\x1b[31m today"}
		},
		"finds nothing":  func([]uint32) ([]uint32, error) { return nil, nil },
		"forgets one":    func(found []uint32) ([]uint32, error) { return slices.Delete(found, len(found)/2, len(found)/2+1), nil },
		"finds too much": func(found []uint32) ([]uint32, error) { return append(found, 4711, 99), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := imaptest.StartServer(t, imaptest.Options{OnSearch: func(_, _ string, found []uint32) ([]uint32, error) {
				if len(found) == 0 {
					return nil, nil
				}
				return search(found)
			}})
			account := server.Account("src")
			account.Fill(harness.Mail(80))
			for i, m := range case33() {
				m.Flags = append(m.Flags, fmt.Sprint("k", i%2))
				account.AddMessage("INBOX", m.Flags, m.InternalDate, m.Octets)
			}
			src, dst := harness.Embedded(server, "src"), harness.Embedded(imaptest.StartServer(t, imaptest.Options{LiteralPlus: true}), "dst")
			b := harness.Between(t, src, dst)
			b.Sh(harness.Offline).Wants(0)
			harness.Equal(t, src, dst)
			var want []string
			for _, e := range account.Messages("INBOX") {
				if slices.Contains(e.Flags, "k1") {
					want = append(want, fmt.Sprint("INBOX/", e.UID))
				}
			}
			o := b.Sh(`imap-fetch --search 'KEYWORD k1' --level none $SRC >chosen`).Wants(0)
			got := b.Rows("chosen")
			harness.SameIDs(t, "chosen", got.Of("message").Ids(), want)
			if e := got.End(t); e.Excluded+e.Emitted != int64(len(account.Entries())) {
				t.Errorf("%d left out of %d", e.Excluded, len(account.Entries()))
			}
			if n := strings.Count(o.Stderr, "SEARCH"); n != 1 && name != "finds too much" {
				t.Errorf("warned %d times: %s", n, o)
			}
			if strings.Contains(o.Stderr, "\x1b") {
				t.Errorf("%q", o.Stderr)
			}
		})
	}
}

// TestMessageSizes: the size that an option names is in, and a size of 0 is none.
func TestMessageSizes(t *testing.T) {
	t.Parallel()
	sizes := []int{400, 999, 1000, 1001, 5000, 5 << 20}
	messages := func() (all []imaptest.Message) {
		for i, size := range sizes {
			octets := harness.Letter(fmt.Sprint(i), "")
			octets = append(octets, bytes.Repeat([]byte("x"), size-len(octets)-2)...)
			all = append(all, imaptest.Message{Octets: append(octets, "\r\n"...), InternalDate: harness.Day(i)})
		}
		return all
	}
	check := func(t *testing.T, src harness.Account) {
		b := harness.NewShell(t).With("SRC", src.Options())
		b.Sh(`imap-fetch $SRC -o all.zst`).Wants(0)
		for options, want := range map[string][]string{
			"--max-size 1000":                 {"INBOX/1", "INBOX/2", "INBOX/3"},
			"--min-size 1000":                 {"INBOX/3", "INBOX/4", "INBOX/5", "INBOX/6"},
			"--min-size 1000 --max-size 1000": {"INBOX/3"},
			"--search 'SMALLER 1000'":         {"INBOX/1", "INBOX/2"},
			"--search 'LARGER 1000'":          {"INBOX/4", "INBOX/5", "INBOX/6"},
			"--min-size 5242881":              {},
			"--min-size 5242880":              {"INBOX/6"},
			"--max-size 0":                    {},
		} {
			for _, from := range harness.SomeOf(t, 1, []string{"$SRC", "--client-search $SRC", "--source all.zst"}) {
				for _, content := range []string{"", "--headers"} {
					got := chosen(b, options+" "+content+" "+from)
					harness.SameIDs(t, options+", "+content+from, got.Of("message").Ids(), want)
					for _, m := range got.Of("message") {
						if real := int64(sizes[m.UID-1]); m.Size != real && content == "" {
							t.Errorf("UID %d: size %d, want %d", m.UID, m.Size, real)
						}
					}
				}
			}
		}
	}
	servers(t, func(t *testing.T, src harness.Account) {
		src.One(t, messages()...)
		check(t, src)
	})
	t.Run("sizes of 0", func(t *testing.T) {
		t.Parallel()
		server := imaptest.StartServer(t, imaptest.Options{SizeOf: func(int) int64 { return 0 }})
		for _, m := range messages() {
			server.Account("joe").AddMessage("INBOX", nil, m.InternalDate, m.Octets)
		}
		check(t, harness.Embedded(server, "joe"))
	})
}

// TestExcludeRaw: only what matches is skipped; each is named, in the stream
// and by a receipt.
func TestExcludeRaw(t *testing.T) {
	t.Parallel()
	plain, eight := harness.Letter("plain", "Hello\n"), []byte("Message-ID: <eight@x>\r\nSubject: Gr\xfc\xdfe\r\n\r\nHello\r\n")
	partial := []byte("Message-ID: <partial@x>\r\nContent-Type: message/partial; id=x; number=1\r\n\r\nHello\r\n")
	bodyOnly := []byte("Message-ID: <body@x>\r\nSubject: ok\r\n\r\ncaf\xe9 in the body\r\n")
	large := append(harness.Letter("large", ""), bytes.Repeat([]byte("a line of a large message\r\n"), 60000)...)
	late := append(slices.Clone(large), "X-Virus at its end\r\n"...)
	other := []byte("Message-ID: <other@x>\r\nFrom: Ann <ann@example.net>\r\nSubject: not from joe\r\n\r\nHello\r\n")
	server := imaptest.StartServer(t, imaptest.Options{LiteralPlus: true})
	for i, octets := range [][]byte{plain, eight, partial, bodyOnly, large, late, other} {
		server.Account("src").AddMessage("INBOX", nil, harness.Day(i), octets)
	}
	src := harness.Embedded(server, "src")
	b := harness.NewShell(t).With("SRC", src.Options())
	b.Sh(`imap-fetch $SRC -o all.zst`).Wants(0)
	all := []string{"INBOX/1", "INBOX/2", "INBOX/3", "INBOX/4", "INBOX/5", "INBOX/6", "INBOX/7"}
	n := 0
	for options, skipped := range map[string][]string{
		`--exclude-raw '\A(?:[^\r\n]+\r?\n)*[^\r\n]*[^\x00-\x7F]'`:                       {"INBOX/2"},
		`--exclude-raw '(?im)^Content-Type:\s*message/partial'`:                          {"INBOX/3"},
		`--exclude-raw 'X-Virus'`:                                                        {"INBOX/6"},
		`--exclude-raw 'X-Virus' --exclude-raw 'message/partial'`:                        {"INBOX/3", "INBOX/6"},
		`--exclude-raw '(?im)^From: Joe'`:                                                {"INBOX/1", "INBOX/5", "INBOX/6"},
		`--exclude-raw 'Hello' --search 'NOT FROM ann'`:                                  {"INBOX/1", "INBOX/2", "INBOX/3"},
		`--exclude-raw 'nothing that is anywhere'`:                                       {},
		`--exclude-raw 'large message' --headers`:                                        {"INBOX/5", "INBOX/6"},
		`--exclude-raw 'at its end' --headers --client-search --search 'LARGER 1000000'`: {"INBOX/6"},
	} {
		for _, from := range harness.SomeOf(t, 1, []string{"$SRC", "--source all.zst"}) {
			got := chosen(b, options+" "+from)
			harness.SameIDs(t, options+" "+from, got.Of("skipped").Ids(), skipped)
			left := len(skipped)
			want := []string{}
			for _, id := range all {
				switch {
				case slices.Contains(skipped, id):
				case strings.Contains(options, "NOT FROM ann") && id == "INBOX/7", strings.Contains(options, "LARGER") && id != "INBOX/5":
					left++
				default:
					want = append(want, id)
				}
			}
			harness.SameIDs(t, options+" "+from, got.Of("message").Ids(), want)
			if e := got.End(t); e.Excluded != int64(left) || e.Skipped != int64(len(skipped)) {
				t.Errorf("%s %s: %d left out, %d skipped", options, from, e.Excluded, e.Skipped)
			}
			if strings.Contains(options, "--headers") {
				continue
			}
			if n++; !harness.Long() && n%3 != 1 {
				continue
			}
			dst := harness.Embedded(server, fmt.Sprint("dst-", n))
			o := b.With("DST", dst.Options()).Sh(`imap-fetch ` + options + ` ` + from + ` | imap-diff $DST | imap-push $DST`).Wants(0).Appended(len(want))
			receipts := o.Receipts().Of("skipped")
			ids := []string{}
			for _, r := range receipts {
				ids = append(ids, fmt.Sprint(r.Folder, "/", r.UID))
				if r.Reason != "content" || r.Text == "" {
					t.Errorf("%+v", r)
				}
			}
			harness.SameIDs(t, "receipts of "+options, ids, skipped)
			if got := len(dst.Dump(t)); got != len(want) {
				t.Errorf("%s: %d messages arrived, want %d", options, got, len(want))
			}
		}
	}
}

// TestChoiceContinued: a choice goes on after a cut as if nothing had happened,
// also one that counts from the clock.
func TestChoiceContinued(t *testing.T) {
	t.Parallel()
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("src")
	for i := range 3000 {
		folder := []string{"INBOX", "Sent", "Work"}[i/1000]
		account.AddMessage(folder, []string{`\Seen`}[:i%2], time.Now().Add(-time.Duration(i)*time.Hour), append(harness.Letter(fmt.Sprint(i), "Hi\n"), bytes.Repeat([]byte(fmt.Sprintf("%x\r\n", i*i*7919)), 200+i%300)...))
	}
	now := time.Now()
	for i := range 40 { // each second, one of these is older than 60 days
		account.AddMessage("Zenith", nil, now.AddDate(0, 0, -60).Add(time.Duration(i)*time.Second), harness.Letter(fmt.Sprint("edge-", i), "Hi\n"))
	}
	b := harness.NewShell(t).With("SRC", harness.Embedded(server, "src").Options())
	rnd := harness.Random(t)
	for _, options := range []string{`--search UNSEEN --max-age 60 --exclude-raw 'Subject: [0-9]*7\r'`, `--client-search --search 'SUBJECT 1' --min-age 3 --headers`, `--max-size 3000`} {
		fetch := `imap-fetch --level none ` + options + ` -o mail $SRC`
		b.Sh(fetch).Wants(0)
		whole := b.Read("mail")
		ages := func(octets []byte) []byte { // the clock is in begin, and so in the hash
			begin, rest, _ := bytes.Cut(octets, []byte("\n"))
			rest = rest[:bytes.LastIndex(rest, []byte(`"hash"`))]
			return append(begin[:0:0], rest...)
		}
		for range harness.Rounds(2, 20) {
			at := rnd.IntN(len(whole))
			b.Sh(`rm mail`).Wants(0)
			b.Write("mail.partial", whole[:at])
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond))) // another second
			b.Sh(fetch).Wants(0)
			if got := b.Read("mail"); !bytes.Equal(ages(got), ages(whole)) || bytes.Contains(whole[:at], []byte("\n{")) && bytes.Contains(whole[:at], []byte(`"message"`)) && !bytes.Equal(got, whole) {
				t.Errorf("%s: from %d octets comes another file", options, at)
			}
		}
		b.Sh(`rm mail`)
		b.Write("mail.partial", whole[:len(whole)/2])
		b.Sh(`imap-fetch --level none --search SEEN -o mail $SRC`).Wants(73).Says("--restart")
		b.Sh(`rm mail.partial`)
	}
}
