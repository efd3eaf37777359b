// Package cli is what the four commands share on their outside: the command
// line, exit codes, signals, messages on stderr, secrets, the output that
// appears only when it is whole, and progress.
//
// A main is wiring:
//
//	func main() {
//		os.Exit(cli.Run(cli.New(cli.Command{
//			Name:     "imap-push",
//			Operands: []string{"PLAN"},
//			Flags:    slices.Concat(cli.ConnectionFlags(), pushFlags()),
//			Action:   run,
//		}), os.Args))
//	}
//
// stdout carries records; everything that this package prints goes to stderr,
// but for --help and --version, which were asked for.
package cli
