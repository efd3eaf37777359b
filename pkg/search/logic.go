package search

// The keys that join others. A criterion is at most maxDepth of them deep.

type (
	all         struct{}
	conjunction []key
	disjunction struct{ a, b key }
	negation    struct{ key }
)

var nothing = negation{all{}}

func (all) needs(*Needs)          {}
func (all) bounds(server) bounds  { return exactly(all{}) }
func (all) match(*facts) verdict  { return yes }
func (all) print(p *printer)      { p.text("ALL") }
func (n negation) needs(s *Needs) { n.key.needs(s) }
func (n negation) print(p *printer) {
	p.text("NOT ")
	p.operand(n.key)
}

func (n negation) bounds(s server) bounds {
	b := n.key.bounds(s)
	return bounds{low: not(b.high), high: not(b.low), exact: b.exact}
}

func (n negation) match(f *facts) verdict {
	switch n.key.match(f) {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func (d disjunction) needs(n *Needs) {
	d.a.needs(n)
	d.b.needs(n)
}

func (d disjunction) print(p *printer) {
	p.text("OR ")
	p.operand(d.a)
	p.text(" ")
	p.operand(d.b)
}

func (d disjunction) bounds(s server) bounds {
	a, b := d.a.bounds(s), d.b.bounds(s)
	return bounds{low: or(a.low, b.low), high: or(a.high, b.high), exact: a.exact && b.exact}
}

func (d disjunction) match(f *facts) verdict { return max(d.a.match(f), d.b.match(f)) }

func (c conjunction) needs(n *Needs) {
	for _, k := range c {
		k.needs(n)
	}
}

func (c conjunction) print(p *printer) { p.conjunction(c) }

func (c conjunction) bounds(s server) bounds {
	var low, high []key
	exact := true
	for _, k := range c {
		b := k.bounds(s)
		low, high, exact = append(low, b.low), append(high, b.high), exact && b.exact
	}
	return bounds{low: and(low...), high: and(high...), exact: exact}
}

func (c conjunction) match(f *facts) verdict {
	v := yes
	for _, k := range c {
		if v = min(v, k.match(f)); v == no {
			break
		}
	}
	return v
}

// and, or and not join keys, and leave out what makes no difference.

func and(keys ...key) key {
	c := criteria(keys...)
	for _, k := range c.keys {
		if k == key(nothing) {
			return nothing
		}
	}
	switch len(c.keys) {
	case 0:
		return all{}
	case 1:
		return c.keys[0]
	}
	return conjunction(c.keys)
}

func or(a, b key) key {
	switch {
	case isAll(a) || isNothing(b):
		return a
	case isAll(b) || isNothing(a):
		return b
	}
	return disjunction{a, b}
}

func not(k key) key {
	if n, ok := k.(negation); ok {
		return n.key
	}
	return negation{k}
}

func isAll(k key) bool {
	_, ok := k.(all)
	return ok
}

func isNothing(k key) bool {
	n, ok := k.(negation)
	return ok && isAll(n.key)
}
