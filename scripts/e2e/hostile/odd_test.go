package hostile

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/scripts/e2e/harness"
)

var oddFlag = flag.String("odd", "", "play only the files of the catalogue of odd servers whose name holds this")

// oddFolder is the catalogue of odd servers: its README.md describes the files.
const oddFolder = harness.Root + "/pkg/imaptest/odd"

// TestOddServers plays the catalogue of odd servers: each file says what a
// server does, and what the four commands must make of it. A plain run takes
// a third of it.
func TestOddServers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(oddFolder + "/*" + *oddFlag + "*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	if *oddFlag == "" {
		files = harness.SomeOf(t, len(files)/3, files)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", harness.Binaries+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("IMAP_PASSWORD", "secret")
			env.Setenv("LC_ALL", "C")
			env.Setenv("TMPDIR", os.TempDir())
			env.Values["odd"] = &oddCase{t: env.T().(testing.TB), scripts: map[string]*imaptest.Script{}, servers: map[string]*imaptest.Server{}, known: map[[32]byte]knownMessage{}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"odd": oddStart, "good": oddGood, "run": oddRun, "holds": oddHolds, "said": oddSaid, "mailbox": oddMailbox,
		},
	})
}

// oddCase is one file of the catalogue while it is played.
type oddCase struct {
	t       testing.TB
	scripts map[string]*imaptest.Script
	started []*imaptest.Script // in order: of several messages of one name, the first counts
	servers map[string]*imaptest.Server
	known   map[[32]byte]knownMessage // by sha256
}

type knownMessage struct {
	folder, name string
	flags        []string
	date         string
}

func caseOf(ts *testscript.TestScript) *oddCase { return ts.Value("odd").(*oddCase) }

// known remembers a message, for holds.
func (o *oddCase) learn(folder string, m *imaptest.ScriptMessage) {
	sum := sha256.Sum256([]byte(m.Octets))
	if _, ok := o.known[sum]; !ok {
		o.known[sum] = knownMessage{folder, strconv.FormatUint(m.UID, 10), m.Flags, m.Date}
	}
}

// oddStart: odd NAME FILE starts the server of a file; $NAME are its options.
func oddStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: odd NAME FILE")
	}
	o := caseOf(ts)
	script, err := imaptest.ParseScript(ts.ReadFile(args[1]))
	ts.Check(err)
	for _, folder := range script.Store.Names() {
		for _, m := range script.Store.Messages(folder) {
			o.learn(folder, &m)
		}
	}
	script.Start(o.t)
	o.scripts[args[0]], o.started = script, append(o.started, script)
	ts.Setenv(args[0], harness.Account{Addr: script.Addr(), User: "joe"}.Options())
}

// oddGood: good NAME [FOLDER:UID,UID...]... starts a server without oddities
// that holds these messages; FOLDER: makes an empty folder.
func oddGood(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: good NAME [FOLDER:UID,UID...]...")
	}
	o := caseOf(ts)
	server := imaptest.StartServer(o.t, imaptest.Options{})
	joe := server.Account("joe")
	for _, arg := range args[1:] {
		at := strings.LastIndexByte(arg, ':')
		folder, uids := arg[:max(at, 0)], arg[at+1:]
		joe.AddMailbox(folder)
		for text := range strings.SplitSeq(uids, ",") {
			if text == "" {
				continue
			}
			uid, err := strconv.ParseUint(text, 10, 64)
			ts.Check(err)
			m := o.message(folder, uid)
			date, err := time.Parse(imaptest.InternalDateLayout, m.Date)
			ts.Check(err)
			joe.AddMessage(folder, m.Flags, date, []byte(m.Octets))
		}
	}
	o.servers[args[0]] = server
	ts.Setenv(args[0], harness.Embedded(server, "joe").Options())
}

// message is the one that an odd server has at that place, or would have.
func (o *oddCase) message(folder string, uid uint64) *imaptest.ScriptMessage {
	for _, script := range o.started {
		for _, m := range script.Store.Messages(folder) {
			if m.UID == uid {
				return &m
			}
		}
	}
	m := imaptest.OddMessage(folder, uid, 0)
	o.learn(folder, m)
	return m
}

// oddRun: run CODE SCRIPT runs a shell script without pipefail and demands its
// exit code: one, or several that are joined by "|".
func oddRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: run CODE SCRIPT")
	}
	err := ts.Exec("timeout", "60", "sh", "-c", args[1])
	code := 0
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		code = exited.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], "|"), strconv.Itoa(code)) {
		ts.Fatalf("exit %d, want %s: %s", code, args[0], args[1])
	}
}

// oddHolds: holds NAME 'FOLDER: UID UID' ... demands that the server holds just
// these messages, in this order. A UID may be followed by [flags], and by @ for
// the date that the message has at its odd server.
func oddHolds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: holds NAME ['FOLDER: UID[flags]@ ...']...")
	}
	o := caseOf(ts)
	held := o.held(ts, args[0])
	for _, arg := range args[1:] {
		folder, rest, ok := strings.Cut(arg, ":")
		if !ok {
			ts.Fatalf("%q: FOLDER: UID UID ...", arg)
		}
		want := oddTokens.FindAllString(rest, -1)
		got := held[folder]
		delete(held, folder)
		if len(got) != len(want) {
			ts.Fatalf("%s: %s holds %v, want %v", args[0], folder, got, want)
		}
		for i, m := range got {
			if !m.fits(folder, want[i]) {
				ts.Fatalf("%s: %s holds %v, want %v", args[0], folder, got, want)
			}
		}
	}
	for folder, list := range held {
		if len(list) > 0 {
			ts.Fatalf("%s: %s holds %v, which nobody wants", args[0], folder, list)
		}
	}
}

var (
	oddTokens = regexp.MustCompile(`[^\s\[@]+(?:\[[^\]]*\])?@?`)
	oddToken  = regexp.MustCompile(`^([^\s\[@]+)(?:\[([^\]]*)\])?(@?)$`)
)

// heldMessage is a message that was found.
type heldMessage struct {
	knownMessage
	flagsNow []string
	dated    bool // as it was
}

func (m heldMessage) String() string {
	text := m.name + "[" + strings.Join(m.flagsNow, " ") + "]"
	if m.dated {
		text += "@"
	}
	return text
}

func (m heldMessage) fits(folder, token string) bool {
	t := oddToken.FindStringSubmatch(token)
	if t == nil {
		return false
	}
	name := m.name
	if m.folder != folder && strings.Contains(t[1], ":") {
		name = m.folder + ":" + name
	}
	if name != t[1] {
		return false
	}
	if strings.Contains(token, "[") && !slices.Equal(sorted(strings.Fields(t[2])), sorted(m.flagsNow)) {
		return false
	}
	return t[3] == "" || m.dated
}

// held lists what a server holds, by folder.
func (o *oddCase) held(ts *testscript.TestScript, name string) map[string][]heldMessage {
	held := map[string][]heldMessage{}
	add := func(folder, octets string, flags []string, date time.Time) {
		k, ok := o.known[sha256.Sum256([]byte(octets))]
		if !ok {
			k.name = fmt.Sprintf("unknown(%d octets)", len(octets))
		}
		was, err := time.Parse(imaptest.InternalDateLayout, k.date)
		held[folder] = append(held[folder], heldMessage{k, flags, err == nil && was.Equal(date)})
	}
	if script := o.scripts[name]; script != nil {
		for _, folder := range script.Store.Names() {
			for _, m := range script.Store.Messages(folder) {
				date, _ := time.Parse(imaptest.InternalDateLayout, m.Date)
				add(folder, m.Octets, m.Flags, date)
			}
		}
		return held
	}
	server := o.servers[name]
	if server == nil {
		ts.Fatalf("no server %s", name)
	}
	entries, err := imaptest.DumpOctets(server.Addr(), "joe", "secret")
	ts.Check(err)
	for _, e := range entries {
		add(e.Folder, string(e.Octets), e.Flags, e.InternalDate)
	}
	return held
}

// oddSaid: said NAME RE demands that a command to the odd server, without its
// tag, matches; with ! that none does.
func oddSaid(ts *testscript.TestScript, neg bool, args []string) {
	script := (*imaptest.Script)(nil)
	if len(args) == 2 {
		script = caseOf(ts).scripts[args[0]]
	}
	if script == nil {
		ts.Fatalf("usage: said NAME RE, of an odd server")
	}
	re, err := regexp.Compile("(?i)" + args[1])
	ts.Check(err)
	i := slices.IndexFunc(script.Commands(""), re.MatchString)
	switch {
	case neg && i >= 0:
		ts.Fatalf("%s was asked %q", args[0], script.Commands("")[i])
	case !neg && i < 0:
		ts.Fatalf("%s was not asked %s but\n%s", args[0], args[1], strings.Join(script.Commands(""), "\n"))
	}
}

// oddMailbox: mailbox NAME add FOLDER:UID | expunge FOLDER:UID | create FOLDER
// changes what a server holds, as another client would.
func oddMailbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mailbox NAME add|expunge FOLDER:UID, create FOLDER")
	}
	o := caseOf(ts)
	folder, text, _ := strings.Cut(args[2], ":")
	uid, _ := strconv.ParseUint(text, 10, 64)
	script, server := o.scripts[args[0]], o.servers[args[0]]
	switch {
	case script != nil && args[1] == "create":
		script.Store.Folder(args[2])
	case script != nil && args[1] == "add":
		script.Store.Add(folder, o.message(folder, uid))
	case server != nil && args[1] == "add":
		m := o.message(folder, uid)
		date, err := time.Parse(imaptest.InternalDateLayout, m.Date)
		ts.Check(err)
		server.Account("joe").AddMessage(folder, m.Flags, date, []byte(m.Octets))
	case server != nil && args[1] == "expunge":
		server.Account("joe").Expunge(folder, uid)
	default:
		ts.Fatalf("%s cannot do that", args[0])
	}
}
