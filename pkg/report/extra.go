package report

// Extras passes on, of a report, what the source lacks and what could not be
// compared.
type Extras struct{ Printer }

// Subject prints nothing.
func (Extras) Subject(*Subject) error { return nil }

// Difference prints a message that the source lacks.
func (x Extras) Difference(d *Difference) error {
	if d.Kind == KindExtra || d.Kind == KindFailed {
		return x.Printer.Difference(d)
	}
	return nil
}

// Folder prints nothing.
func (Extras) Folder(*Summary) error { return nil }

// Total prints nothing.
func (Extras) Total(*Summary) error { return nil }
