package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// dovecot is a server of our own. Any user may log in, with the password
// "secret", and finds an empty account.
type dovecot struct {
	script, dir, address string
}

func startDovecot(ctx context.Context, root, work string) (*dovecot, error) {
	if err := os.Chmod(work, 0o755); err != nil { // the server reads its mail as another user
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	d := &dovecot{script: filepath.Join(root, "scripts", "servers"), dir: filepath.Join(work, "server"),
		address: fmt.Sprintf("127.0.0.1:%d", port)}
	output, err := exec.CommandContext(ctx, d.script, "start", "dovecot", d.dir, fmt.Sprint(port)).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("start Dovecot: %s", output)
	}
	return d, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (d *dovecot) stop() {
	if output, err := exec.Command(d.script, "stop", d.dir).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: stop Dovecot: %s", output)
	}
}

// forget removes the mail of an account that is done with.
func (d *dovecot) forget(user string) { os.RemoveAll(filepath.Join(d.dir, "mail", user)) }
