package files

import (
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// Stream returns a Reader of the input from its start. Where that is a file, or a pipe
// that was put aside, in which deltas stand behind what they are about, these are
// applied: the stream is what it is in the end. It may be called again once the
// Reader before is closed, if the input is seekable.
func (in *Input) Stream(edited bool) (*stream.Reader, error) {
	if err := in.survey(edited); err != nil {
		return nil, err
	}
	if in.Seekable() {
		if err := in.Rewind(); err != nil {
			return nil, err
		}
	}
	r := stream.NewReader(in, edited)
	if in.history != nil {
		r.Follow(in.history)
	}
	return r, nil
}

// Again returns what opens the stream once more, or nil where that cannot be
// done.
func (in *Input) Again(edited bool) func() (*stream.Reader, error) {
	if !in.Seekable() {
		return nil
	}
	return func() (*stream.Reader, error) { return in.Stream(edited) }
}

// Several reports whether the input holds several streams and can be read again.
func (in *Input) Several(edited bool) (bool, error) {
	err := in.survey(edited)
	return in.several, err
}

// survey learns once what the input is joined of, what its deltas say, and
// whether it is seekable: a pipe that was put aside is.
func (in *Input) survey(edited bool) error {
	if in.surveyed {
		return nil
	}
	in.surveyed = true
	if !in.Seekable() {
		if err := in.keep(); err != nil {
			return err
		}
	}
	if !in.Seekable() {
		return nil
	}
	if err := in.Rewind(); err != nil {
		return err
	}
	joints, err := stream.FindJoints(in)
	in.several = joints.Several
	if err != nil || !joints.Deltas {
		return err
	}
	if err := in.Rewind(); err != nil {
		return err
	}
	r := stream.NewReader(in, edited)
	defer r.Close()
	in.history, err = stream.Survey(r)
	return err
}
