// Package imapconn is the room for the protocol: it connects to an IMAP server
// and gives mailboxes and messages, whatever the server's habits.
//
// Every command is written and every response is parsed in this package:
// ARCHITECTURE.md says why go-imap's client is not used. Its data types are.
//
// Everything that comes from a server is taken as hostile: every line, literal
// and list has a bound, and a bad datum costs one message or one folder.
// VIOLATIONS.md has what servers were seen to do.
package imapconn
