// Package search is about which messages are chosen: the criteria of IMAP's
// SEARCH (RFC 9051 6.4.4, RFC 3501 6.4.4) and a few that IMAP has no word for.
// It touches no network.
//
// Parse, Since, MaxAge and the like make Criteria, And joins them. There are two
// ways to evaluate them:
//
//	program, residue := criteria.Server()   // ask the server: UID SEARCH program
//	ok, err := residue.Match(message)       // and check what it found
//
//	ok, err := criteria.Match(message)      // there is no server, or it cannot search
//
// Needs tells what Match will want to know of a message.
//
// # Who decides what
//
// A server decides flags, UIDs, words and dates of sending: what it finds by
// these is taken, and where servers differ, so do their answers. It is asked for
// more than is wanted, and the residue decides, so that the answer is one
// everywhere, about the rest:
//
//   - Arrival (INTERNALDATE). BEFORE, ON and SINCE compare days; a server takes
//     them in a zone of its own. Here the day is the one that the message's own
//     INTERNALDATE names. Ages are compared to the second.
//   - Size. RFC822.SIZE counts, except that a message of which the server says
//     0 has the size of its octets.
//   - Criteria that would make the command longer than servers take, and words
//     beyond ASCII where the server does not know UTF-8 (ServerASCII).
//
// NOT and OR over any of these are checked as a whole, words and all. No server
// is asked for ON and SENTON, which some get wrong, but for the range of that
// one day.
//
// # How words match
//
// As RFC 9051 has it, a word matches anywhere in a text, without regard to case.
// Encoded words of header fields, transfer encodings and charsets are decoded
// before. Both sides are compared in their compatibility decomposition, so that
// it does not matter how an accent was typed. In header fields, which are
// unfolded, white space of any length is one blank. Of a field's value the
// first MiB counts.
//
// BODY looks at the bodies of parts of the types text and message, up to 50 deep.
// TEXT looks at them and at all header fields, those of parts and of enclosed
// messages too. Parts whose charset is not known are compared octet by octet.
// FROM, TO, CC, BCC and SUBJECT look at the fields of these names as they are
// written, not at parsed addresses. An empty word asks that the field is there.
//
// SENTBEFORE, SENTON and SENTSINCE take the first Date field and compare the
// day that is written there, without regard to its zone. A message without a
// readable date matches none of them, and so it matches NOT SENTBEFORE. The same
// holds for arrival where the server gives no date.
package search
