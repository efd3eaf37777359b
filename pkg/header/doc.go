// Package header reads the header of a message as it really comes: its fields
// (RFC 5322 2.2), the encoded words in them (RFC 2047), and its dates. It takes
// what programs have written for forty years, and never fails. It touches no
// network.
package header
