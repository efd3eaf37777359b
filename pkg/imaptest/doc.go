// Package imaptest is the test rig: servers to speak to, an oracle that reads
// what they hold, mail to fill them with, and lines that break on demand.
//
// Nothing here shares code with the packages under test. The oracle and the
// loader speak IMAP over a plain socket with a reader of their own, so that a
// mistake in the product cannot hide itself.
//
//	NewServer, StartServer       an embedded server that keeps octets exactly
//	StartDovecot, StartCyrus     real servers, each in a folder of its own
//	Populate                     fills an account
//	Dump, DumpOctets, Diff       the oracle
//	Ugly, Generate, Sample       mail
//	NewFaultProxy, NewDelayProxy lines that cut, stall, lose answers, take time
//
// Only tests and scripts import this package.
package imaptest
