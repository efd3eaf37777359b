package cli

import (
	"cmp"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli/files"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

const producing = "Output"

// StreamFlags are the options of a command that writes a stream.
func StreamFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: producing,
			Usage: "`FILE`: write the stream there; it appears when it is whole, and until then is FILE.partial; a " +
				"FILE that is there is replaced only by a stream of the same account"},
		&ucli.StringFlag{Name: "level", Category: producing,
			Usage: "`none|store|fastest|default|better`: compression; none is plain NDJSON, store is zstd frames that " +
				"are not compressed (default: store into a pipe, default into a file). Give fastest for a pipe to " +
				"another machine"},
		OverwriteFlag(),
		&ucli.StringSliceFlag{Name: "label", Category: producing,
			Usage: "`NAME=VALUE`: note in the stream, for dates and case numbers; repeatable"},
	}
}

// OverwriteFlag is the option with which any file is replaced.
func OverwriteFlag() ucli.Flag {
	return &ucli.BoolFlag{Name: "overwrite", Category: producing,
		Usage: "replace FILE whatever it holds (without: only a stream of the same account, or a report by a report)"}
}

// WritesFile reports whether arguments send the stream to a file.
func WritesFile(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "-o" || a == "--output" || strings.HasPrefix(a, "-o=") || strings.HasPrefix(a, "--output=")
	})
}

// Labels reads --label, sorted by name.
func Labels(c *ucli.Context) ([]stream.Label, error) {
	var out []stream.Label
	for _, l := range c.StringSlice("label") {
		name, value, ok := strings.Cut(l, "=")
		if !ok || name == "" {
			return nil, exit.Errorf(exit.Usage, "--label %s is not NAME=VALUE", Safe(l))
		}
		if slices.ContainsFunc(out, func(o stream.Label) bool { return o.Name == name }) {
			return nil, exit.Errorf(exit.Usage, "--label %s is given twice", Safe(name))
		}
		out = append(out, stream.Label{Name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b stream.Label) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// OpenStream prepares the output that StreamFlags describe. begin is written
// when the command has to stop before it wrote one of its own, and must be
// that of the file which --output continues, if resume is set.
func OpenStream(c *ucli.Context, begin *stream.Begin, resume bool) (*files.StreamOutput, error) {
	if IsSet(c, "output") && c.String("output") == "" {
		return nil, exit.Errorf(exit.Usage, "--output has no file name").WithHint("is a variable of your shell empty?")
	}
	return OpenStreamFile(c, c.String("output"), begin, resume)
}

// OpenStreamFile is OpenStream to a file of another option's.
func OpenStreamFile(c *ucli.Context, file string, begin *stream.Begin, resume bool) (*files.StreamOutput, error) {
	level, err := levelOf(c)
	if err != nil {
		return nil, err
	}
	st := stateOf(c.App)
	out, err := files.OpenStream(c.Context, file, files.StreamOptions{Command: c.App.Name, Begin: begin, Level: level,
		Overwrite: c.Bool("overwrite"), Resume: resume, Greeted: st.greeted})
	st.opened = st.opened || err == nil
	return out, err
}

// OpenReport prepares the output to file. Unless --overwrite is given, it may take the place of what is replaceable
// only.
func OpenReport(c *ucli.Context, file string, replaces files.Replaceable) (*files.Output, error) {
	if c.Bool("overwrite") {
		replaces = files.Anything
	}
	return files.NewOutput(c.Context, file, files.OutputOptions{Replaces: replaces})
}

// levelOf reads --level, or what suits the output.
func levelOf(c *ucli.Context) (frame.Level, error) {
	if text := c.String("level"); text != "" {
		return frame.ParseLevel(text)
	}
	return files.AutoLevel, nil
}

// Tool names a command and its version, as records do.
func Tool(name string) string { return name + " " + Version() }
