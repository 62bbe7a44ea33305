// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// testBinEnv names a directory that `make build` filled; without it the tests
// build the host and its plugins themselves.
const testBinEnv = "BULKHEAD_TEST_BIN"

// builtins are the built-in plugins and where their sources are.
var builtins = map[string]string{
	"gpu": "plugins/builtin-gpu", "docker": "plugins/builtin-docker", "python": "plugins/builtin-python",
	"system": "plugins/builtin-system", "tables": "plugins/builtin-tables", "data": "plugins/kernels/data", "algorithms": "plugins/kernels/algorithms",
}

// extras are programs that only tests start.
var extras = []string{"examples/hello-check", "examples/hello-kernel", "examples/hello-ledger", "internal/hostile", "internal/probe", "host/cli/testdata/impostor"}

// built is what one run of the tests builds, once.
var built struct {
	once sync.Once
	err  error
	dir  string // removed by TestMain
	bin  string // as `make build` leaves it: bulkhead, plugins/NAME/
	repo string
}

// build makes the programs on the first call.
func build(t testing.TB) {
	t.Helper()
	built.once.Do(func() { built.err = buildAll() })
	if built.err != nil {
		t.Fatal(built.err)
	}
}

func exe(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func buildAll() (err error) {
	if built.repo, err = filepath.Abs("../.."); err != nil {
		return err
	}
	if built.dir, err = os.MkdirTemp("", "bulkhead-test-"); err != nil {
		return err
	}
	// An ordinary user runs the programs, too.
	if err := os.Chmod(built.dir, 0o755); err != nil {
		return err
	}
	if dir := os.Getenv(testBinEnv); dir != "" {
		if built.bin, err = filepath.Abs(dir); err != nil {
			return err
		}
		return buildPrograms(extras)
	}
	built.bin = filepath.Join(built.dir, "bin")
	programs := append([]string{"registry/cmd/stamp"}, extras...)
	for _, source := range builtins {
		programs = append(programs, source)
	}
	if err := buildPrograms(programs); err != nil {
		return err
	}
	return buildHost()
}

// buildPrograms compiles packages in one go, each into built.dir/NAME.
func buildPrograms(sources []string) error {
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", built.dir + string(filepath.Separator)}
	for _, source := range sources {
		args = append(args, "./"+source)
	}
	return goTool(args...)
}

// buildHost puts plugins with their manifests where the host looks for them and
// links the host with their pins, as the Makefile does.
func buildHost() error {
	var pins []string
	for name, source := range builtins {
		pin, err := installPlugin(name, source)
		if err != nil {
			return err
		}
		pins = append(pins, pin)
	}
	return goTool("build", "-trimpath", "-o", filepath.Join(built.bin, exe("bulkhead")),
		"-ldflags", "-s -w -X github.com/bulkhead-ml/bulkhead/host/catalog.pins="+strings.Join(pins, ","), "./host/cmd/bulkhead")
}

func installPlugin(name, source string) (pin string, err error) {
	program := filepath.Join(built.bin, "plugins", name, exe("bulkhead-plugin-"+name))
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(built.dir, exe(path.Base(source))), program); err != nil {
		return "", err
	}
	stamp := exec.Command(filepath.Join(built.dir, exe("stamp")), filepath.Join(built.repo, source, "manifest.json"), program)
	out, err := stamp.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("stamping %s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func goTool(args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = built.repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// bulkhead is the path of the host.
func bulkhead() string { return filepath.Join(built.bin, exe("bulkhead")) }

// extra is the path of a program of the list extras, by its last part.
func extra(name string) string { return filepath.Join(built.dir, exe(name)) }

// copyProgram makes name a file of its own with from's bytes. A link would not
// do: making one changes the original's status while other tests measure it.
func copyProgram(from, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Chmod(0o755), dst.Close()) // whatever the umask is
}

// copyInstallation copies the host and its plugins to a directory.
func copyInstallation(dir string) error {
	return filepath.WalkDir(built.bin, func(name string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(built.bin, name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && rel == "tools":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		return copyProgram(name, filepath.Join(dir, rel))
	})
}
