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

// TestDocker runs the catalogue in containers, with what people give them.
func TestDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("the catalogue takes several seconds in each of four containers")
	}
	dockertest.Engine(t)
	image := attackedImage(t)
	for _, c := range []struct {
		name     string
		options  []string
		level    sandbox.Level
		residues []string
		fallen   map[sandbox.Level]string
	}{
		{name: "default profile, root", level: sandbox.WallsOnly, residues: residues[sandbox.WallsOnly]},
		{name: "default profile, user", options: []string{"--user", "1000"}, level: sandbox.WallsOnly, residues: residues[sandbox.WallsOnly]},
		{
			name:    "hardened",
			options: []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp:exec"},
			level:   sandbox.WallsOnly, residues: residues[sandbox.WallsOnly],
		},
		{
			name: "hardened, user",
			options: []string{
				"--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp",
			},
			level: sandbox.WallsOnly, residues: residues[sandbox.WallsOnly],
		},
		{name: "no filter, user", options: []string{"--user", "1000", "--security-opt", "seccomp=unconfined"}, level: sandbox.Full},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := append(c.options, "--env", "HOME=/home/user", "--env", order{}.env())
			r := reportOf(t, []byte(dockertest.Run(t, 2*time.Minute, image, options, "/selftest")))
			wantLevel(t, r, c.level)
			wantHits(t, r, c.residues...)
			wantFallen(t, r, c.fallen)
		})
	}
}

// attackedImage holds the test binary and what there is to be stolen.
func attackedImage(t *testing.T) string {
	t.Helper()
	binary, err := os.ReadFile(guest.Build(t))
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
