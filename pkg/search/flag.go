package search

import "strings"

// flag is SEEN and the like, KEYWORD, and their opposites.
type flag struct {
	name string // as messages have it: \Seen, $Forwarded
	set  bool
}

// systemFlags are the flags that have keys of their own (RFC 3501 6.4.4).
var systemFlags = map[string]string{"ANSWERED": `\Answered`, "DELETED": `\Deleted`, "DRAFT": `\Draft`,
	"FLAGGED": `\Flagged`, "SEEN": `\Seen`}

func (k flag) print(p *printer) {
	if !k.set {
		p.text("UN")
	}
	if name, ok := strings.CutPrefix(k.name, `\`); ok {
		p.text(strings.ToUpper(name))
	} else {
		p.text("KEYWORD " + k.name)
	}
}

func (k flag) needs(n *Needs)       { n.Flags = true }
func (k flag) bounds(server) bounds { return exactly(k) }

func (k flag) match(f *facts) verdict {
	if f.m.FlagsUnknown {
		return unknown
	}
	for _, name := range f.m.Flags {
		if strings.EqualFold(name, k.name) {
			return known(k.set)
		}
	}
	return known(!k.set)
}
