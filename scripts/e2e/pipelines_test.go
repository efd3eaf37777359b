package e2e

import "fmt"

// by is the straight-through pipeline with options for imap-diff.
func by(options string) string {
	return `imap-fetch --headers $SRC | imap-diff ` + options + ` $DST | imap-fetch --select - $SRC | imap-push $DST`
}

// script is the straight-through pipeline with its four accounts spelt.
func script(accounts []string) string {
	return fmt.Sprintf(`imap-fetch --headers $%s | imap-diff $%s | imap-fetch --select - $%s | imap-push $%s`, accounts[0], accounts[1], accounts[2], accounts[3])
}

const deleteAll = ` --allow delete --max-delete 100% `
