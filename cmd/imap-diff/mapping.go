package main

import (
	"os"
	"regexp"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/plan"
)

const mapping = "Folder mapping (prefix and delimiter are translated automatically)"

// mappingFlags are the options that say what folders are called at the
// destination, in their precedence; rules reads them.
func mappingFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "map", Category: mapping,
			Usage: "`SRC=DST`: this folder goes there, those below it go along; \"*\" is all others, \"-\" leaves it " +
				"out; repeatable"},
		&ucli.StringFlag{Name: "map-file", Category: mapping,
			Usage: "`FILE`: the same, one a line: \"source\" = \"destination\", each a JSON string; --map goes first"},
		&ucli.StringFlag{Name: "write-map", Category: mapping,
			Usage: "`FILE|-`: write where every folder goes as such a file, to be edited, and nothing else"},
		&ucli.BoolFlag{Name: "automap", Category: mapping,
			Usage: "Sent, Drafts, Trash, Junk and the like go to what they are called there: by SPECIAL-USE, else by " +
				"known names"},
		&ucli.StringFlag{Name: "subfolder", Category: mapping,
			Usage: "`NAME`: everything goes below this folder, INBOX too"},
		&ucli.StringFlag{Name: "strip-subfolder", Category: mapping,
			Usage: "`NAME`: what is below this folder goes to the top, and nothing else goes (undoes --subfolder)"},
		&ucli.StringSliceFlag{Name: "rename", Category: mapping,
			Usage: "`s/RE/REPL/[gi]`: of names there, without prefix; $1 is a group, \\U \\L \\u change the case; " +
				"each sees what the one before made; repeatable"},
		&ucli.StringFlag{Name: "delimiter-replacement", Category: mapping,
			Usage: "`TEXT`: what replaces the destination's delimiter inside a folder name, or nothing if it is " +
				"empty (default _)"},
		&ucli.StringFlag{Name: "case-collision", Category: mapping, Value: string(folder.CaseError),
			Usage: "`error|merge|rename|allow`: of names that differ in case alone, where they may be one folder"},
		&ucli.BoolFlag{Name: "skip-empty-folders", Category: mapping,
			Usage: "do not create folders that no message goes to"},
		&ucli.BoolFlag{Name: "folders-only", Category: mapping,
			Usage: "plan or --report the folders alone: what goes where, what is made and subscribed"},
		&ucli.StringFlag{Name: "prune-folders", Category: mapping,
			Usage: "`RE`: plan to remove empty folders there that match and that no folder goes to (imap-push wants " +
				"--allow delete)"},
		&ucli.BoolFlag{Name: "prune-nonempty", Category: mapping,
			Usage: "with --prune-folders: those that hold messages too"},
	}
}

// mappingNotes explain what a line of help cannot.
var mappingNotes = []string{
	"Where a folder goes: --map and --map-file decide first, then --automap (below --subfolder, if given), then its " +
		"own name, translated, moved by --strip-subfolder and --subfolder, and changed by --rename.",
	"Two folders that would become one by accident are an error before anything is written; those that are sent to " +
		"one place by --map, --automap or a --rename of the whole name become one.",
	"From a pipe, a source whose folders become one with mail in it already is kept in TMPDIR; a file is read " +
		"twice instead.",
}

// rules reads the options of mappingFlags, without reading any folder.
func rules(c *ucli.Context, opt *plan.Options) (err error) {
	m := &opt.Mapping
	m.Automap, m.Subfolder, m.FromSubfolder = c.Bool("automap"), c.String("subfolder"), c.String("strip-subfolder")
	if cli.IsSet(c, "delimiter-replacement") {
		text := c.String("delimiter-replacement")
		m.DelimiterReplacement = &text
	}
	for _, name := range []string{"subfolder", "strip-subfolder", "delimiter-replacement", "map-file", "write-map"} {
		if cli.IsSet(c, name) && c.String(name) == "" && name != "delimiter-replacement" {
			return exit.Errorf(exit.Usage, "--%s is empty", name).WithHint("is a variable of your shell empty?")
		}
		if !utf8.ValidString(c.String(name)) {
			return exit.Errorf(exit.Usage, "--%s is not UTF-8", name)
		}
	}
	if m.CaseCollision, err = folder.ParseCaseCollision(c.String("case-collision")); err != nil {
		return cli.InOption("case-collision", err)
	}
	for _, text := range c.StringSlice("rename") {
		r, err := folder.ParseRename(text)
		if err != nil {
			return cli.InOption("rename", err)
		}
		m.Renames = append(m.Renames, r)
	}
	if m.Entries, err = entries(c); err != nil {
		return err
	}
	opt.NoEmpty, opt.FoldersOnly = c.Bool("skip-empty-folders"), c.Bool("folders-only")
	return prune(c, opt)
}

// entries reads --map and --map-file.
func entries(c *ucli.Context) (list []folder.Entry, err error) {
	for _, text := range c.StringSlice("map") {
		e, err := folder.ParseEntry(text)
		if err != nil {
			return nil, exit.Errorf(exit.Usage, "--map %s: %w", cli.Safe(text), err).
				WithHint(`as in --map "Sent Items=Sent"; a name with = in it is a JSON string in quotes: --map '"a=b"=c'`)
		}
		e.Where = "--map"
		list = append(list, e)
	}
	if err := folder.CheckEntries(list); err != nil {
		return nil, err
	}
	name := c.String("map-file")
	if name == "" {
		return list, nil
	}
	in, err := os.Open(name)
	if err != nil {
		return nil, exit.Errorf(exit.NoInput, "--map-file: %w", err)
	}
	defer in.Close()
	more, err := folder.ReadEntries(in, name)
	return append(list, more...), err
}

// prune reads the options that remove folders.
func prune(c *ucli.Context, opt *plan.Options) error {
	if !cli.IsSet(c, "prune-folders") {
		return nil
	}
	re, err := regexp.Compile(c.String("prune-folders"))
	switch {
	case err != nil:
		return cli.InOption("prune-folders", err)
	case c.String("prune-folders") == "":
		return exit.Errorf(exit.Usage, "--prune-folders is empty").WithHint("'.' is every folder")
	}
	opt.Prune = &plan.Prune{Names: re, Full: c.Bool("prune-nonempty")}
	return nil
}
