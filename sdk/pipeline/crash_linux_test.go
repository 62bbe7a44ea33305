// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// children are the processes that this one started, with an executable of a
// path.
func children(t *testing.T, path string) []int {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for _, pid := range childrenOf(t, os.Getpid()) {
		if exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil && exe == path {
			out = append(out, pid)
		}
	}
	return out
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	var out []int
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, child)
		}
	}
	return out
}

// TestRealCrash kills the real host in the middle of a run: the futures say so,
// and its plugins are gone.
func TestRealCrash(t *testing.T) {
	h := real(t)
	run, err := endless(t, h).Start(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	fitting(t, run)
	hosts := children(t, h.Path)
	if len(hosts) != 1 {
		t.Fatalf("hosts = %v", hosts)
	}
	plugins := childrenOf(t, hosts[0])
	if len(plugins) == 0 {
		t.Fatal("the host runs no plugin")
	}
	if err := syscall.Kill(hosts[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err = run.Wait(short(t))
	if crash, ok := errors.AsType[*pipeline.CrashError](err); !ok || crash.ExitCode != -1 || !strings.Contains(crash.State, "killed") {
		t.Errorf("error = %v", err)
	}
	if _, err := run.Node("model").Wait(short(t)); !is[*pipeline.CrashError](err) || !is[*pipeline.NodeError](err) {
		t.Errorf("the node: %v", err)
	}
	for _, pid := range plugins {
		gone(t, pid)
	}
	if left, _ := filepath.Glob(filepath.Join(h.Dir, ".bulkhead-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
