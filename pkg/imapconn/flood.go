package imapconn

import "fmt"

// maxFound bounds the messages of a mailbox that are believed.
const maxFound = 1 << 24

// moreFound is how many messages above twice EXISTS a server may show: they come
// while it is asked, and EXISTS may be behind.
var moreFound = 1 << 18

// mostFound is how many messages a server may name in answer to one command.
func (c *conn) mostFound() int {
	if c.exists > maxFound/2 {
		return maxFound
	}
	return min(2*int(c.exists)+moreFound, maxFound)
}

// tooMany is the error of an answer that names n messages, if these are too many.
func (c *conn) tooMany(n int) error {
	if most := c.mostFound(); n > most {
		return &limitError{fmt.Sprintf("more than %d messages of one folder", most)}
	}
	return nil
}
