package cli

import (
	"regexp"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
)

const choosing = "Folders (all, unless some of these are given; names are UTF-8)"

// FolderFlags are the options that choose folders; Folders reads them.
func FolderFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "folder", Category: choosing,
			Usage: "`NAME`: this folder; repeatable, as all of these"},
		&ucli.StringSliceFlag{Name: "folder-rec", Category: choosing, Usage: "`NAME`: this folder and all below it"},
		&ucli.StringSliceFlag{Name: "include", Category: choosing,
			Usage: "`RE`: folders whose name matches, as in '^Lists/'"},
		&ucli.StringSliceFlag{Name: "exclude", Category: choosing, Usage: "`RE`: not these, whatever else takes them"},
		&ucli.BoolFlag{Name: "subscribed", Category: choosing, Usage: "folders that are subscribed"},
		&ucli.StringSliceFlag{Name: "namespace", Category: choosing,
			Usage: "`personal|other|shared|all`: whose folders all these mean: one's own, other users', shared ones " +
				"(default: one's own)"},
	}
}

// Names are the first names of flags.
func Names(flags []ucli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	return names
}

// Folders reads the choice of folders, and what to call it in a stream.
func Folders(c *ucli.Context) (choice folder.Selection, filters []string, err error) {
	choice.Names, choice.Trees, choice.Subscribed = c.StringSlice("folder"), c.StringSlice("folder-rec"),
		c.Bool("subscribed")
	for _, name := range []string{"folder", "folder-rec"} {
		if slices.Contains(c.StringSlice(name), "") {
			return choice, nil, exit.Errorf(exit.Usage, "--%s wants a name, not an empty text", name)
		}
	}
	choice.Presumed = IsPreset(c, "exclude")
	for name, list := range map[string]*[]*regexp.Regexp{"include": &choice.Include, "exclude": &choice.Exclude} {
		for _, text := range c.StringSlice(name) {
			re, err := regexp.Compile(text)
			if err != nil {
				return choice, nil, InOption(name, err)
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
	if choice.Spaces, err = spaces(c.StringSlice("namespace")); err != nil {
		return choice, nil, err
	}
	if choice.Spaces != 0 && choice.Spaces != folder.AllSpaces {
		for space := folder.Personal; space <= folder.Shared; space++ {
			if choice.Spaces.Has(space) {
				filters = append(filters, "namespace="+space.String())
			}
		}
	}
	return choice, filters, nil
}

// spaces reads the values of --namespace.
func spaces(names []string) (set folder.Spaces, err error) {
	for _, name := range names {
		if name == "all" {
			set = folder.AllSpaces
			continue
		}
		space, ok := folder.ParseSpace(name)
		if !ok {
			return 0, exit.Errorf(exit.Usage, "--namespace is personal, other, shared or all, not %s", Safe(name))
		}
		set = set.With(space)
	}
	return set, nil
}
