// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/seatbelt"
)

// probeName is the first argument of a probe: sandbox-exec chooses the name that
// a program is called by.
const probeName = "bulkhead-sandbox-probe"

// probe makes sure, once in a process, that a profile really holds here: the
// system offers no way to ask. A program behind the walls of a plugin tries to
// get out, and nothing of that may succeed.
var probe = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "bulkhead-probe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	inside, outside := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := errors.Join(os.Mkdir(inside, 0o700), os.Mkdir(outside, 0o700)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(outside, "canary"), []byte("canary"), 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	return probeWith(inside, outside, listener.Addr().String())
})

// probeWith runs the probe and reads what it says.
func probeWith(inside, outside, address string) error {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return err
	}
	text, err := seatbelt.Profile{Program: self, Private: inside}.Text()
	if err != nil {
		return err
	}
	cmd := exec.Command(sandboxExec, "-p", text, self, probeName, inside, outside, address)
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{}, inside, time.Second
	stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("a probe failed: %w: %s", err, strings.TrimSpace(string(said)))
	}
	if text := strings.TrimSpace(string(said)); text != probeWord {
		return fmt.Errorf("a probe got through: %s", text)
	}
	return nil
}

// probeWord is what a probe says that was stopped everywhere.
const probeWord = "contained"

// runProbe tries to get out.
func runProbe(arguments []string) int {
	if len(arguments) != 3 {
		return shimExit
	}
	inside, outside, address := arguments[0], arguments[1], arguments[2]
	if err := os.WriteFile(filepath.Join(inside, "file"), []byte("x"), 0o600); err != nil {
		fmt.Println("cannot write to its own directory:", err)
		return 1
	}
	breaches := breaches(outside, address)
	if len(breaches) == 0 {
		fmt.Println(probeWord)
		return 0
	}
	fmt.Println(strings.Join(breaches, ", "))
	return 0
}

func breaches(outside, address string) (out []string) {
	if _, err := os.ReadFile(filepath.Join(outside, "canary")); err == nil {
		out = append(out, "it read a file")
	}
	if _, err := os.ReadDir(outside); err == nil {
		out = append(out, "it listed a directory")
	}
	if err := os.WriteFile(filepath.Join(outside, "file"), nil, 0o600); err == nil {
		out = append(out, "it wrote a file")
	}
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = conn.Close()
		out = append(out, "it reached the network")
	}
	if err := exec.Command("/usr/bin/true").Run(); err == nil {
		out = append(out, "it ran another program")
	}
	if syscall.Kill(os.Getppid(), 0) == nil {
		out = append(out, "it may signal its parent")
	}
	return out
}
