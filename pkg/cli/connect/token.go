package connect

import (
	"context"
	"strings"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/lazyregexp"
)

// tokenCap is the longest token, in octets. Those of large organisations, with
// their groups in them, are known to exceed 8 KiB.
const tokenCap = 64 << 10

// bearerToken is what may stand behind "Bearer" (RFC 6750 2.1).
var bearerToken = lazyregexp.New(`^[A-Za-z0-9._~+/-]+=*$`)

// tokenSource runs command at each connect.
func tokenSource(command string, who secretOf) (passwordFunc, error) {
	if strings.TrimSpace(command) == "" {
		return nil, exit.Errorf(exit.Usage, "--token-command is empty")
	}
	return func(ctx context.Context) (string, error) {
		line, err := lineFromCommand(ctx, "token-command", command, who, tokenCap)
		if err != nil {
			return "", err
		}
		return line, usableToken(line)
	}, nil
}

// usableToken never shows what it refuses.
func usableToken(token string) error {
	err := exit.Errorf(exit.NoInput, "the output of --token-command holds no access token in its first line")
	switch {
	case token == "":
		return err
	case len(token) > tokenCap:
		return exit.Errorf(exit.NoInput, "the output of --token-command holds a token of more than %d octets", tokenCap)
	case strings.HasPrefix(token, "{"):
		return err.WithHint("it is JSON: ... | jq -r .access_token gives the token in it")
	case len(token) > 7 && strings.EqualFold(token[:7], "bearer "):
		return err.WithHint("the token alone, without the word Bearer")
	case !bearerToken.MatchString(token):
		return err
	}
	return nil
}
