// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// The script of a real Python plugin: go-plugin's protocol with grpcio alone.
const pythonPlugin = `
import os, sys, threading
from concurrent import futures
import grpc
from google.protobuf import wrappers_pb2

def do(request, context):
    verb, _, argument = request.value.partition(":")
    if verb == "echo":
        return wrappers_pb2.BytesValue(value=argument.encode())
    if verb == "where":
        return wrappers_pb2.BytesValue(value=f"{__file__} {sys.prefix} {sys.base_prefix} {sys.argv}".encode())
    if verb == "raise":
        sys.stderr.write("Traceback (most recent call last):\n  File \"x\"\nKeyError: 'gpu'\n")
        sys.stderr.flush()
        os._exit(1)
    if verb == "read":
        try:
            return wrappers_pb2.BytesValue(value=open(argument, "rb").read())
        except OSError as e:
            return wrappers_pb2.BytesValue(value=str(e).encode())

handler = grpc.unary_unary_rpc_method_handler(
    do, request_deserializer=wrappers_pb2.StringValue.FromString,
    response_serializer=wrappers_pb2.BytesValue.SerializeToString)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bulkhead.test.Fixture", {"Do": handler}),))
path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "py")
server.add_insecure_port("unix:" + path)
server.start()
print(f"1|1|unix|{path}|grpc", flush=True)
threading.Event().wait()
`

// venv makes a virtual environment with grpcio once for all tests. It lies
// outside of /tmp, where every sandbox has its scratch directory.
var venv = sync.OnceValues(func() (string, error) {
	base := os.Getenv("BULKHEAD_TEST_VENV")
	if base == "" {
		var err error
		if base, err = os.MkdirTemp("/var/tmp", "plugin-venv"); err != nil {
			return "", err
		}
		afterAll = append(afterAll, func() { _ = os.RemoveAll(base) })
	}
	python := filepath.Join(base, "bin", "python")
	if exec.Command(python, "-I", "-c", "import grpc, google.protobuf").Run() == nil {
		return python, nil
	}
	if out, err := exec.Command("python3", "-m", "venv", base).CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	pip := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "grpcio", "protobuf")
	if out, err := pip.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return python, os.Chmod(base, 0o755)
})

// python is a specification of the Python plugin; it skips where none can be made.
func pythonSpec(t *testing.T) (Spec, Options, *logBuffer) {
	t.Helper()
	if testing.Short() && os.Getenv("BULKHEAD_TEST_VENV") == "" {
		t.Skip("makes a virtual environment; set BULKHEAD_TEST_VENV to one with grpcio")
	}
	path, err := venv()
	if err != nil {
		t.Skipf("no virtual environment with grpcio: %v", err)
	}
	interpreter, err := FindPython(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "plugin-script")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	spec, options, log := fixture(t, "")
	spec.Path, spec.Interpreter, spec.Args, spec.Env = filepath.Join(dir, "plugin.py"), interpreter, []string{"-v"}, nil
	spec.Limits.Processes, spec.StartTimeout = 128, 4*bound
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(spec.Path, []byte(pythonPlugin), 0o644)); err != nil {
		t.Fatal(err)
	}
	return spec, options, log
}

// A real Python with grpcio runs a script as a plugin, at every level.
func TestPythonPlugin(t *testing.T) {
	for _, level := range []sandbox.Level{0, sandbox.WallsOnly, sandbox.Weak, sandbox.None} {
		name := "highest"
		if level != 0 {
			name = level.String()
		}
		t.Run(name, func(t *testing.T) {
			spec, options, log := pythonSpec(t)
			spec.Ceiling, spec.Floor = level, level
			p, err := Launch(context.Background(), spec, options)
			var refused *sandbox.RefusedError
			if level == sandbox.WallsOnly && errors.As(err, &refused) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			defer p.Close(context.Background())
			if got, err := call(p, "echo:hello"); err != nil || got != "hello" {
				t.Fatalf("%q, %v\n%s", got, err, log)
			}
			where, _ := call(p, "where:")
			script := spec.Path
			if p.Sandbox().Level.Spaces() {
				script = "/plugin/plugin.py"
			}
			want := script + " " + filepath.Dir(filepath.Dir(spec.Interpreter.Path)) + " "
			if !strings.HasPrefix(where, want) || !strings.HasSuffix(where, "['"+script+"', '-v']") {
				t.Errorf("at %v it is %q, want %q", p.Sandbox().Level, where, want)
			}
			if text, _ := call(p, "read:/etc/shadow"); p.Sandbox().Level > sandbox.Weak && strings.Contains(text, "root:") {
				t.Errorf("it reads /etc/shadow: %.20q", text)
			}
		})
	}
}

func TestPythonDies(t *testing.T) {
	spec, options, _ := pythonSpec(t)
	p, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call(p, "raise"); err == nil || !strings.Contains(err.Error(), "crashed: KeyError: 'gpu' (exit status 1)") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(spec.Path, []byte("import no_such_module\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Launch(context.Background(), spec, options)
	var d *Death
	if !errors.As(err, &d) || d.Cause != Crashed || !strings.Contains(d.Headline, "No module named 'no_such_module'") {
		t.Errorf("got %v", err)
	}
}

// The script is held to its digest like a program.
func TestPythonDigest(t *testing.T) {
	spec, options, _ := pythonSpec(t)
	spec.Digest = "sha256:" + strings.Repeat("0", 64)
	_, err := Launch(context.Background(), spec, options)
	var wrong *DigestError
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v", err)
	}
	spec.Digest = wrong.Got
	p, err := Launch(context.Background(), spec, options)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Conn().Invoke(ctx, doMethod, wrapperspb.String("echo:x"), &wrapperspb.BytesValue{}); err != nil {
		t.Error(err)
	}
}

// Every Python of this machine finds its standard library in a sandbox, by the
// files that FindPython lists and no others.
func TestInstalledPythons(t *testing.T) {
	var paths []string
	home, _ := os.UserHomeDir()
	for _, pattern := range []string{
		"/usr/bin/python3", "/usr/local/bin/python3", "/opt/*/bin/python3", home + "/*conda3/bin/python3",
		home + "/.pyenv/versions/3.*/bin/python3", home + "/.local/share/uv/python/*/bin/python3",
	} {
		found, _ := filepath.Glob(pattern)
		paths = append(paths, found...)
	}
	if asked, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output(); err == nil {
		paths = append(paths, strings.TrimSpace(string(asked)))
	}
	if len(paths) == 0 {
		t.Skip("no Python here")
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		t.Run(path, func(t *testing.T) {
			interpreter, err := FindPython(path)
			if err != nil {
				t.Fatal(err)
			}
			spec, options, _ := fixture(t, "")
			spec.Path, spec.Interpreter, spec.Env = filepath.Join(t.TempDir(), "x.py"), interpreter, nil
			script := "import sys, json, ctypes, hashlib, socket\nprint(sys.prefix, file=sys.stderr)\nsys.exit(7)\n"
			if err := os.WriteFile(spec.Path, []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}
			prefix := filepath.Dir(filepath.Dir(path))
			_, err = Launch(context.Background(), spec, options)
			var d *Death
			if !errors.As(err, &d) || d.ExitCode != 7 || !slices.Contains(d.Stderr, prefix) {
				t.Errorf("prefix %s: %v", prefix, err)
			}
		})
	}
}

// A script needs no Python: any interpreter of the machine will do. This one dies
// at once, by its own words.
func TestShellScript(t *testing.T) {
	spec, options, _ := fixture(t, "")
	dir := t.TempDir()
	spec.Path, spec.Env = filepath.Join(dir, "x.sh"), nil
	spec.Interpreter = &Interpreter{Path: "/bin/sh", Optional: system}
	spec.Ceiling, spec.Floor = sandbox.None, sandbox.None
	if err := os.WriteFile(spec.Path, []byte("echo \"$0 $1\" >&2; exit 7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec.Args = []string{"argument"}
	_, err := Launch(context.Background(), spec, options)
	var d *Death
	if !errors.As(err, &d) || d.ExitCode != 7 || !strings.Contains(err.Error(), spec.Path+" argument") {
		t.Fatalf("got %v", err)
	}
}
