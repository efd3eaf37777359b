// Package headerkey computes the identity of a message from its header: a key
// that is the same on two servers even where one of them rewrote what it was
// given. It touches no network.
//
// # The key
//
// The header ends at the first empty line. Lines end at LF; CRs before it are
// dropped. A line that begins with a blank or a tab continues the field before
// it. A line without a colon, or with a name that is empty or holds blanks,
// controls or 8-bit octets, is skipped with its continuations; blanks between
// name and colon are allowed. Names are compared without regard to case.
//
// A value is unfolded, every run of white space (SP, TAB, CR, VT, FF) becomes
// one blank, and those at its ends go. Letters of ASCII become capitals: some
// servers spell what they are given in another case. NUL and octets from 0x80
// become "X", and a run of "X" (literal ones too) one: Cyrus masks such octets
// so, and others do otherwise. An empty value counts as absent. So does a
// Message-ID without a digit and a letter other than X ("<>"), and one that
// imap-push added to a message without any (header.MakeMessageID): it is still
// that message. Of a field that RFC 5322 3.6 allows once, only the first
// occurrence counts; of any other all do, in order. Of a value the first 64 KiB
// count, CRs left out. Of all values of one field together the first 256 KiB
// count, each value with its name and two octets.
//
// The key is the name of the highest rung that the message reaches, a colon,
// and the first 128 bits of a SHA-256 in lower-case hexadecimal:
//
//	recipe  the fields of the recipe, in its order: for each value lower-case
//	        name, ":", value, LF. A message reaches it with a Message-ID, where
//	        the recipe names that, else with all fields of the recipe
//	origin  likewise the fields of the recipe, then of Date, From, To and Subject
//	        those that it does not name, when one of all these is there
//	header  all fields: the SHA-256 of name, ":", value, LF of each, sorted
//	body    there is no field: the octets of the message as Digest takes them
//
// The word message-id-local of a recipe takes, of Message-ID, what stands before
// the last "@", or without one before a ">" at the end; its
// line begins with "message-id-local:".
//
// A recipe ALL hashes as the rung "header" does, without what it leaves out.
package headerkey
