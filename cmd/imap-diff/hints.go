package main

import (
	"github.com/imap-pipe/imap-pipe/pkg/cleanup"
	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
	"github.com/imap-pipe/imap-pipe/pkg/report"
)

var hints = []cli.Hint{
	{Cause: plan.ErrPrunePart, Text: "--prune-folders wants the whole account"},
	{Cause: plan.ErrDeleteForPart, Text: "--delete-extra=all wants the whole account, --delete-extra whole folders"},
	{Cause: cleanup.ErrOneAccount,
		Text: "name the other account; what imap-push has carried over goes by --move RECEIPTS"},
	{Cause: cleanup.ErrHeadersOnly, Text: "leave --headers out"},
	{Cause: report.ErrNoOctets, Text: "export it with bodies, or with imap-fetch --hash"},
	{Cause: diff.ErrNoBodies, Text: "export it with this --key"},
}
