// Package e2e runs the four binaries as a user does, through a shell and real
// pipes, against real servers, and lets an oracle that shares no code with
// them judge what they left behind.
//
// A plain run takes a sample of what is random; -long, or IMAPPIPE_LONG=1 in
// the environment, takes all of it. A random test logs its seed, and
// IMAPPIPE_SEED repeats it. IMAPPIPE_BIN names a folder of binaries to test in
// place of freshly built ones.
package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var longFlag = flag.Bool("long", false, "all rounds of the random tests, and the largest messages")

// binaries is the folder that holds the four commands and imap-migrate.
var binaries string

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))) // a test waits for its servers and pauses
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	filesInMemory()
	if binaries = os.Getenv("IMAPPIPE_BIN"); binaries == "" {
		dir, err := os.MkdirTemp("", "imap-pipe-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", dir+string(filepath.Separator), "./cmd/...", "./scripts/imap-migrate")
		build.Dir = filepath.Join("..", "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // they start sooner
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the commands:", err)
			return 1
		}
		binaries = dir
	}
	os.Setenv("PATH", withPython(os.Getenv("PATH")))
	return m.Run()
}

// filesInMemory puts the files of all tests into memory where there is much of it: the
// mail servers wait for the disk after each message.
func filesInMemory() {
	const shared, enough = "/dev/shm", 8 << 30
	var free unix.Statfs_t
	if os.Getenv("TMPDIR") == "" && unix.Statfs(shared, &free) == nil && free.Bavail*uint64(free.Bsize) >= enough {
		os.Setenv("TMPDIR", shared)
	}
}

// withPython puts the folder of the Python that is used first: where python3
// is a script that looks for it, each start costs a third of a second.
func withPython(path string) string {
	file, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return path
	}
	return filepath.Dir(string(file)) + string(filepath.ListSeparator) + path
}

// long reports whether everything is to be tried.
func long() bool { return *longFlag || os.Getenv("IMAPPIPE_LONG") == "1" }

// rounds is how often something random is tried.
func rounds(sample, all int) int {
	if long() {
		return all
	}
	return sample
}

// random returns a source of random numbers whose seed is in the log.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("IMAPPIPE_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("IMAPPIPE_SEED: %v", err)
		}
		seed = given
	}
	t.Logf("IMAPPIPE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// some returns n of cases, drawn at random: what is tried with all of them in
// many runs. A long run takes all.
func some[V any](t *testing.T, n int, cases map[string]V) map[string]V {
	taken := map[string]V{}
	for _, name := range someOf(t, n, slices.Sorted(maps.Keys(cases))) {
		taken[name] = cases[name]
	}
	return taken
}

// someOf is some of a list, in its order.
func someOf[V any](t *testing.T, n int, cases []V) []V {
	if long() {
		return cases
	}
	places := random(t).Perm(len(cases))[:min(n, len(cases))]
	slices.Sort(places)
	taken := []V{}
	for _, i := range places {
		taken = append(taken, cases[i])
	}
	return taken
}
