package destination

import (
	"context"
	"slices"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
)

// stagePatience is how long an answer is waited for while other connections hold
// staged messages: a server may keep a folder locked for these.
const stagePatience = 20 * time.Second

// others are the connections that are not the current one. They hold batches that are
// sent but for their end, so that the server has them when their turn comes.
type others struct {
	list    []*Connection
	most    int                    // connections beside the current one
	opening bool                   // another one
	opened  chan *imapconn.Session // nil: it was refused
	end     func()                 // ends the opening
}

// Staged is a batch that is sent, over a connection of its own, but for its end.
type Staged struct {
	connection *Connection
	expected   uint32 // messages in the folder when the batch was sent
}

func (o *others) limit(most int) { o.most, o.opened = max(0, most-1), make(chan *imapconn.Session, 1) }

// CanStage reports whether another connection has nothing to do. It opens one more if
// none has, and all may not be open yet.
func (s *Session) CanStage() bool {
	o := &s.others
	o.arrive()
	o.list = slices.DeleteFunc(o.list, func(c *Connection) bool { return !c.IMAP.Connected() })
	if slices.ContainsFunc(o.list, (*Connection).idle) {
		return true
	}
	if len(o.list) < o.most && !o.opening {
		o.opening = true
		ctx, cancel := context.WithCancel(s.Ctx)
		o.end = cancel
		s.IMAP.Another(ctx, func(another *imapconn.Session, _ error) { o.opened <- another })
	}
	return false
}

// arrive takes in the connection that was opened. Where one is refused, the run makes
// do with what it has.
func (o *others) arrive() {
	select {
	case another := <-o.opened:
		o.opening = false
		o.end()
		if another == nil {
			o.most = len(o.list)
			return
		}
		if len(o.list) >= o.most { // it is not wanted any more
			another.Close()
			return
		}
		o.list = append(o.list, &Connection{IMAP: another})
	default:
	}
}

func (c *Connection) idle() bool { return !c.IMAP.HasStage() }

// Stage sends messages for a folder but for their end, in the background, over a
// connection that has nothing to do. CanStage has said that there is one.
func (s *Session) Stage(f *Folder, ms []imapconn.AppendMessage) Staged {
	c := s.others.list[slices.IndexFunc(s.others.list, (*Connection).idle)]
	var box *imapconn.Selected
	if c.open == f {
		box = c.Box
	}
	c.IMAP.Stage(f.Wire, box, ms)
	return Staged{c, f.Arrivals.expected}
}

// Take makes the connection current that holds staged messages for a folder. It
// returns false if they have to be sent anew.
func (s *Session) Take(staged Staged, f *Folder) bool {
	c := staged.connection
	if !c.IMAP.IsStaged() {
		c.IMAP.Unstage()
		c.open = nil
		return false
	}
	if box := c.IMAP.StagedBox(); box != nil {
		c.Box, c.open, c.expunged = box, f, 0
		if box.UIDValidity != f.Shown || box.Messages == 0 && staged.expected > 0 {
			c.open = nil
		}
	}
	if c.open != f {
		s.Drop(staged, f)
		return false
	}
	at := slices.Index(s.others.list, c)
	s.others.list[at], s.Connection = s.Connection, c
	return true
}

// Drop gives up what was staged for a folder. The server is asked whether it has
// stored nothing before more is sent there.
func (s *Session) Drop(staged Staged, f *Folder) {
	staged.connection.IMAP.Unstage()
	f.Arrivals.Doubt()
}

// Retreat gives up all connections but the current one. They may be opened again.
func (s *Session) Retreat() {
	for _, c := range s.others.list {
		c.IMAP.Close()
	}
	s.others.list = nil
}

// Watch ends the other connections if the function that it returns is not called
// before long: the server may wait for one of them before it answers.
func (s *Session) Watch() (end func()) {
	staged := slices.DeleteFunc(slices.Clone(s.others.list), (*Connection).idle)
	if len(staged) == 0 {
		return func() {}
	}
	gaveUp := make(chan struct{})
	timer := time.AfterFunc(stagePatience, func() {
		defer close(gaveUp)
		for _, c := range staged {
			c.IMAP.InterruptStage()
		}
	})
	return func() {
		if !timer.Stop() {
			<-gaveUp
			s.others.most = 0
			s.Retreat()
		}
	}
}

func (o *others) close() {
	if o.opening {
		o.end()
		if another := <-o.opened; another != nil {
			o.list = append(o.list, &Connection{IMAP: another})
		}
	}
	for _, c := range o.list {
		c.IMAP.Close()
	}
}
