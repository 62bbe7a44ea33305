// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/scaffold"
)

// makeIn runs the Makefile of a project in a home of its own, with Go's caches of
// the user.
func makeIn(t *testing.T, dir string, targets ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append(targets, "BULKHEAD="+bulkhead())...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	for _, kind := range []string{"CONFIG", "DATA", "STATE"} {
		cmd.Env = append(cmd.Env, "XDG_"+kind+"_HOME="+filepath.Join(dir, ".home", kind))
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %q: %v\n%s", targets, err, out)
	}
	return string(out)
}

// TestNewPlugins makes a project of every kind, and does with it what its user is
// told to do next: the real program builds, passes the contract with its fixture
// in the real sandbox, and packs.
func TestNewPlugins(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("there is no make")
	}
	build(t)
	languages := []string{scaffold.Go}
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		languages = append(languages, scaffold.Python)
	}
	for _, language := range languages {
		for _, kind := range scaffold.Kinds() {
			t.Run(language+"/"+kind, func(t *testing.T) { newPlugin(t, kind, language) })
		}
	}
}

func newPlugin(t *testing.T, kind, language string) {
	// A sandbox has a /tmp of its own, where no environment of Python could be shown.
	dir := filepath.Join(temporary(t, "/var/tmp", "bulkhead-new-"), "few-things")
	out, err := exec.Command(bulkhead(), "plugin", "new", kind, "few-things", "--lang", language, "--dir", dir, "--sdk", built.repo).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if language == scaffold.Python {
		makeIn(t, dir, "test")
	}
	tested := makeIn(t, dir, "contract")
	if !strings.Contains(tested, "passed   fixture/") || !strings.Contains(tested, " 0 failed, ") {
		t.Errorf("the contract:\n%s", tested)
	}
	packed := makeIn(t, dir, "pack")
	if !strings.Contains(packed, "few-things 0.1.0: ") || strings.Contains(packed, "not started") {
		t.Errorf("packing:\n%s", packed)
	}
	if language == scaffold.Python && !strings.Contains(packed, "does not start without .venv") {
		t.Errorf("nothing is said of the packages that the archive lacks:\n%s", packed)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "few-things_0.1.0_*.tar.zst"))
	if err != nil || len(archives) != 1 {
		t.Errorf("archives %q, %v", archives, err)
	}
	if language == scaffold.Python && kind == scaffold.Check {
		if packed := makeIn(t, dir, "pack-whole"); strings.Contains(packed, "not started") || strings.Contains(packed, " in 4 files") {
			t.Errorf("packing with packages:\n%s", packed)
		}
	}
}
