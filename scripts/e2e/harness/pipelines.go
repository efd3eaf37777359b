package harness

import "fmt"

// PipelineWith is the straight-through pipeline with options for imap-diff.
func PipelineWith(options string) string {
	return `imap-fetch --headers $SRC | imap-diff ` + options + ` $DST | imap-fetch --select - $SRC | imap-push $DST`
}

// PipelineOver is the straight-through pipeline over the accounts in four variables,
// one for each command.
func PipelineOver(accounts []string) string {
	return fmt.Sprintf(`imap-fetch --headers $%s | imap-diff $%s | imap-fetch --select - $%s | imap-push $%s`,
		accounts[0], accounts[1], accounts[2], accounts[3])
}

// DeleteAll are the options that let imap-push delete whatever a plan names.
const DeleteAll = ` --allow delete --max-delete 100% `
