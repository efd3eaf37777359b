package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// print shows the medians, and how they compare with the floors.
func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tmedian\tfrom\tto\tratio\t")
	for _, m := range slices.Concat(b.floors, b.runs) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", m.name, seconds(m.median()), seconds(slices.Min(m.took)),
			seconds(slices.Max(m.took)), m.ratio())
	}
	w.Flush()
}

func (m *measure) median() time.Duration {
	sorted := slices.Sorted(slices.Values(m.took))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (m *measure) ratio() string {
	if m.floor == nil {
		return ""
	}
	return fmt.Sprintf("%.2f of %s", m.median().Seconds()/m.floor.median().Seconds(), m.floor.name)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
