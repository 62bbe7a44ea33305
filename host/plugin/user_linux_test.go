// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAsUser repeats the tests of this package that launch something, without
// root's rights.
func TestAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become a user")
	}
	dir := shortDir(t)
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const user = 65532
	binary, temp := filepath.Join(dir, "plugin.test"), filepath.Join(dir, "tmp")
	err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, text, 0o755), os.Chmod(binary, 0o755), os.Mkdir(temp, 0o755), os.Chown(temp, user, user))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.v", "-test.run=^(TestLaunch|TestLevels|TestDigest|TestAddressesAreRefused|TestBadHandshakes|TestDeathAtStart|TestDeathInACall|TestRealCauses|TestSecrets|TestInherit|TestStrict|TestDenialsOfAPlugin|TestForbiddenCall|TestDaemon|TestPeer|TestNothingOutlivesTheHost)$")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(string(out), "--- PASS: Test") < 17 {
		t.Errorf("too few tests ran as a user:\n%s", out)
	}
}

// shortDir is a directory whose path leaves room for the name of a socket, of which
// the kernel takes 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "plugin-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
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
	name := filepath.Join(shortDir(t), "s")
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
