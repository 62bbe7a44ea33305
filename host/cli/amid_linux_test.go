// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The host is killed, or interrupted, while a plugin lies to it.

// amid are lies that last, and the command that hears them.
var amid = map[string]string{
	"hang-start": "doctor", "no-newline": "doctor", "mute-socket": "doctor", "no-window": "doctor", "ping-flood": "doctor",
	"hang-collect": "doctor", "stop-collect": "doctor", "spin-collect": "doctor", "memory-collect": "doctor",
	"big-batches": "run", "never-transform": "run",
}

// begin starts a command and returns in the middle of the lie.
func begin(t *testing.T, s scene, command string) *exec.Cmd {
	t.Helper()
	cmd := s.command("doctor", "--root", "machine", "--json")
	if command == "run" {
		cmd = s.command("run", "run.hcl", "--json")
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(patience); len(s.processes()) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	return cmd
}

// processes lists the processes that run the plugin.
func (s scene) processes() []string { return (&started{plugin: s.plugin}).processes() }

// groups lists the control groups of a host.
func groups(host int) (found []string) {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(name, fmt.Sprintf("/bulkhead/host-%d-", host)) {
			found = append(found, name)
		}
		return nil
	})
	return found
}

func TestKilledAmidLies(t *testing.T) {
	for kind, command := range amid {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, kind)
			cmd := begin(t, s, command)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			await(t, patience, "the plugin to end", func() bool { return len(s.processes()) == 0 })
			if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), s.tmp) {
				t.Error("its mounts are still there")
			}
			await(t, patience, "the next host to clear up", func() bool {
				if out, err := s.command("plugin", "describe", extra("hello-check")).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				return len(s.left()) == 0 && len(groups(cmd.Process.Pid)) == 0
			})
			if check := measured(t, s, "audit", "verify"); check.code != 0 {
				t.Errorf("the audit log: %s", check.words())
			}
		})
	}
}

func TestInterruptedAmidLies(t *testing.T) {
	for kind, command := range amid {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, kind)
			cmd := begin(t, s, command)
			began := time.Now()
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Skip("it was faster: ", err)
			}
			_ = cmd.Wait()
			if took := time.Since(began); took > patience {
				t.Errorf("took %v", took)
			}
			// Some lies are found out before the interrupt comes.
			if code := cmd.ProcessState.ExitCode(); code != 130 && code != 2 {
				t.Errorf("exit code %d", code)
			}
			if left := append(s.processes(), append(s.left(), groups(cmd.Process.Pid)...)...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
