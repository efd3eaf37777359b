package imaptest

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Options of the embedded server. The zero value is a server with delimiter
// "/", no prefix, any user and the password "secret".
type Options struct {
	Delimiter string // one character, "/" if empty
	NoLevels  bool   // no hierarchy: the delimiter is NIL
	Prefix    string // of the personal namespace, such as "INBOX."
	FoldCase  bool   // names that differ in case alone are one mailbox

	// Users maps user names to passwords. If nil, any user may log in with
	// "secret", and the account is made at that moment.
	Users map[string]string

	// Caps replaces the capabilities beyond IMAP4rev1; nil is DefaultCaps.
	// SASL-IR, LITERAL-, UNSELECT, ENABLE, IDLE and UTF8=ACCEPT are always
	// offered, and "APPENDLIMIT=n" where AppendLimit is set.
	Caps          []string
	LiteralPlus   bool   // offer LITERAL+
	LoginDisabled bool   // offer LOGINDISABLED, and refuse to log in without TLS
	AppendLimit   uint32 // octets; 0: 100 MiB, not announced

	// PermanentFlags is what the server can store; other flags are dropped in
	// silence, as real servers do. Nil: everything, and \* is offered.
	PermanentFlags []string

	// ForgetFlags are dropped by APPEND and COPY, in silence.
	ForgetFlags []string

	// OnAppend is asked before a message is stored; an *imap.Error is the
	// reply that the client sees. It is called from several goroutines.
	OnAppend func(user, mailbox string, message Message) error

	// OnStore returns what the server makes of a message that it stores; nil is
	// the message itself. It is called from several goroutines.
	OnStore func(user, mailbox string, octets []byte) []byte

	// OnCopy is asked of each message before any of a COPY is stored, likewise;
	// an error refuses all of them. With PartialCopy those before it are stored,
	// as no server should.
	OnCopy      func(user, mailbox string, message Message) error
	PartialCopy bool

	// OnCreate is asked before a mailbox is made, likewise.
	OnCreate func(user, mailbox string) error

	// OnSearch is shown what a SEARCH found, UIDs or sequence numbers, and
	// returns what the client is told; an *imap.Error is the reply. It is called
	// from several goroutines.
	OnSearch func(user, mailbox string, found []uint32) ([]uint32, error)
	// SizeOf is what the server says of a size (RFC822.SIZE); nil is the truth.
	SizeOf func(octets int) int64

	TLS        *tls.Config // for STARTTLS; implicit TLS is a matter of the listener
	Transcript io.Writer   // all that is said, both ways, passwords included
}

// DefaultCaps is what the embedded server offers beyond IMAP4rev1.
var DefaultCaps = []string{"NAMESPACE", "UIDPLUS", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "CHILDREN",
	"SPECIAL-USE"}

// Server is an IMAP server in memory that stores and serves octets as they
// are, whatever they are. It speaks no MULTIAPPEND, COMPRESS or CONDSTORE.
//
// Flags are kept as spelt, but for the well-known ones ($Forwarded, $Junk and
// the like), whose case the protocol library puts right.
type Server struct {
	options Options
	imap    *imapserver.Server

	mu       sync.Mutex
	accounts map[string]*Account
	listener net.Listener
}

// NewServer makes a server; Serve starts it.
func NewServer(options Options) *Server {
	if options.Delimiter == "" {
		options.Delimiter = "/"
	}
	if options.NoLevels {
		options.Delimiter = ""
	}
	s := &Server{options: options, accounts: map[string]*Account{}}
	s.imap = imapserver.New(&imapserver.Options{
		NewSession:   s.newSession,
		Caps:         options.capSet(),
		Logger:       log.New(io.Discard, "", 0),
		TLSConfig:    options.TLS,
		InsecureAuth: !options.LoginDisabled,
		DebugWriter:  options.Transcript,
	})
	for user := range options.Users {
		s.Account(user)
	}
	return s
}

// StartServer serves on a free port of 127.0.0.1 until the test ends.
func StartServer(t testing.TB, options Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, options, listener)
}

// StartTLSServer is StartServer with implicit TLS.
func StartTLSServer(t testing.TB, options Options, certificate tls.Certificate) *Server {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, options, listener)
}

func startOn(t testing.TB, options Options, listener net.Listener) *Server {
	s := NewServer(options)
	s.use(listener)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.imap.Serve(listener)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return s
}

// Serve answers connections until Close.
func (s *Server) Serve(listener net.Listener) error {
	s.use(listener)
	return s.imap.Serve(listener)
}

func (s *Server) use(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = listener
}

// Addr is the address served, "127.0.0.1:12345", or "" before Serve.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Close ends every connection. The accounts stay readable.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.listener != nil { // Serve may not have got so far yet
		s.listener.Close()
	}
	s.mu.Unlock()
	return s.imap.Close()
}

// Account returns a user's account, made if it is new.
func (s *Server) Account(user string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.accounts[user]
	if account == nil {
		account = newAccount(user, &s.options)
		s.accounts[user] = account
	}
	return account
}

// authenticate returns nil for a wrong user or password.
func (s *Server) authenticate(user, password string) *Account {
	want, known := s.options.Users[user]
	if s.options.Users == nil {
		want, known = "secret", user != ""
	}
	if !known || password != want {
		return nil
	}
	return s.Account(user)
}

func (s *Server) newSession(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
	base := &session{server: s}
	if s.options.AppendLimit > 0 {
		return &limitedSession{base}, nil, nil
	}
	return base, nil, nil
}

func (o *Options) capSet() imap.CapSet {
	set := imap.CapSet{imap.CapIMAP4rev1: {}}
	names := o.Caps
	if names == nil {
		names = DefaultCaps
	}
	for _, name := range names {
		set[imap.Cap(name)] = struct{}{}
	}
	if o.LiteralPlus {
		set[imap.CapLiteralPlus] = struct{}{}
	}
	return set
}
