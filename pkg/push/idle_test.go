package push

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
		a := newAssembler(nil, true, false)
		kept := 0
		go func() {
			time.Sleep(10*time.Minute + time.Second)
			a.ready <- &work{err: io.EOF}
		}()
		if w := a.next(func() { kept++ }, nil); w.err != io.EOF || kept != 10 {
			t.Errorf("%v, kept %d times", w.err, kept)
		}
	})
}
