// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// released builds a host with a plugin inside of it, as releases are built.
func released(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "registry")
	if err := goTool("run", "./registry/cmd/embed", tree, filepath.Join(built.bin, "plugins", "data")); err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(tree, name)
			replace[filepath.Join(built.repo, "host", "embedded", "registry", rel)] = name
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay, host := filepath.Join(dir, "overlay.json"), filepath.Join(dir, exe("bulkhead"))
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := goTool("build", "-trimpath", "-tags", "embed_plugins", "-overlay", overlay, "-ldflags", "-s -w", "-o", host, "./host/cmd/bulkhead"); err != nil {
		t.Fatal(err)
	}
	return host
}

// A released host verifies and repairs the plugins that came inside of it.
func TestVerifyOfReleasedHost(t *testing.T) {
	if testing.Short() {
		t.Skip("it links a host")
	}
	build(t)
	host, home := released(t), t.TempDir()
	run := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command(host, args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "HOME="+home, "USERPROFILE="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home+"/cache", "XDG_STATE_HOME="+home+"/state", "XDG_CONFIG_HOME="+home+"/config")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run(0, "plugin", "verify"); !strings.Contains(out, "ok        bulkhead/data") {
		t.Errorf("%s", out)
	}
	found, err := filepath.Glob(filepath.Join(home, "bulkhead", "store", "*", exe("bulkhead-plugin-data")))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	if err := os.Chmod(found[0], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(found[0], 1000); err != nil {
		t.Fatal(err)
	}
	if out := run(2, "plugin", "verify", "--json"); !strings.Contains(out, `"scope": "host"`) || !strings.Contains(out, `"status": "damaged"`) {
		t.Errorf("%s", out)
	}
	run(0, "plugin", "verify", "--repair")
	if out := run(0, "plugin", "verify", "--json"); !strings.Contains(out, `"status": "ok"`) {
		t.Errorf("%s", out)
	}
}
