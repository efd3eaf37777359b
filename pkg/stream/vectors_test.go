package stream

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/imap-pipe/imap-pipe/pkg/account"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

const (
	vectorFolder = "testdata/vectors"
	secondReader = "../../scripts/archive/read_stream.py"
)

// reading is what a reader has to say of a vector.
type reading struct {
	expect                               string
	messages, damaged, lost, skipped, at int
	bodies, state                        string
}

// String is how both readers tell it; at is the exit code of the last abort.
func (r reading) String() string {
	if r.expect != "ok" {
		return r.expect
	}
	text := fmt.Sprintf("ok messages=%d bodies=%s damaged=%d lost=%d skipped=%d abort=%d", r.messages, r.bodies, r.damaged, r.lost, r.skipped, r.at)
	if r.state != "" {
		text += " state=" + r.state
	}
	return text
}

// loadVector reads a vector file: its fields, and the octets of the stream.
func loadVector(t *testing.T, name string) (fields map[string]string, octets []byte) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	head, octets, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		t.Fatalf("%s: no empty line", name)
	}
	fields = map[string]string{}
	for _, line := range strings.Split(string(head), "\n") {
		k, v, _ := strings.Cut(line, ": ")
		fields[k] = v
	}
	if fields["encoding"] == "base64" {
		if octets, err = base64.StdEncoding.DecodeString(string(octets)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return fields, octets
}

func wantOf(f map[string]string) reading {
	r := reading{expect: f["expect"], bodies: f["bodies"], state: f["state"]}
	for name, to := range map[string]*int{"messages": &r.messages, "damaged": &r.damaged, "lost": &r.lost, "skipped": &r.skipped, "abort": &r.at} {
		fmt.Sscan(f[name], to)
	}
	return r
}

func vectorNames(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(vectorFolder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), ".") {
			names = append(names, f.Name())
		}
	}
	return names
}

// TestVectorsAreWhatIsGenerated writes the files with -update, else compares.
func TestVectorsAreWhatIsGenerated(t *testing.T) {
	made := map[string][]byte{}
	for _, v := range vectors() {
		if made[v.name] != nil {
			t.Fatalf("two vectors have the name %s", v.name)
		}
		made[v.name] = v.file()
	}
	for _, name := range vectorNames(t) {
		if *update && made[name] == nil {
			os.Remove(filepath.Join(vectorFolder, name))
		} else if made[name] == nil {
			t.Errorf("%s is no longer generated: run with -update", name)
		}
	}
	for name, want := range made {
		path := filepath.Join(vectorFolder, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is generated (%v): run with -update", name, err)
		}
	}
}

func TestVectors(t *testing.T) {
	for _, name := range vectorNames(t) {
		t.Run(name, func(t *testing.T) {
			f, octets := loadVector(t, name)
			got, err := readVector(octets, f["edited"] == "yes")
			if want := wantOf(f); got != want {
				t.Errorf("got  %v\nwant %v\n%v", got, want, err)
			}
			if err != nil && exit.CodeOf(err) != exit.Data {
				t.Errorf("exit code %d: %v", exit.CodeOf(err), err)
			}
			if got.expect == string(Edited) && !errors.Is(err, ErrFiltered) {
				t.Errorf("no cause: %v", err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("an error of %d octets", len(err.Error()))
			}
		})
	}
}

// vectorReader puts messages together and counts.
type vectorReader struct {
	reading
	seen  Seen
	sum   []byte // of all bodies
	begin *Begin
	open  *Message
	parts []byte
	bad   bool

	streams int
	deltas  bool // behind others
}

func readVector(octets []byte, edited bool) (reading, error) {
	in := NewReader(bytes.NewReader(octets), edited)
	defer in.Close()
	in.PassDeltas()
	v := &vectorReader{}
	for {
		rec, err := in.Next()
		if err == nil {
			err = v.take(rec)
		}
		switch {
		case err == io.EOF:
			sum := sha256.Sum256(v.sum)
			v.expect, v.bodies, v.skipped = "ok", hex.EncodeToString(sum[:]), int(in.Skipped())
			if v.deltas {
				v.state, err = readState(octets, edited)
				return v.reading, err
			}
			return v.reading, nil
		case err != nil:
			return reading{expect: string(kindOf(err))}, err
		}
	}
}

func (v *vectorReader) take(rec Record) error {
	if b, ok := rec.(*Body); ok {
		v.part(b)
		return nil
	}
	if v.open != nil {
		v.open = nil
		v.seen.Forget()
	}
	switch r := rec.(type) {
	case *Begin:
		v.begin = r
		v.deltas = v.deltas || r.Base != "" && v.streams > 0
		v.streams++
	case *FolderExpunged:
		v.seen.ForgetFolder(v.begin, r)
	case *Message:
		if r.Change != "" && !r.HasOctets() {
			return nil
		}
		again, err := v.seen.Again(v.begin, r)
		if again || err != nil {
			return err
		}
		if r.Parts > 0 {
			m := *r
			v.open, v.parts, v.bad = &m, nil, false
			return nil
		}
		var body []byte
		if r.HasBody() {
			body, err = r.AppendBody(nil)
		}
		v.message(body, err)
	case *Failed:
		if r.Reason == ReasonIncomplete {
			v.lost++
		}
	case *Abort:
		v.at = r.Exit
	}
	return nil
}

func (v *vectorReader) message(body []byte, err error) {
	if err != nil {
		v.damaged++
		return
	}
	v.messages++
	v.sum = append(v.sum, body...)
}

func (v *vectorReader) part(b *Body) {
	if v.open == nil {
		return
	}
	var err error
	v.parts, err = b.AppendOctets(v.parts)
	v.bad = v.bad || err != nil
	if b.Part < b.Parts {
		return
	}
	if v.bad {
		err = codec.ErrBody
	} else {
		v.open.SHA256 = b.SHA256
		err = v.open.Check(v.parts)
	}
	v.open = nil
	v.message(v.parts, err)
}

// readState tells what an input with deltas is in the end.
func readState(octets []byte, edited bool) (string, error) {
	first := NewReader(bytes.NewReader(octets), edited)
	h, err := Survey(first)
	if err != nil {
		return "", err
	}
	in := NewReader(bytes.NewReader(octets), edited)
	defer in.Close()
	in.Follow(h)
	type message struct {
		account       account.Account
		folder        string
		validity, uid uint64
	}
	flags, since := map[message]string{}, map[message]int{} // the later ones, of which stream
	streams := 0
	var open message
	var openFlags string
	var begin *Begin
	for {
		rec, err := in.Next()
		if err != nil {
			lines := []string{}
			for m, f := range flags {
				lines = append(lines, fmt.Sprintf("%s\t%d\t%d\t%s", m.folder, m.validity, m.uid, f))
			}
			return stateOf(lines), nil
		}
		switch r := rec.(type) {
		case *Begin:
			begin = r
			streams++
		case *Message:
			m, now := message{begin.Account(), r.Folder, r.UIDValidity, r.UID}, strings.Join(r.Flags, " ")
			switch {
			case !r.HasOctets() && r.Change != "" && (since[m] == 0 || since[m] == streams):
			case r.Parts > 0:
				open, openFlags = m, now
			default:
				flags[m], since[m] = now, streams
			}
		case *Body:
			if r.Part == r.Parts {
				flags[open], since[open] = openFlags, streams
			}
		}
	}
}

// TestVectorsAreWrittenSo writes what a canonical vector holds once more, with
// the bodies taken out and put in again, and lets jq write it where there is one.
func TestVectorsAreWrittenSo(t *testing.T) {
	for _, name := range vectorNames(t) {
		f, octets := loadVector(t, name)
		if f["canonical"] != "yes" {
			continue
		}
		plain, release, err := frame.Open(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(plain)
		release()
		if err != nil {
			t.Fatal(err)
		}
		if got := rewrite(t, octets); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d octets, want %d\n%.2000s", name, len(got), len(want), got)
		}
		jq := exec.Command("jq", "-c", ".")
		jq.Stdin = bytes.NewReader(want)
		if got, err := jq.Output(); !errors.Is(err, exec.ErrNotFound) && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%s is not what jq writes (%v)\n%.2000s", name, err, got)
		}
	}
}

func rewrite(t *testing.T, octets []byte) []byte {
	t.Helper()
	in := NewReader(bytes.NewReader(octets), false)
	defer in.Close()
	in.PassDeltas()
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{})
	var parts *Parts
	for rec, err := range in.All() {
		if err != nil {
			t.Fatal(err)
		}
		switch r := rec.(type) {
		case *Message:
			if r.HasBody() {
				body, _ := r.AppendBody(nil)
				r.SetBody(body)
			}
			if err = w.Write(r); r.Parts > 0 {
				m := *r
				parts = w.Parts(&m)
			}
		case *Body:
			piece, _ := r.AppendOctets(nil)
			if _, err = parts.Write(piece); err == nil && r.Part == r.Parts {
				err = parts.Close()
			}
		case *End:
			err = w.End(r)
		case *Abort:
			err = w.Abort(r)
		default:
			err = w.Write(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestVectorsInPython runs a reader that shares nothing with this package.
func TestVectorsInPython(t *testing.T) {
	for _, tool := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, THE SECOND READER WAS NOT TRIED: %s is not installed", tool)
		}
	}
	args := []string{secondReader, "--vectors"}
	for _, name := range vectorNames(t) {
		args = append(args, filepath.Join(vectorFolder, name))
	}
	out, err := exec.Command("python3", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, told, _ := strings.Cut(strings.TrimSpace(line), ": ")
		got[name] = told
	}
	for _, name := range vectorNames(t) {
		f, _ := loadVector(t, name)
		if want := wantOf(f).String(); got[name] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got[name], want)
		}
	}
}
