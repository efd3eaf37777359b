package main

import (
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/extract"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/fetch/base"
	"github.com/imap-pipe/imap-pipe/pkg/search"
)

var hints = []cli.Hint{
	{Cause: base.ErrIsPlan, Text: "give --base what imap-fetch wrote"},
	{Cause: base.ErrOfAnother, Text: "give the base of this account, and --host and --user as they were given then"},
	{Cause: fetch.ErrBaseReplaced, Text: "export without --base"},
	{Cause: fetch.ErrBegunReplaced, Text: "export with --restart"},
	{Cause: search.ErrYounger, Text: "it is an extension (RFC 5032): use the option --max-age"},
	{Cause: search.ErrOlder, Text: "it is an extension (RFC 5032): use the option --min-age"},
	{Cause: extract.ErrReadOnce, Text: "give --source a FILE"},
	{Cause: extract.ErrOtherKey, Text: "make both with the same --key"},
}
