package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadersAgree changes plain vectors at random and asks both readers. What
// one takes the other takes, with the same messages; the kind of damage may
// depend on which check comes first.
func TestReadersAgree(t *testing.T) {
	for _, tool := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, THE SECOND READER WAS NOT TRIED: %s is not installed", tool)
		}
	}
	var seeds [][]byte
	for _, name := range vectorNames(t) {
		if f, octets := loadVector(t, name); f["encoding"] == "" && len(octets) > 0 {
			seeds = append(seeds, octets)
		}
	}
	n := 600
	if testing.Short() {
		n = 100
	}
	random := rand.New(rand.NewPCG(mutationSeed, 0))
	dir, args := t.TempDir(), []string{secondReader, "--vectors"}
	want, octets := map[string]string{}, map[string][]byte{}
	for i := range n {
		data := mutate(random, seeds[random.IntN(len(seeds))])
		edited, head := i%2 == 0, ""
		if edited {
			head = "edited: yes\n"
		}
		name := fmt.Sprint(i)
		got, _ := readVector(data, edited)
		want[name], octets[name] = got.String(), data
		if err := os.WriteFile(filepath.Join(dir, name), append([]byte("comment: mutated\n"+head+"\n"), data...), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	out, err := exec.Command("python3", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	taken := 0
	for line := range strings.Lines(string(out)) {
		name, told, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasPrefix(told, "ok") {
			taken++
		}
		if told != want[name] && (strings.HasPrefix(told, "ok") || strings.HasPrefix(want[name], "ok")) {
			t.Errorf("%s: Python %s\nGo     %s\n%q", name, told, want[name], octets[name])
		}
	}
	t.Logf("%d of %d mutated streams were taken", taken, n)
}

const mutationSeed = 1

// snippets are what a mutation puts somewhere.
var snippets = []string{`,"type":"expunged"`, `"uid":2,`, `,"body":""`, `,"body_base64":"eA=="`, `"spec":1,`, `"a":[{}],`, ` `, "\t", "\r", "\n", `\u0000`, `\ud800`, `\/`, `{`, `}`, `[`, `]`, `,`, `:`, `"`, `\`, `0`, `-`, `.5`, `e1`, `null`, `true`, "\x7f", "\x00", "\xff", "é", `"sha256":"",`, `"parts":0,`, `"edited":true,`}

func mutate(random *rand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	for range 1 + random.IntN(2) {
		lines := bytes.SplitAfter(data, lineFeed)
		i, j := random.IntN(len(lines)), random.IntN(len(lines))
		at := random.IntN(len(data) + 1)
		switch random.IntN(6) {
		case 0:
			lines[i], lines[j] = lines[j], lines[i]
			data = bytes.Join(lines, nil)
		case 1:
			lines[i] = nil
			data = bytes.Join(lines, nil)
		case 2:
			lines[i] = append(bytes.Clone(lines[i]), lines[i]...)
			data = bytes.Join(lines, nil)
		case 3, 4:
			data = append(data[:at:at], append([]byte(snippets[random.IntN(len(snippets))]), data[at:]...)...)
		case 5:
			end := min(len(data), at+random.IntN(8))
			data = append(data[:at:at], data[end:]...)
		}
		if len(data) == 0 {
			return data
		}
	}
	return data
}
