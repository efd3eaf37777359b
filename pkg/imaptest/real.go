package imaptest

import (
	"context"
	"embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

//go:embed conf
var conf embed.FS

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// Real is a real server of its own: its files are in a folder that goes away
// with it, it listens on 127.0.0.1 only, and it ends with the test.
type Real struct {
	Kind     string // "dovecot", "cyrus" or "courier"
	Addr     string // plain text
	TLSAddr  string // implicit TLS; "" for Cyrus and Courier
	CAFile   string // the certificate of TLSAddr and of STARTTLS, PEM
	Pin      string // sha256 of that certificate, lower-case hex
	Password string // of every user
	Dir      string // configuration, log and mail

	process *os.Process // leads the server's process group
	leash   *os.File    // the server ends when this is closed
	ended   chan struct{}
	owner   owner
}

// Stop ends the server and waits until it is gone. The test's end does the
// same, and so does the end of the test's process, however that comes.
func (r *Real) Stop() {
	r.leash.Close()
	select {
	case <-r.ended:
	case <-time.After(stopTimeout):
		syscall.Kill(-r.process.Pid, syscall.SIGKILL)
		<-r.ended
	}
}

// Dump is the oracle's view of one account here.
func (r *Real) Dump(user string) ([]Entry, error) { return Dump(r.Addr, user, r.Password) }

// Populate fills an account here.
func (r *Real) Populate(user string, spec Spec) ([]Refusal, error) {
	return Populate(r.Addr, user, r.Password, spec)
}

// owner is the system user that a server's mail belongs to: name when we are
// root, and otherwise ourselves.
type owner struct {
	user, group string
	uid, gid    int
	root        bool
}

func findOwner(name string) (owner, error) {
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err != nil {
			return owner{}, err
		}
		return lookup(me, false)
	}
	found, err := user.Lookup(name)
	if err != nil {
		return owner{}, err
	}
	return lookup(found, true)
}

func lookup(u *user.User, root bool) (owner, error) {
	group, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return owner{}, err
	}
	o := owner{user: u.Username, group: group.Name, root: root}
	if o.uid, err = strconv.Atoi(u.Uid); err == nil {
		o.gid, err = strconv.Atoi(u.Gid)
	}
	return o, err
}

// own gives files to the owner; nothing to do unless we are root.
func (o owner) own(path string) error {
	if !o.root {
		return nil
	}
	return filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, o.uid, o.gid)
	})
}

// missing skips the test, loudly, or fails it where CI says that the servers
// must be there.
func missing(t testing.TB, server, why string) {
	t.Helper()
	text := fmt.Sprintf("NOT TESTED against %s: %s (scripts/servers install)", server, why)
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	fmt.Fprintln(os.Stderr, "=== "+t.Name()+": "+text)
	t.Skip(text)
}

// newDir is not t.TempDir: a server's sockets must have short names.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "imaptest-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// writeConf fills a file of conf/ in: "@NAME@" becomes the value of NAME.
func writeConf(dir, name string, values map[string]string, extra string) error {
	text, err := conf.ReadFile("conf/" + name)
	if err != nil {
		return err
	}
	pairs := []string{"@DIR@", dir}
	for key, value := range values {
		pairs = append(pairs, "@"+key+"@", value)
	}
	filled := strings.NewReplacer(pairs...).Replace(string(text)) + extra + "\n"
	return os.WriteFile(filepath.Join(dir, name), []byte(filled), 0o644)
}

// freePorts finds n ports of 127.0.0.1 that nobody listens at. They are below
// those that the system deals out, so that nothing but another server of ours
// can take one before its server does.
func freePorts(n int) ([]string, error) {
	const first, end, tries = 15000, 32000, 1000
	var ports []string
	for range tries {
		port := strconv.Itoa(first + rand.IntN(end-first))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer listener.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("no free port of 127.0.0.1 between %d and %d", first, end)
}

// leashed runs a server until it ends by itself or descriptor 3 does, which
// the test's process holds. The loop is for Cyrus, whose master passes SIGTERM
// on to its process group, the shell included.
const leashed = `"$@" 3<&- &
server=$!
(trap - TERM; read -r _ <&3; kill $server 2>/dev/null) &
watch=$!
trap : TERM
while kill -0 $server 2>/dev/null; do wait $server; done
kill $watch 2>/dev/null`

// launch starts the server's main process in the foreground, waits until it
// greets, and has the test end it. Its output goes to Dir/output.
func (r *Real) launch(t testing.TB, name string, args ...string) error {
	output, err := os.Create(filepath.Join(r.Dir, "output"))
	if err != nil {
		return err
	}
	defer output.Close()
	hold, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer hold.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", leashed, "sh", name}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = output, output, r.Dir
	cmd.ExtraFiles = []*os.File{hold}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		leash.Close()
		return err
	}
	r.process, r.leash, r.ended = cmd.Process, leash, make(chan struct{})
	go func() {
		cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(r.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := r.greets(ctx); err != nil {
		return fmt.Errorf("%s does not start: %w\n%s", r.Kind, err, r.log())
	}
	return nil
}

// greets waits for a greeting at Addr.
func (r *Real) greets(ctx context.Context) error {
	for {
		conn, err := net.DialTimeout("tcp", r.Addr, time.Second)
		if err == nil {
			conn.SetDeadline(time.Now().Add(startTimeout))
			var greeting [4]byte
			_, err = conn.Read(greeting[:])
			conn.Close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-r.ended:
			return fmt.Errorf("it ended")
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// log is what the server said, for the error message.
func (r *Real) log() string {
	var text strings.Builder
	for _, name := range []string{"output", "log"} {
		if content, err := os.ReadFile(filepath.Join(r.Dir, name)); err == nil {
			text.Write(content)
		}
	}
	return text.String()
}
