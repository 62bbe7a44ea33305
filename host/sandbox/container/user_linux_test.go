// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An ordinary user gets the same walls, without daemon or set-uid helper: the
// tests run once more as nobody.
func TestOrdinaryUser(t *testing.T) {
	if testing.Short() {
		t.Skip("containers take time")
	}
	if os.Geteuid() != 0 {
		t.Skip("this user is one")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "container-user")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, tested := filepath.Join(dir, "test"), filepath.Join(dir, "program")
	if err := errors.Join(copyFile(os.Args[0], self), copyFile(program(t).Name(), tested), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.v", "-test.run", "^(TestServe|TestView|TestExecGrant|TestInherit|TestExits|TestRedirectedGrant|TestKilledHost|TestSweep)$")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/bin", "TMPDIR=" + dir, hostEnv + "_PROGRAM=" + tested}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	said, err := cmd.CombinedOutput()
	if strings.Contains(string(said), "no OCI runtime is installed") {
		t.Skip("no OCI runtime is installed here")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if !strings.Contains(string(said), "--- PASS: TestServe") {
		t.Errorf("nothing was tested:\n%s", said)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
