// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script/*.txtar against the real host and its real
// plugins. Beside the commands of testscript they have those of commands, which
// say what they do where they are defined. $REPO is the repository.
func TestScripts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the recorded machines have file names that Windows refuses")
	}
	build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: isolate, Condition: condition, Cmds: commands, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// isolate gives a script a home, caches and run directories of its own.
func isolate(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("USERPROFILE", home)
	for _, kind := range []string{"CONFIG", "DATA", "CACHE", "STATE", "RUNTIME"} {
		name := "XDG_" + kind + "_HOME"
		if kind == "RUNTIME" {
			name = "XDG_RUNTIME_DIR"
		}
		env.Setenv(name, filepath.Join(home, kind))
	}
	env.Setenv("PATH", built.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("REPO", built.repo)
	env.Setenv("BIN", built.bin)
	return nil
}

// condition knows [venv]: a python3 that makes virtual environments, and [root]:
// the user who may do everything.
func condition(name string) (bool, error) {
	switch name {
	case "venv":
		return exec.Command("python3", "-c", "import venv").Run() == nil, nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, nil
}
