// Package cli is what the four commands share on their outside: the command
// line, exit codes, signals, messages on stderr and progress. How a server is reached
// is in package connect, what is read and written in package files.
//
// A main is wiring:
//
//	func main() {
//		os.Exit(cli.Run(cli.New(cli.Command{
//			Name:     "imap-push",
//			Operands: []string{"PLAN"},
//			Flags:    slices.Concat(connect.Flags(), pushFlags()),
//			Before:   connect.UseSources,
//			Action:   run,
//		}), os.Args))
//	}
//
// stdout carries records; everything that this package prints goes to stderr,
// but for --help and --version, which were asked for.
package cli
