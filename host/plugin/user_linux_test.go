// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// TestAsUser repeats the tests of this package that launch something, without
// root's rights.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become a user")
	}
	dir, err := os.MkdirTemp("/tmp", "plugin-user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "plugin.test")
	if err := os.WriteFile(binary, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.v", "-test.run=^(TestLaunch|TestLevels|TestDigest|TestAddressesAreRefused|TestBadHandshakes|TestDeathAtStart|TestDeathInACall|TestDaemon|TestPeer|TestNothingOutlivesTheHost)$")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(string(out), "--- PASS: Test") < 10 {
		t.Errorf("too few tests ran as a user:\n%s", out)
	}
}

// A host may be root and still give each plugin a uid of its own.
func TestUIDsAreNotShared(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	uids := make(map[string]bool)
	for range 3 {
		p, _ := start(t, "good", nil)
		wall, _ := p.Sandbox().Wall("identity")
		uids[wall.Detail] = true
	}
	if len(uids) != 3 {
		t.Errorf("identities %v", uids)
	}
}

// The process behind the socket must be the plugin itself.
func TestPeer(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := checkPeer(conn, os.Getpid()); err != nil {
		t.Error(err)
	}
	if err := checkPeer(conn, os.Getpid()+1); err == nil {
		t.Error("a stranger's socket was accepted")
	}
}

// hostEnv turns the test binary into a host that starts a plugin at the level
// named and waits to be killed.
const hostEnv = "PLUGIN_TEST_HOST"

func TestHelperHost(t *testing.T) {
	level, err := sandbox.ParseLevel(os.Getenv(hostEnv))
	if err != nil {
		t.Skip("helper of TestNothingOutlivesTheHost")
	}
	spec, options, _ := fixture(t, "good")
	spec.Ceiling, spec.Floor = level, level
	p, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("pid=%d\n", p.PID())
	time.Sleep(time.Minute)
}

func TestNothingOutlivesTheHost(t *testing.T) {
	for _, level := range []sandbox.Level{sandbox.Namespaced, sandbox.Weak, sandbox.None} {
		t.Run(level.String(), func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperHost$")
			cmd.Env = append(os.Environ(), hostEnv+"="+level.String(), "TMPDIR="+t.TempDir()) // a long path, which no one else may enter
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			var pid int
			if _, err := fmt.Sscanf(line, "pid=%d\n", &pid); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			for deadline := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("plugin %d outlives its host", pid)
				}
			}
		})
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
