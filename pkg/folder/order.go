package folder

import "slices"

// Order brings folders to the front and to the end of a list of names: each of
// first, and of last, with what is below it (INBOX without), in the order asked
// for. It returns the places of names in their new order, and what none of
// names is.
func Order(names []string, delimiter string, first, last []string) (places []int, missing []string) {
	asked := slices.Concat(first, last)
	ranks, met := make([]int, len(names)), make([]bool, len(asked))
	for i, name := range names {
		places = append(places, i)
		longest := -1
		for k, tree := range asked {
			if !isOrBelow(name, tree, delimiter) {
				continue
			}
			met[k] = true
			if len(tree) <= longest {
				continue
			}
			if longest, ranks[i] = len(tree), k-len(first); k >= len(first) {
				ranks[i]++ // what nobody asked for is 0
			}
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return ranks[a] - ranks[b] })
	for k, tree := range asked {
		if !met[k] {
			missing = append(missing, tree)
		}
	}
	return places, missing
}

// isOrBelow reports whether name is the folder asked for, in whatever spelling,
// or below it.
func isOrBelow(name, asked, delimiter string) bool {
	if IsInbox(asked) {
		return IsInbox(name)
	}
	return slices.ContainsFunc(append(Parents(name, delimiter), name), func(n string) bool {
		return slices.Contains(spellings(n, Namespace{}), asked)
	})
}
