package search

// verdict is what a key says of a message. They are in order, so that the
// verdict on a conjunction is the least, and on a disjunction the greatest.
type verdict int8

const (
	no verdict = iota
	unknown
	yes
)

func known(matches bool) verdict {
	if matches {
		return yes
	}
	return no
}
