package cleanup

import (
	"regexp"

	"github.com/imap-pipe/imap-pipe/pkg/diff"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// EmptyFolders plans to remove the folders of an account that hold no message,
// match, and have nothing below them that stays: what a move leaves behind. INBOX
// stays.
func EmptyFolders(opt diff.Options, account diff.Destination, names *regexp.Regexp, w *stream.Writer) (*Removal,
	error) {
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err == nil {
		err = account.Open(recipe)
	}
	if err != nil {
		return nil, err
	}
	of := account.Account()
	if err := begin(w, &opt, &stream.Begin{Key: recipe.String()}, of, of); err != nil {
		return nil, err
	}
	removals := RemovableFolders(account, func(t *diff.Target) bool {
		return t.Messages == 0 && t.Unreadable == "" && !folder.IsInbox(t.Name) &&
			(names.MatchString(t.Name) || names.MatchString(folder.Plain(t.Name)))
	}, nil)
	for _, r := range removals {
		if err := w.Write(r); err != nil {
			return nil, err
		}
	}
	return &Removal{Folders: len(removals)}, w.End(&stream.End{Plan: true})
}
