package files

import (
	"context"
	"io/fs"
	"os"
	"sync"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// files are the inputs and outputs of a run so far. They go with its context,
// so that no command can forget to have them compared: OpenInput and NewOutput
// refuse a file that is read and written, or written twice, by whatever name.
type files struct {
	mu      sync.Mutex
	inputs  []*Input
	outputs []*Output
}

type filesKey struct{}

// KeepApart returns a context in which files are kept apart.
func KeepApart(ctx context.Context) context.Context {
	return context.WithValue(ctx, filesKey{}, &files{})
}

// filesOf returns what keepApart began, or something that nobody sees.
func filesOf(ctx context.Context) *files {
	if f, ok := ctx.Value(filesKey{}).(*files); ok {
		return f
	}
	return &files{}
}

func (f *files) addInput(in *Input) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inputs = append(f.inputs, in)
	for _, out := range f.outputs {
		if out.writes(in.info) {
			return readAndWritten(in)
		}
	}
	return nil
}

func (f *files) addOutput(out *Output) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.inputs {
		if out.writes(in.info) {
			return readAndWritten(in)
		}
	}
	for _, other := range f.outputs {
		if info := other.info(); info != nil && out.writes(info) {
			return exit.Errorf(exit.Usage, "%s and %s are the same file, for two outputs", other.name, out.name).
				WithHint("write to another file")
		}
	}
	f.outputs = append(f.outputs, out)
	return nil
}

func readAndWritten(in *Input) error {
	return exit.Errorf(exit.Usage, "%s is both input and output", in.name).WithHint("write to another file")
}

// writes reports whether o writes to the file that info describes, or puts
// another in its place. What is no regular file may be read and written.
func (o *Output) writes(info fs.FileInfo) bool {
	if !info.Mode().IsRegular() {
		return false
	}
	if written := o.info(); written != nil && os.SameFile(written, info) {
		return true
	}
	partial, err := os.Stat(o.partial())
	return o.whole && err == nil && os.SameFile(partial, info)
}
