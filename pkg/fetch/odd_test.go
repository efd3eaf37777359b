package fetch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

// oddServer is a server with habits. It speaks as much IMAP as an export needs.
type oddServer struct {
	messages [][]byte
	size     func(real int) int // what it says of a message's size
	backward bool               // it answers in descending order
	piece    int                // the most that it gives of a part, 0: all
	hidden   int                // a UID that a listing of many leaves out
	folders  bool               // it lists any
	bye      bool               // it closes a connection at its first NOOP
	search   string             // what it answers to a SEARCH; "": all that there is
	ascii    bool               // it knows no UTF-8
	said     *said

	connections, noops atomic.Int32
}

// said keeps commands.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) add(line string) {
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, line)
	}
}

func (s *said) count(part string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (o *oddServer) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c)
		}
	}()
	return l.Addr().String()
}

var (
	fetchSet  = regexp.MustCompile(`^UID FETCH (\S+) `)
	fetchPart = regexp.MustCompile(`BODY\.PEEK\[\]<(\d+)\.(\d+)>`)
)

func (o *oddServer) serve(c net.Conn) {
	defer c.Close()
	o.connections.Add(1)
	in, out := bufio.NewReader(c), bufio.NewWriter(c)
	fmt.Fprintf(out, "* PREAUTH [CAPABILITY IMAP4rev1] odd\r\n")
	for {
		out.Flush()
		line, err := in.ReadString('\n')
		tag, command, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if err != nil || !ok {
			return
		}
		o.said.add(command)
		verb := strings.ToUpper(command)
		switch {
		case strings.HasPrefix(verb, "LIST \"\" \"\""):
			fmt.Fprintf(out, "* LIST (\\Noselect) \"/\" \"\"\r\n")
		case strings.HasPrefix(verb, "LIST"), strings.HasPrefix(verb, "LSUB"):
			if o.folders {
				fmt.Fprintf(out, "* %s () \"/\" INBOX\r\n", verb[:4])
			}
		case strings.HasPrefix(verb, "STATUS"):
			fmt.Fprintf(out, "* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 7)\r\n", len(o.messages), len(o.messages)+1)
		case strings.HasPrefix(verb, "EXAMINE"):
			fmt.Fprintf(out, "* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n", len(o.messages), len(o.messages)+1)
		case strings.HasPrefix(verb, "UID SEARCH") && o.ascii && strings.Contains(verb, "CHARSET"):
			fmt.Fprintf(out, "%s NO [BADCHARSET (US-ASCII)] none\r\n", tag)
			continue
		case strings.HasPrefix(verb, "UID SEARCH") && o.search == "dies":
			return
		case strings.HasPrefix(verb, "UID SEARCH") && o.search != "":
			fmt.Fprint(out, strings.ReplaceAll(o.search, "TAG", tag))
			continue
		case strings.HasPrefix(verb, "UID SEARCH"):
			fmt.Fprintf(out, "* SEARCH")
			for i := range o.messages {
				fmt.Fprintf(out, " %d", i+1)
			}
			fmt.Fprintf(out, "\r\n")
		case fetchSet.MatchString(command):
			o.fetch(out, command)
		case verb == "NOOP":
			if o.noops.Add(1); o.bye {
				fmt.Fprintf(out, "* BYE idle for too long\r\n")
				out.Flush()
				return
			}
		case strings.HasPrefix(verb, "NAMESPACE"):
			fmt.Fprintf(out, "%s BAD what\r\n", tag)
			continue
		}
		fmt.Fprintf(out, "%s OK done\r\n", tag)
	}
}

func (o *oddServer) fetch(out *bufio.Writer, command string) {
	var uids []int
	for r := range strings.SplitSeq(fetchSet.FindStringSubmatch(command)[1], ",") {
		from, to, ranged := strings.Cut(r, ":")
		a, _ := strconv.Atoi(from)
		b := a
		if ranged {
			if b, _ = strconv.Atoi(to); to == "*" {
				b = len(o.messages)
			}
		}
		for uid := a; uid <= b && uid <= len(o.messages); uid++ {
			if uid != o.hidden || !ranged {
				uids = append(uids, uid)
			}
		}
	}
	if o.backward {
		slices.Reverse(uids)
	}
	for _, uid := range uids {
		m := o.messages[uid-1]
		fmt.Fprintf(out, "* %d FETCH (UID %d FLAGS () INTERNALDATE \"02-Jan-2020 03:04:05 +0000\" RFC822.SIZE %d", uid, uid, o.size(len(m)))
		if part := fetchPart.FindStringSubmatch(command); part != nil {
			from, _ := strconv.Atoi(part[1])
			n, _ := strconv.Atoi(part[2])
			if o.piece > 0 {
				n = min(n, o.piece)
			}
			b := m[min(from, len(m)):min(from+n, len(m))]
			fmt.Fprintf(out, " BODY[]<%d> {%d}\r\n%s", from, len(b), b)
		} else if strings.Contains(command, "BODY.PEEK[HEADER]") {
			head, _, _ := bytes.Cut(m, []byte("\r\n\r\n"))
			fmt.Fprintf(out, " BODY[HEADER] {%d}\r\n%s\r\n\r\n", len(head)+4, head)
		} else if strings.Contains(command, "BODY.PEEK[HEADER.FIELDS") {
			head, _, _ := bytes.Cut(m, []byte("\r\n\r\n"))
			fmt.Fprintf(out, " BODY[HEADER.FIELDS (X)] {%d}\r\n%s\r\n\r\n", len(head)+4, head)
		} else if strings.Contains(command, "BODY.PEEK[]") {
			fmt.Fprintf(out, " BODY[] {%d}\r\n%s", len(m), m)
		}
		fmt.Fprintf(out, ")\r\n")
	}
}

func mails(n, octets int) (out [][]byte) {
	for i := range n {
		out = append(out, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Thu, 2 Jan 2020 03:04:05 +0000\r\n\r\n%s", i, bytes.Repeat([]byte("line\r\n"), octets/6)))
	}
	return out
}

func TestServersWithHabits(t *testing.T) {
	honest := func(real int) int { return real }
	cases := []struct {
		name   string
		server *oddServer
		code   exit.Code
	}{
		{"sizes too small, answers backward", &oddServer{messages: mails(90, 100000), size: func(int) int { return 1 }, backward: true, folders: true}, exit.OK},
		{"sizes that are none", &oddServer{messages: mails(60, 100000), size: func(int) int { return -1 }, backward: true, folders: true}, exit.OK},
		{"short parts and a wrong size", &oddServer{messages: mails(2, 9<<20), size: func(real int) int { return real + 7 }, piece: 1 << 20, folders: true}, exit.OK},
		{"short parts", &oddServer{messages: mails(1, 9<<20), size: honest, piece: 100000, folders: true}, exit.OK},
		{"a listing that leaves one out", &oddServer{messages: mails(5, 100), size: honest, hidden: 3, folders: true}, exit.OK},
		{"no folders", &oddServer{messages: mails(1, 100), size: honest}, exit.Protocol},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				data, err := exportOf(t, c.server.start(t), options(t, stream.Full))
				if exit.CodeOf(err) != c.code {
					t.Errorf("%v, want code %d", err, c.code)
				}
				if err != nil {
					return
				}
				g := read(t, data)
				for i, want := range c.server.messages {
					if got := g.octets[fmt.Sprint("INBOX/", i+1)]; !bytes.Equal(got, want) {
						t.Errorf("UID %d: %d octets, want %d", i+1, len(got), len(want))
					}
				}
			}()
			select {
			case <-done:
			case <-time.After(60 * time.Second):
				t.Fatal("no end")
			}
		})
	}
}

// TestNobodyReads: a connection that has to wait because nobody reads the
// stream says so now and then. If the server has closed it all the same, it is
// opened again once somebody reads.
func TestNobodyReads(t *testing.T) {
	for _, bye := range []bool{false, true} {
		server := &oddServer{messages: mails(200, 100000), size: func(real int) int { return real }, folders: true, bye: bye}
		addr := server.start(t)
		opt := options(t, stream.Full)
		opt.keepAlive = 20 * time.Millisecond
		r, out := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			w := stream.NewWriter(out, stream.WriterOptions{})
			err := Run(t.Context(), connection(t, addr), opt, w, nil)
			ended <- errors.Join(err, w.Close())
			out.Close()
		}()
		wanted := int32(5)
		if bye {
			wanted = 1
		}
		for began := time.Now(); server.noops.Load() < wanted; time.Sleep(time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%d NOOPs while nobody reads", server.noops.Load())
			}
		}
		data, err := io.ReadAll(r)
		if err := errors.Join(err, <-ended); err != nil {
			t.Fatal(err)
		}
		g := read(t, data)
		for i, want := range server.messages {
			if !bytes.Equal(g.octets[fmt.Sprint("INBOX/", i+1)], want) {
				t.Errorf("UID %d is not what it was", i+1)
			}
		}
		if n := server.connections.Load(); (n > 1) != bye {
			t.Errorf("%d connections", n)
		}
	}
}
