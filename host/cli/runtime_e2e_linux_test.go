// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// With a container runtime every plugin of the doctor runs in a container, and
// nothing of it is left.
func TestContainerRuntime(t *testing.T) {
	needRunc(t)
	p := newProbe(t, nil)
	write(t, filepath.Join(p.dir, "bulkhead.hcl"), "sandbox {\n  require = \"container\"\n  runtime = \"runc\"\n}\n")
	var document struct {
		Plugins []struct {
			Name    string
			Sandbox sandboxed
		}
	}
	cmd := p.command("doctor", "--json")
	host := ""
	out, err := cmd.Output()
	if cmd.Process != nil {
		host = "bulkhead-" + strconv.Itoa(cmd.Process.Pid) + "-"
	}
	parse(t, out, err, &document)
	if len(document.Plugins) != 4 {
		t.Errorf("%d plugins answered: %s", len(document.Plugins), out)
	}
	for _, found := range document.Plugins {
		if found.Sandbox.Level != "container" || !found.Sandbox.Verified {
			t.Errorf("%+v", found)
		}
	}
	if left := containersOf(host, p.tmp, p.home, "/run/runc", "/sys/fs/cgroup"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), host) {
		t.Error("a mount is left")
	}
}

// containersOf lists what has the name of a host's containers.
func containersOf(host string, dirs ...string) (found []string) {
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasPrefix(d.Name(), host) {
				found = append(found, name)
			}
			return nil
		})
	}
	return found
}

// A runtime that is not there is an error that says so, and what else to do.
func TestAbsentRuntime(t *testing.T) {
	p := newProbe(t, nil)
	write(t, filepath.Join(p.dir, "bulkhead.hcl"), "sandbox {\n  runtime = \"/usr/local/bin/absent-runsc\"\n}\n")
	o := p.run(t, "doctor")
	if o.code != 2 || !strings.Contains(o.words(), "/usr/local/bin/absent-runsc") || !strings.Contains(o.words(), "leave `runtime` out to use the host's own walls") {
		t.Errorf("exit code %d, %s", o.code, o.words())
	}
}

// The level of containers is reached by no other way.
func TestContainerNeedsRuntime(t *testing.T) {
	p := newProbe(t, nil)
	o := p.run(t, "doctor", "--sandbox", "container")
	want := "sandbox level container was required, and it takes a container runtime: name one with `sandbox { runtime = \"runsc\" }`"
	if o.code != 2 || !strings.Contains(o.words(), want) {
		t.Errorf("exit code %d, %s", o.code, o.words())
	}
}

// The settings of a runtime that contradict each other are told in the words of the
// configuration.
func TestStrictRuntime(t *testing.T) {
	p := newProbe(t, nil)
	write(t, filepath.Join(p.dir, "bulkhead.hcl"), "sandbox {\n  runtime = \"runc\"\n  strict = true\n}\n")
	if o := p.run(t, "doctor"); o.code != 2 || !strings.Contains(o.words(), "`strict` does not go with the runtime \"runc\"") || strings.Contains(o.words(), "Spec.") {
		t.Errorf("exit code %d, %s", o.code, o.words())
	}
}
