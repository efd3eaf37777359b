// Package folder knows the names of IMAP mailboxes: how they are spelt on the
// wire, how a hierarchy is told by prefix and delimiter, which names a user
// chose, and what a name becomes on another server. It touches no network.
//
// A name here is UTF-8 text, as FromWire makes it from what a server sent. A
// server's own spelling (the wire form) is an octet string; whoever talks to
// that server keeps it beside the name.
package folder
