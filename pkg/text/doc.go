// Package text is how names, sizes and counts look to people: harmless to a
// terminal, aligned in its columns, with units. Pure.
package text
