// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program is executed under the path that its arguments name: where nothing is,
// where a bind has a link that leads nowhere, as virtual environments have, and
// where a bind has another file.
func TestPlace(t *testing.T) { eachRuntime(t, testPlace) }

func testPlace(t *testing.T, runtime string) {
	venv := publicDir(t)
	bin := filepath.Join(venv, "bin")
	if err := errors.Join(
		os.Mkdir(bin, 0o755), os.Symlink("tool3", filepath.Join(bin, "tool")), os.Symlink("/opt/base/bin/tool3", filepath.Join(bin, "tool3")),
		os.WriteFile(filepath.Join(bin, "copy"), []byte("another file"), 0o755),
	); err != nil {
		t.Fatal(err)
	}
	for place, exe := range map[string]string{
		"/opt/alone/tool": "/opt/alone/tool", "/opt/venv/bin/tool": "/opt/base/bin/tool3", "/opt/venv/bin/copy": "/opt/venv/bin/copy",
	} {
		seen := look(t, func(r *Request) {
			r.Args[0], r.Binds = place, []Bind{{Source: venv, Target: "/opt/venv", Access: Library}}
		}, runtime, "exe", "read:/proc/self/cmdline", "write:"+place)
		if name, _, _ := strings.Cut(seen["read:/proc/self/cmdline"], "\x00"); name != place || seen["exe"] != exe {
			t.Errorf("%s: argv[0] is %q, the executable %q", place, name, seen["exe"])
		}
		if !strings.HasPrefix(seen["write:"+place], "refused: ") {
			t.Errorf("%s can be overwritten: %s", place, seen["write:"+place])
		}
	}
	if text, err := os.ReadFile(filepath.Join(bin, "copy")); string(text) != "another file" {
		t.Errorf("the machine's own file holds %.20q, %v", text, err)
	}
}

// publicDir is a directory that the program's user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "place")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A Python of a virtual environment finds the environment's packages.
func TestPythonEnvironment(t *testing.T) { eachRuntime(t, testPythonEnvironment) }

func testPythonEnvironment(t *testing.T, runtime string) {
	python := os.Getenv("BULKHEAD_TEST_PYTHON")
	if python == "" {
		t.Skip("set BULKHEAD_TEST_PYTHON to a Python of a virtual environment with grpcio")
	}
	asked, err := exec.Command(python, "-I", "-c", "import sys, grpc; print(sys.base_prefix)").Output()
	if err != nil {
		t.Skipf("%s has no grpcio: %v", python, err)
	}
	exe, err := os.Open(python)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	const venv = "/opt/venv"
	lib := filepath.Join(strings.TrimSpace(string(asked)), "lib")
	r, o := request(t, runtime, "-I", "-B", "-c", "import sys, grpc; print(sys.prefix, grpc.__file__.startswith(sys.prefix))")
	r.Exe, r.Args[0], r.Env = exe, filepath.Join(venv, "bin", filepath.Base(python)), []string{"LD_LIBRARY_PATH=" + lib}
	r.Binds = []Bind{{Source: filepath.Dir(filepath.Dir(python)), Target: venv, Access: Library}, {Source: lib, Target: lib, Access: Library}}
	for _, dir := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64"} {
		if real, err := filepath.EvalSymlinks(dir); err == nil && dir != lib {
			r.Binds = append(r.Binds, Bind{Source: real, Target: dir, Access: Library})
		}
	}
	h := run(t, r, o)
	said, _ := io.ReadAll(o.stdout)
	awaitDone(t, h)
	words, _ := io.ReadAll(o.stderr)
	if string(said) != venv+" True\n" {
		t.Errorf("it says %q and %q, exit %+v", said, words, h.Exit())
	}
}
