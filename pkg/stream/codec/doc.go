// Package codec reads and writes records as JSON, by tables of their fields. The rows of
// a table drive decoding, encoding, the order of fields and the tables of FORMAT.md. It
// knows no type of record.
package codec
