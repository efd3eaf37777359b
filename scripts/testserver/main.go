// Command testserver is an IMAP server in memory, for demonstrations and for
// trying things by hand. It prints its address as one line on stdout and
// serves until it is killed.
//
//	go run ./scripts/testserver --sample
//	go run ./scripts/testserver --listen 127.0.0.1:1143 --user joe --password-file F --prefix INBOX. --delimiter .
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "testserver:", err)
		}
		os.Exit(1)
	}
}

type settings struct {
	listen, user, passwordFile string
	prefix, delimiter          string
	sample, literalPlus        bool
}

func run(arguments []string) error {
	s, err := parse(arguments)
	if err != nil {
		return err
	}
	server, err := s.server()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		server.Close()
	}()
	return server.Serve(listener)
}

func parse(arguments []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("testserver", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "`address`; port 0 is any free one")
	flags.StringVar(&s.user, "user", "joe", "the only user's `name`")
	flags.StringVar(&s.passwordFile, "password-file", "", "the first line of `file` is the password (default \"secret\")")
	flags.StringVar(&s.prefix, "prefix", "", "of the personal namespace, such as INBOX.")
	flags.StringVar(&s.delimiter, "delimiter", "/", "between levels of a mailbox name")
	flags.BoolVar(&s.sample, "sample", false, "fill the account with sample mail")
	flags.BoolVar(&s.literalPlus, "literal-plus", true, "offer LITERAL+")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("an operand too many: %q", flags.Arg(0))
	}
	if len([]rune(s.delimiter)) != 1 {
		return nil, fmt.Errorf("--delimiter %q is not one character", s.delimiter)
	}
	return s, nil
}

func (s *settings) server() (*imaptest.Server, error) {
	password, err := s.password()
	if err != nil {
		return nil, err
	}
	server := imaptest.NewServer(imaptest.Options{
		Delimiter: s.delimiter, Prefix: s.prefix, LiteralPlus: s.literalPlus,
		Users: map[string]string{s.user: password},
	})
	if s.sample {
		server.Account(s.user).Fill(imaptest.Sample())
	}
	return server, nil
}

func (s *settings) password() (string, error) {
	if s.passwordFile == "" {
		return "secret", nil
	}
	content, err := os.ReadFile(s.passwordFile)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
