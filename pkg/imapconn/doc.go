// Package imapconn is the room for the protocol: it connects to an IMAP server
// and gives mailboxes and messages, whatever the server's habits.
//
// What must be fast, or must survive answers that a strict parser dies of, is
// spoken here by hand: the hello (greeting, STARTTLS, login, ID), NAMESPACE,
// LIST, STATUS, quota, access control lists, SELECT, SEARCH, FETCH and APPEND.
// The rest of the catalogue (CREATE, SUBSCRIBE, NOOP) is go-imap's imapclient's,
// on the same connection: see wire.go for how the two share it.
//
// Everything that comes from a server is taken as hostile: every line, literal
// and list has a bound, and a bad datum costs one message or one folder.
// VIOLATIONS.md has what servers were seen to do.
package imapconn
