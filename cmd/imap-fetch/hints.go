package main

import (
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/extract"
)

var hints = []cli.Hint{
	{Cause: extract.ErrReadOnce, Text: "give --source a FILE"},
	{Cause: extract.ErrOtherKey, Text: "make both with the same --key"},
}
