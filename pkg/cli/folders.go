package cli

import (
	"regexp"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

const choosing = "Folders (all, unless some of these are given; names are UTF-8)"

// FolderFlags are the options that choose folders; Folders reads them.
func FolderFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "folder", Category: choosing, Usage: "`NAME`: this folder; repeatable, as all of these"},
		&ucli.StringSliceFlag{Name: "folder-rec", Category: choosing, Usage: "`NAME`: this folder and all below it"},
		&ucli.StringSliceFlag{Name: "include", Category: choosing, Usage: "`RE`: folders whose name matches, as in '^Lists/'"},
		&ucli.StringSliceFlag{Name: "exclude", Category: choosing, Usage: "`RE`: not these, whatever else takes them"},
		&ucli.BoolFlag{Name: "subscribed", Category: choosing, Usage: "folders that are subscribed"},
	}
}

// Folders reads the choice of folders, and what to call it in a stream.
func Folders(c *ucli.Context) (choice folder.Selection, filters []string, err error) {
	choice.Names, choice.Trees, choice.Subscribed = c.StringSlice("folder"), c.StringSlice("folder-rec"), c.Bool("subscribed")
	for name, list := range map[string]*[]*regexp.Regexp{"include": &choice.Include, "exclude": &choice.Exclude} {
		for _, text := range c.StringSlice(name) {
			re, err := regexp.Compile(text)
			if err != nil {
				return choice, nil, exit.Errorf(exit.Usage, "--%s: %w", name, err)
			}
			*list = append(*list, re)
		}
	}
	for _, name := range []string{"folder", "folder-rec", "include", "exclude"} {
		for _, text := range c.StringSlice(name) {
			filters = append(filters, name+"="+text)
		}
	}
	if choice.Subscribed {
		filters = append(filters, "subscribed")
	}
	return choice, filters, nil
}
