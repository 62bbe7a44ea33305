// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// TestWithoutNamespaces runs the catalogue where user.max_user_namespaces is 0,
// as administrators set it: in a user namespace of its own, so that it is 0 for
// nobody else.
func TestWithoutNamespaces(t *testing.T) {
	if testing.Short() {
		t.Skip("the catalogue takes several seconds for each user")
	}
	dir := sharedDir(t)
	binary := filepath.Join(dir, "selftest.test")
	copyFile(t, guest.Build(t, ""), binary)
	uids := []int{0}
	if os.Geteuid() == 0 { // an ordinary user can map no other
		uids = append(uids, 1000)
	}
	for _, uid := range uids {
		t.Run(map[bool]string{true: "root", false: "user"}[uid == 0], func(t *testing.T) {
			cmd := exec.Command(binary)
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + homeFor(t, dir, uid), "PATH=/usr/bin:/bin", order{NoNamespaces: true, UID: uid}.env()}
			cmd.SysProcAttr = ownUserNamespace()
			out, err := cmd.CombinedOutput()
			if err != nil && os.Geteuid() != 0 && !bytes.Contains(out, []byte(reportMark)) {
				t.Skipf("an ordinary user gets no namespace to be root of here: %v: %s", err, out)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			r := reportOf(t, out)
			wantLevel(t, r, sandbox.WallsOnly)
			wantResidues(t, r)
			wantFallen(t, r, map[sandbox.Level]string{sandbox.Full: "step clone: no space left on device", sandbox.Namespaced: "step clone: no space left on device"})
		})
	}
}

// ownUserNamespace makes the process root of one. Its uid 0 is the user; under
// root its uid 1000 is nobody.
func ownUserNamespace() *syscall.SysProcAttr {
	uids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	gids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	if os.Geteuid() == 0 {
		other := syscall.SysProcIDMap{ContainerID: 1000, HostID: nobody, Size: 1}
		uids, gids = append(uids, other), append(gids, other)
	}
	return &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: uids, GidMappings: gids, GidMappingsEnableSetgroups: os.Geteuid() == 0,
	}
}

// homeFor makes a home directory with something in it.
func homeFor(t *testing.T, dir string, uid int) string {
	t.Helper()
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "diary"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if uid == 0 {
		return home
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return home
}
