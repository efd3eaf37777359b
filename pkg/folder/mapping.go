package folder

import (
	"github.com/imap-pipe/imap-pipe/pkg/exit"
)

// Mapping is where the messages of a source folder go.
type Mapping struct {
	Source, Target string
	Note           string // what was changed beyond prefix and delimiter, or ""
}

// MapAll translates every name, in order. Two sources that land on one target
// (INBOX in any case being one) are an error with the code exit.Usage that
// names them: one folder must not swallow another by accident. A name that is
// given twice counts once.
func MapAll(names []string, translate func(string) (target, note string)) ([]Mapping, error) {
	mappings := make([]Mapping, 0, len(names))
	source := make(map[string]string, len(names)) // by target
	seen := make(map[string]bool, len(names))
	var collisions [][3]string
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		target, note := translate(name)
		if IsInbox(target) {
			target = Inbox
		}
		if other, taken := source[target]; taken {
			collisions = append(collisions, [3]string{other, name, target})
			continue
		}
		source[target] = name
		mappings = append(mappings, Mapping{Source: name, Target: target, Note: note})
	}
	if len(collisions) > 0 {
		return nil, collisionError(collisions)
	}
	return mappings, nil
}

func collisionError(collisions [][3]string) error {
	c := collisions[0]
	err := exit.Errorf(exit.Usage, "folders %q and %q would both become %q", c[0], c[1], c[2])
	if more := len(collisions) - 1; more > 0 {
		err = exit.Errorf(exit.Usage, "folders %q and %q would both become %q (and %d more such pairs)", c[0], c[1], c[2], more)
	}
	return err.WithHint("give one of them another name with --map SRC=DST, or leave it out with --exclude")
}
