// Package account says which mailbox account a stream, a receipt or a
// connection is about: user, host and port.
package account

import (
	"fmt"
	"strconv"
	"strings"
)

// Account is a user at a server. Two of them are one account when they are
// equal (==), if both were made by Of.
type Account struct {
	User string `json:"user"`
	Host string `json:"host"`           // in lower case
	Port int    `json:"port,omitempty"` // 0: 993 or 143, the standard ports, which are one server
}

// Of returns the account of a user at a host. Hosts that differ in case alone
// are one, and so are the ports 993, 143 and 0.
func Of(user, host string, port int) Account {
	return Account{User: user, Host: strings.ToLower(host), Port: Port(port)}
}

// Port returns what streams and receipts say of a port: 0 for a standard one.
func Port(port int) int {
	if port == 993 || port == 143 {
		return 0
	}
	return port
}

// Clean returns the account as Of would have made it, for one that was read.
func (a Account) Clean() Account { return Of(a.User, a.Host, a.Port) }

// Server returns the host, with its port where that is not a standard one.
func (a Account) Server() string {
	if a.Port == 0 {
		return a.Host
	}
	host := a.Host
	if strings.Contains(host, ":") { // an IPv6 address
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(a.Port)
}

// String returns USER@HOST, with the port where that is not a standard one.
func (a Account) String() string { return a.User + "@" + a.Server() }

// Words returns "USER at HOST" for messages. Both are quoted where they hold
// more than printable ASCII.
func (a Account) Words() string { return fmt.Sprintf("%s at %s", plain(a.User), plain(a.Server())) }

func plain(s string) string {
	if quoted := strconv.QuoteToASCII(s); quoted != `"`+s+`"` || s == "" {
		return quoted
	}
	return s
}
