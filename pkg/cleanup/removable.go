package cleanup

import (
	"slices"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// RemovableFolders returns those of the folders that may go, the deepest first. What is
// above one that stays, or that has one of the names, has to stay.
func RemovableFolders(dest diff.Destination, may func(*diff.Target) bool,
	names map[string]bool) (removals []*stream.DeleteFolder) {
	delimiter := dest.Namespace().Delimiter
	stays := map[string]bool{}
	stay := func(name string) {
		stays[name] = true
		for _, parent := range folder.Parents(name, delimiter) {
			stays[parent] = true
		}
	}
	for name := range names {
		stay(name)
	}
	var candidates []*diff.Target
	for _, t := range dest.Folders() {
		if may(t) && !stays[t.Name] {
			candidates = append(candidates, t)
		} else {
			stay(t.Name)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *diff.Target) int {
		return strings.Count(b.Name, delimiter) - strings.Count(a.Name, delimiter)
	})
	for _, t := range candidates {
		if !stays[t.Name] {
			removals = append(removals, &stream.DeleteFolder{Target: t.Name, TargetUIDValidity: t.UIDValidity,
				TargetUIDNext: t.UIDNext, Messages: t.Messages})
		}
	}
	return removals
}
