// Package transform changes messages on their way, and only those that a rule
// is about: it mends what servers refuse, edits the header, lets a command of
// the user's have a go, and chooses another arrival date. Whatever no rule
// names stays as it is, octet by octet.
//
// The order is: mends (fixes), then header fields are deleted, renamed, set and
// added, then the command. What a message was changed by is named, so that it
// can be told afterwards.
//
// Memory is bounded whatever comes: a header may have 1 MiB, and a body streams
// through. It touches no network.
package transform
