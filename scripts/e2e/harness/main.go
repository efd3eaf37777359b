// Package harness is what the end-to-end tests share. They run the commands as a
// user does, through a shell and real pipes, against real servers, and let an
// oracle that shares no code with them judge what is at the destination.
//
// The tests are in packages by topic, below scripts/e2e. Each has
//
//	func TestMain(m *testing.M) { harness.Main(m) }
//
// A plain run takes a sample of what is random; -long, or IMAPPIPE_LONG=1 in
// the environment, takes all of it. A random test logs its seed, and
// IMAPPIPE_SEED repeats it. IMAPPIPE_BIN names a folder of binaries to test in
// place of freshly built ones.
package harness

import (
	"flag"
	"fmt"
	"io"
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

// Root is the repository, as seen from the folder of a test.
const Root = "../../.."

// Binaries is the folder that holds the four commands and imap-migrate.
var Binaries string

// Main runs the tests of a package and ends the process.
func Main(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // a test waits for its servers and pauses
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	filesInMemory()
	dir, release, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the commands:", err)
		return 1
	}
	defer release()
	Binaries = dir
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
	if found, err := exec.LookPath("python3"); err != nil || !isScript(found) {
		return path
	}
	file, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return path
	}
	return filepath.Dir(string(file)) + string(filepath.ListSeparator) + path
}

func isScript(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	start := make([]byte, 2)
	_, err = io.ReadFull(file, start)
	return err == nil && string(start) == "#!"
}

// Long reports whether everything is to be tried.
func Long() bool { return *longFlag || os.Getenv("IMAPPIPE_LONG") == "1" }

// Rounds is how often something random is tried.
func Rounds(sample, all int) int {
	if Long() {
		return all
	}
	return sample
}

// Random returns a source of random numbers whose seed is in the log.
func Random(t *testing.T) *rand.Rand {
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

// Some returns n of cases, drawn at random: what is tried with all of them in
// many runs. A long run takes all.
func Some[V any](t *testing.T, n int, cases map[string]V) map[string]V {
	taken := map[string]V{}
	for _, name := range SomeOf(t, n, slices.Sorted(maps.Keys(cases))) {
		taken[name] = cases[name]
	}
	return taken
}

// SomeOf is Some of a list, in its order.
func SomeOf[V any](t *testing.T, n int, cases []V) []V {
	if Long() {
		return cases
	}
	places := Random(t).Perm(len(cases))[:min(n, len(cases))]
	slices.Sort(places)
	taken := []V{}
	for _, i := range places {
		taken = append(taken, cases[i])
	}
	return taken
}
