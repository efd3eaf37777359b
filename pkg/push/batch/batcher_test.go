package batch

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeptWhileThePlanWaits: a connection is kept once a minute, however long
// the plan keeps us waiting.
func TestKeptWhileThePlanWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBatcher(nil, InPlan, 0)
		kept := 0
		go func() {
			time.Sleep(10*time.Minute + time.Second)
			b.ready <- &Item{Err: io.EOF}
		}()
		if w := b.Next(func() { kept++ }, nil); w.Err != io.EOF || kept != 10 {
			t.Errorf("%v, kept %d times", w.Err, kept)
		}
	})
}
