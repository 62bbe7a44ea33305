// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// programs are the plugins of these tests, built when first asked for.
var programs struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	code := m.Run()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// program is the path of an executable that behaves as its name says: the
// example hello-check, or one of the ways of internal/hostile.
func program(t testing.TB, name string) string {
	t.Helper()
	programs.once.Do(func() { programs.err = buildPrograms() })
	if programs.err != nil {
		t.Fatal(programs.err)
	}
	source := "hostile"
	if name == "hello-check" {
		source = name
	}
	data, err := os.ReadFile(filepath.Join(programs.dir, source))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := errors.Join(os.WriteFile(file, data, 0o755), os.Chmod(file, 0o755)); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return file
}

func buildPrograms() (err error) {
	if programs.dir, err = os.MkdirTemp("", "catalog-test-"); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", programs.dir+string(filepath.Separator), "./internal/hostile", "./examples/hello-check")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
