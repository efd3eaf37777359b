// Package imapconn is the room for the protocol: it connects to an IMAP server
// and gives mailboxes and messages, whatever the server's habits.
//
// The conversation of little volume is done by go-imap's imapclient. What must
// be fast, or must survive servers that imapclient dies of, is spoken here by
// hand on the same connection: the hello (greeting, STARTTLS, login), LIST,
// STATUS, SELECT, FETCH and APPEND. See wire.go for how one connection serves
// both, and VIOLATIONS.md for what servers were seen to do.
//
// Everything that comes from a server is taken as hostile: every line, literal
// and list has a bound, and a bad datum costs one message or one folder.
package imapconn
