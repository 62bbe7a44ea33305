// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fetched are the wheels of PyPI that a run has, each downloaded once.
var fetched = struct {
	sync.Mutex
	once map[string]func() (path, complaint string)
}{once: map[string]func() (string, string){}}

// fromPyPI installs wheels of PyPI, or skips the scenario where there are none.
func (s *stage) fromPyPI(requirements ...string) {
	s.t.Helper()
	var paths []string
	for _, r := range requirements {
		paths = append(paths, fetch(s.t, r))
	}
	s.installFiles(paths...)
}

// fetch returns the file of a wheel. What follows the requirement, as in
// "numpy==1.24.4 --python-version 3.8", are options of pip download.
func fetch(t *testing.T, requirement string) string {
	t.Helper()
	python := basePython(t)
	fetched.Lock()
	get, ok := fetched.once[requirement]
	if !ok {
		get = sync.OnceValues(func() (string, string) { return download(python, requirement) })
		fetched.once[requirement] = get
	}
	fetched.Unlock()
	file, complaint := get()
	switch {
	case file != "":
		return file
	case strings.Contains(complaint, "from versions: none") || strings.Contains(complaint, "NewConnectionError") || strings.Contains(complaint, "Max retries"):
		t.Skipf("PyPI cannot be reached: %.300s", complaint)
	case strings.Contains(complaint, "No matching distribution"):
		t.Skipf("PyPI has no such wheel for this Python: %.300s", complaint)
	}
	t.Fatalf("pip download %s: %s", requirement, complaint)
	return ""
}

func download(python, requirement string) (file, complaint string) {
	dir, err := os.MkdirTemp(work, "wheel-")
	if err != nil {
		return "", err.Error()
	}
	args := append([]string{"-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", dir},
		strings.Fields(requirement)...)
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil {
		return "", err.Error() + "\n" + string(out)
	}
	files, _ := filepath.Glob(dir + "/*.whl")
	if len(files) != 1 {
		return "", "no wheel: " + string(out)
	}
	return files[0], ""
}
