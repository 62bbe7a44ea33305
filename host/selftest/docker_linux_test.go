// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"os"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
	"github.com/bulkhead-ml/bulkhead/internal/dockertest"
)

// hardened are the options that people are told to give to containers.
var hardened = []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"}

// What Docker's default profile says to those who want namespaces.
const (
	noClone    = "step clone: operation not permitted"
	noRoot     = "read-only file system"
	noDelegate = "permission denied"
)

// TestDocker runs the catalogue in containers, as people start them.
func TestDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("an engine and the catalogue in five containers take 20 s")
	}
	dockertest.Engine(t)
	image := attackedImage(t)
	for _, c := range []struct {
		name    string
		options []string
		level   sandbox.Level
		held    []string                 // residues that these options hold
		fallen  map[sandbox.Level]string // why not a higher level
	}{
		{
			name: "root", level: sandbox.WallsOnly,
			fallen: map[sandbox.Level]string{sandbox.FullQuota: noRoot, sandbox.Full: noClone, sandbox.Namespaced: noClone},
		},
		{
			name: "user", options: []string{"--user", "1000"}, level: sandbox.WallsOnly,
			fallen: map[sandbox.Level]string{sandbox.FullQuota: noDelegate, sandbox.Full: noClone, sandbox.Namespaced: noClone},
		},
		{
			name: "hardened root", options: append([]string{"--tmpfs", "/tmp:exec"}, hardened...), level: sandbox.WallsOnly,
			fallen: map[sandbox.Level]string{sandbox.FullQuota: noRoot, sandbox.Full: noClone, sandbox.Namespaced: noClone},
		},
		{
			name: "hardened user", options: append([]string{"--user", "1000", "--tmpfs", "/tmp"}, hardened...), level: sandbox.WallsOnly,
			held:   []string{"map-grant"}, // a tmpfs of Docker's is mounted noexec
			fallen: map[sandbox.Level]string{sandbox.FullQuota: noDelegate, sandbox.Full: noClone, sandbox.Namespaced: noClone},
		},
		{
			name: "user without a filter", options: []string{"--user", "1000", "--security-opt", "seccomp=unconfined"}, level: sandbox.Full,
			fallen: map[sandbox.Level]string{sandbox.FullQuota: noDelegate},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := append(c.options, "--env", "HOME=/home/user", "--env", order{}.env())
			r := reportOf(t, []byte(dockertest.Run(t, 2*time.Minute, image, options, "/selftest")))
			wantLevel(t, r, c.level)
			wantResidues(t, r, c.held...)
			wantFallen(t, r, c.fallen)
		})
	}
}

// attackedImage holds the test binary and what there is to be stolen.
func attackedImage(t *testing.T) string {
	t.Helper()
	binary, err := os.ReadFile(guest.Build(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	return dockertest.Import(t,
		dockertest.File{Name: "tmp/", Mode: 0o1777}, dockertest.File{Name: "etc/", Mode: 0o755}, dockertest.File{Name: "home/", Mode: 0o755},
		dockertest.File{Name: "etc/shadow", Mode: 0o640, Text: []byte("root:*:::::::\n")},
		dockertest.File{Name: "home/user/", Mode: 0o700, UID: 1000},
		dockertest.File{Name: "home/user/diary", Mode: 0o600, UID: 1000, Text: []byte("dear diary")},
		dockertest.File{Name: "selftest", Mode: 0o755, Text: binary},
	)
}
