// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// nobody is an ordinary user that every Linux machine has.
const nobody = 65534

// walls that stand at level full, for anybody.
var walls = []string{"seccomp", "landlock", "cgroup namespace", "mount namespace", "pid namespace", "network namespace", "ipc namespace", "capabilities", "no_new_privs", "rlimits"}

// diagnoseAs runs `bulkhead doctor --json` as a user, and returns the report's
// plugins.
func diagnoseAs(t *testing.T, credential *syscall.Credential) []reportedPlugin {
	t.Helper()
	build(t)
	home, err := os.MkdirTemp("", "bh-home")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	for _, dir := range []string{home, filepath.Join(home, "machine"), filepath.Join(home, "machine", "etc"), filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if credential != nil {
			if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(readable(t), "doctor", "--json", "--root", "machine")
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	var report struct{ Plugins []reportedPlugin }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	return report.Plugins
}

type reportedPlugin struct {
	Name    string
	Sandbox struct {
		Level string
		Walls []struct {
			Name string
			On   bool
		}
	}
}

// readable returns a host that everybody may run, with its plugins.
func readable(t *testing.T) string {
	t.Helper()
	if strings.HasPrefix(built.bin, built.dir) {
		return bulkhead()
	}
	dir := filepath.Join(built.dir, "readable")
	if _, err := os.Stat(dir); err != nil {
		if err := copyInstallation(dir); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "bulkhead")
}

// TestSandboxOfDoctor: every plugin of a diagnosis stands behind the walls of
// the level that the report names, under root and under an ordinary user.
func TestSandboxOfDoctor(t *testing.T) {
	for name, credential := range map[string]*syscall.Credential{
		"this user":     nil,
		"ordinary user": {Uid: nobody, Gid: nobody},
	} {
		t.Run(name, func(t *testing.T) {
			if credential != nil && os.Geteuid() != 0 {
				t.Skip("only root can become another user")
			}
			plugins := diagnoseAs(t, credential)
			if len(plugins) != 4 {
				t.Errorf("%d plugins answered", len(plugins))
			}
			for _, p := range plugins {
				p.check(t, credential != nil || os.Geteuid() != 0)
			}
		})
	}
}

func (p reportedPlugin) check(t *testing.T, ordinary bool) {
	t.Helper()
	if level, _ := sandbox.ParseLevel(p.Sandbox.Level); level < sandbox.Full {
		t.Errorf("plugin %s: level %s", p.Name, p.Sandbox.Level)
	}
	want := walls
	if ordinary {
		want = append(slices.Clone(walls), "user namespace")
	}
	for _, name := range want {
		on := false
		for _, w := range p.Sandbox.Walls {
			on = on || w.On && w.Name == name
		}
		if !on {
			t.Errorf("plugin %s: the wall %q does not stand: %v", p.Name, name, p.Sandbox.Walls)
		}
	}
}
