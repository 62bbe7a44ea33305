// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// inRegistry runs the host in a directory, with keys of its own.
func inRegistry(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(bulkhead(), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "BULKHEAD_KEYS_DIR="+filepath.Join(dir, "keys"), "BULKHEAD_KEY_PASSPHRASE=correct-horse-battery", "XDG_CONFIG_HOME="+dir, "XDG_STATE_HOME="+dir)
	return cmd
}

func runInRegistry(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := inRegistry(t, dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("bulkhead %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var servedAt = regexp.MustCompile(` at (http://127\.0\.0\.1:[0-9]+)`)

// TestRegistryServe serves a registry on a free port, audits and mirrors it over
// HTTP, and ends the server as Ctrl-C does.
func TestRegistryServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	build(t)
	dir := t.TempDir()
	runInRegistry(t, dir, "registry", "init", "reg", "--name", "example")
	server := inRegistry(t, dir, "registry", "serve", "reg", "--listen", "127.0.0.1:0")
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(5*time.Minute, func() { _ = server.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	found := servedAt.FindStringSubmatch(line)
	if err != nil || found == nil {
		t.Fatalf("%q, %v", line, err)
	}
	if out := runInRegistry(t, dir, "registry", "verify", found[1], "--root", "example.root.json"); !strings.Contains(out, "is sound") {
		t.Error(out)
	}
	runInRegistry(t, dir, "registry", "mirror", found[1], "copy", "--root", "example.root.json")
	if _, err := os.Stat(filepath.Join(dir, "copy", "metadata", "timestamp.json")); err != nil {
		t.Error(err)
	}
	if line, err = lines.ReadString('\n'); err != nil || !strings.Contains(line, `"GET /metadata/1.root.json" 200`) {
		t.Errorf("%q, %v", line, err)
	}
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}
