// Package environ is about the passwords that may stand in the environment.
package environ

import (
	"os"
	"slices"
	"strings"
)

// The variables that hold passwords.
const (
	Password      = "IMAP_PASSWORD"
	ProxyPassword = "IMAP_PROXY_PASSWORD"
)

// OfChildren returns the environment of the commands that a user has us start, as
// in --pipe. They have no use for our passwords, and what they start and log is
// not under our control.
func OfChildren() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == Password || name == ProxyPassword
	})
}
