package folder

import "context"

// Rules say what the folders of a source are called at a destination, beyond
// prefix and delimiter, which are translated in any case. For each folder the
// first of these counts that says anything about it:
//
//  1. Entries,
//  2. Automap, the place being below Subfolder,
//  3. its own name, which FromSubfolder, Subfolder and then Renames change.
//
// A target has a canonical wire form (ToWire gives it), unless it is there
// already. Between servers alike a name stays as it is, levels without a name
// included. The folder "INBOX.INBOX" of a server with the prefix "INBOX." may
// not become INBOX: without a prefix it is "INBOX_".
type Rules struct {
	Entries       []Entry // of two for one folder, the first counts
	Automap       bool    // folders of a special use go to those that the destination has
	Subfolder     string  // at the destination: everything goes below it, INBOX too
	FromSubfolder string  // at the source: what is below it goes to the top, all else is left out
	Renames       []Rename
	// DelimiterReplacement replaces the destination's delimiter inside a name;
	// nil: "_", or "-" where "_" is the delimiter.
	DelimiterReplacement *string
	CaseCollision        CaseCollision
}

// Covers reports whether a folder of the destination could be where the rules
// put something that they do not name: with Subfolder, what is below it.
func (r *Rules) Covers(name string, ns Namespace) bool {
	if r.Subfolder == "" {
		return true
	}
	top, levels := Split(decoded(r.Subfolder), ns), plainLevels(name, ns)
	return len(levels) > len(top) && sameLevels(levels[:len(top)], top)
}

// Source is a folder of the source.
type Source struct {
	Name, Delimiter string
	Attributes      []string
	Messages        uint32
	Level           bool // it can hold no messages
}

// Existing is a folder of the destination.
type Existing struct {
	Name       string
	Attributes []string
}

// Destination is what must be known of where folders go.
type Destination struct {
	Namespace Namespace
	Folders   []Existing
	// FoldsCase is asked when it matters whether names that differ in case
	// alone are one folder there. Nil: they never are.
	FoldsCase func() (CaseSense, error)
}

// Way is what decided where a folder goes.
type Way string

// The ways, in their precedence.
const (
	ByMap       Way = "map"
	ByAutomap   Way = "automap"
	BySubfolder Way = "subfolder"
	ByRename    Way = "rename"
	ByName      Way = "name"
)

// Mapping is where the messages of a source folder go.
type Mapping struct {
	Source string
	Target string // "": the folder is left out
	By     Way
	Note   string // what was changed that nobody asked for, or ""

	crowd string // of those with the same, no two may have one target; "": it is meant to
}

// Table is what Rules make of all folders of a source.
type Table struct {
	Mappings []Mapping // of the folders that can hold messages, in their order
	Levels   []Mapping // of those that cannot
	Warnings []string  // safe to print
	Filters  []string  // what was left out, as a stream names it
}

// Map finds where every folder goes. The errors, all of them before anything
// can have been written: fault.NoInput if the source has nothing below
// FromSubfolder; fault.Usage if two folders would become one by accident, which
// the message names; the cause of ctx if that ends.
func (r *Rules) Map(ctx context.Context, sources []Source, prefix string, to Destination) (*Table, error) {
	m, err := r.mapper(ctx, prefix, to)
	if err != nil {
		return nil, err
	}
	if err := m.look(sources); err != nil {
		return nil, err
	}
	for i, s := range sources {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		mapping := m.place(i)
		if s.Level {
			m.table.Levels = append(m.table.Levels, mapping)
		} else {
			m.table.Mappings = append(m.table.Mappings, mapping)
		}
	}
	if err := m.settle(); err != nil {
		return nil, err
	}
	m.tellUnused()
	return &m.table, nil
}
