package setflags

import (
	"strings"
)

// storeGroups are messages that get the same flags, by these.
type storeGroups map[string]*storeGroup

type storeGroup struct {
	flags   []string
	uids    []uint64
	changes []int // which changes they are of
}

func (g storeGroups) take(list []string, uid uint64, change int) {
	if len(list) == 0 {
		return
	}
	name := strings.ToLower(strings.Join(list, " "))
	one := g[name]
	if one == nil {
		one = &storeGroup{flags: list}
		g[name] = one
	}
	one.uids, one.changes = append(one.uids, uid), append(one.changes, change)
}
