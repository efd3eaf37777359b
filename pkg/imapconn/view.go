package imapconn

import "fmt"

// view is what a connection has heard of the mailbox that is selected on it.
type view struct {
	selected *Selected // nil: none, or one of which nothing is kept
	exists   uint32    // messages in it
	entered  bool      // a mailbox was opened, whatever is selected now
	expunges int       // messages that were expunged
	gone     int       // messages that were asked for and taken for expunged
}

// unknownExists stands for a number of messages that the server did not tell.
const unknownExists = 1<<32 - 1

// enter is for a mailbox that is about to be opened.
func (v *view) enter() { *v = view{exists: unknownExists, entered: true} }

// leave is for a mailbox that is about to be opened, of which nothing is kept.
func (v *view) leave() { v.entered, v.selected = true, nil }

// expunged notes an EXPUNGE.
func (v *view) expunged() {
	if v.exists != unknownExists {
		v.exists -= min(v.exists, 1)
	}
	v.expunges++
}

// maxFound bounds the messages of a mailbox that are believed.
const maxFound = 1 << 24

// moreFound is how many messages above twice EXISTS a server may show: they come
// while it is asked, and EXISTS may be behind.
var moreFound = 1 << 18

// mostFound is how many messages a server may name in answer to one command.
func (v *view) mostFound() int {
	if v.exists > maxFound/2 {
		return maxFound
	}
	return min(2*int(v.exists)+moreFound, maxFound)
}

// tooMany is the error of an answer that names n messages, if these are too many.
func (v *view) tooMany(n int) error {
	if most := v.mostFound(); n > most {
		return &limitError{fmt.Sprintf("more than %d messages of one folder", most)}
	}
	return nil
}
