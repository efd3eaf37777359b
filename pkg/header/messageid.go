package header

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// madeUpDomain is the right side of the Message-IDs that MakeMessageID makes.
// Nobody has such a domain (RFC 2606 2).
const madeUpDomain = "added.imap-pipe.invalid"

// MakeMessageID makes a Message-ID (RFC 5322 3.6.4) for a message that has
// none, of where it is: the same at every call, and another for every message
// of every folder of every account.
func MakeMessageID(user, host, folder string, uidValidity, uid uint64) string {
	place := sha256.Sum256([]byte(user + "\x00" + host + "\x00" + folder))
	return fmt.Sprintf("<%d.%d.%x@%s>", uid, uidValidity, place[:8], madeUpDomain)
}

// IsMadeUp tells a value that MakeMessageID made, white space around it or not.
// Such a Message-ID says nothing that the message had said.
func IsMadeUp(value []byte) bool {
	if !bytes.Contains(value, []byte(madeUpDomain)) { // few do
		return false
	}
	value, closed := bytes.CutSuffix(bytes.Trim(value, " \t\r\n"), []byte("@"+madeUpDomain+">"))
	value, opened := bytes.CutPrefix(value, []byte("<"))
	if !closed || !opened {
		return false
	}
	parts := bytes.Split(value, []byte("."))
	if len(parts) != 3 || len(parts[0]) == 0 || len(parts[1]) == 0 ||
		!isNumber(string(parts[0])) || !isNumber(string(parts[1])) {
		return false
	}
	place, err := hex.DecodeString(string(parts[2]))
	return err == nil && len(place) == 8
}
