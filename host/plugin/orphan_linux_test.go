// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup"
)

// hostEnv turns the test binary into a host that starts plugins at the level
// named and waits to be killed. hostRun is its directory of private directories.
const (
	hostEnv     = "PLUGIN_TEST_HOST"
	hostRun     = "PLUGIN_TEST_RUN"
	hostPlugins = 3
)

func TestHelperHost(t *testing.T) {
	name := os.Getenv(hostEnv)
	if name == "" {
		t.Skip("helper of TestNothingOutlivesTheHost")
	}
	spec, options, _ := fixture(t, "good")
	options.RunDir = os.Getenv(hostRun)
	if name != "highest" {
		level, err := sandbox.ParseLevel(name)
		if err != nil {
			t.Fatal(err)
		}
		spec.Ceiling, spec.Floor = level, level
	}
	for range hostPlugins {
		p, err := Launch(context.Background(), spec, options)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("pid=%d\n", p.PID())
	}
	time.Sleep(lifeTime)
}

// killedHost starts a host, kills it once its plugins run, and returns their pids.
func killedHost(t *testing.T, level, run string) (host int, plugins []int) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperHost$")
	cmd.Env = append(os.Environ(), hostEnv+"="+level, hostRun+"="+run, "TMPDIR="+filepath.Dir(run))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for range hostPlugins {
		line, _ := lines.ReadString('\n')
		var pid int
		if _, err := fmt.Sscanf(line, "pid=%d\n", &pid); err != nil {
			t.Errorf("%q: %v", line, err)
			break
		}
		plugins = append(plugins, pid)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return cmd.Process.Pid, plugins
}

// Soon after a host's sudden death its plugins are gone, with what the kernel held
// for them; the next host removes the files.
func TestNothingOutlivesTheHost(t *testing.T) {
	for _, level := range []string{"highest", "weak", "none"} {
		t.Run(level, func(t *testing.T) {
			run := filepath.Join(t.TempDir(), "run") // a long path, which no one else may enter
			mounts := holdingsNow(t, run).mounts
			host, plugins := killedHost(t, level, run)
			died := time.Now()
			for deadline := died.Add(bound); anyAlive(plugins); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("plugins %v outlive their host", plugins)
				}
			}
			t.Logf("the last plugin died after %v", time.Since(died))
			// Others of this machine mount, too, for a while.
			for deadline := died.Add(bound); holdingsNow(t, run).mounts > mounts; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%d mounts before, %d after", mounts, holdingsNow(t, run).mounts)
				}
			}
			sweptByTheNext(t, level, run, host)
		})
	}
}

// sweptByTheNext makes sure that another host clears up after a dead one.
func sweptByTheNext(t *testing.T, level, run string, host int) {
	t.Helper()
	t.Cleanup(func() { _ = cgroup.Sweep() })
	old := privateDirs(run)
	if len(old) != hostPlugins {
		t.Errorf("private directories of host %d: %v", host, old)
	}
	// The groups are swept beside the start, which a kill may cut short.
	for deadline := time.Now().Add(bound); ; {
		if _, _ = killedHost(t, level, run); len(groupsOf(host)) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for _, dir := range privateDirs(run) {
		if slices.Contains(old, dir) {
			t.Errorf("%s is left of host %d", dir, host)
		}
	}
	if left := groupsOf(host); len(left) > 0 {
		t.Errorf("control groups of host %d: %v", host, left)
	}
}

func privateDirs(run string) []string {
	dirs, _ := filepath.Glob(filepath.Join(run, "host-*", "plugin*"))
	return dirs
}

func anyAlive(pids []int) bool {
	for _, pid := range pids {
		if alive(pid) {
			return true
		}
	}
	return false
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
