// SPDX-License-Identifier: Apache-2.0

package target

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// machineWith makes a recorded machine of empty files; a name that ends in "/"
// is a directory.
func machineWith(t *testing.T, names ...string) *Machine {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		writeFile(t, root, name, "")
	}
	m, err := At(root, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func writeFile(t *testing.T, root, name, text string) {
	t.Helper()
	full := filepath.Join(root, filepath.FromSlash(name))
	if strings.HasSuffix(name, "/") {
		full = filepath.Join(full, "x")
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, "/") {
		return
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// granted lists the paths that read grants for patterns give.
func granted(m *Machine, patterns ...string) []string {
	var grants []manifest.Grant
	for _, p := range patterns {
		grants = append(grants, manifest.Grant{Kind: manifest.Read, Path: p})
	}
	out := []string{}
	for _, b := range m.Expand(grants).Binds {
		out = append(out, b.Source)
	}
	return out
}

func TestExpandPaths(t *testing.T) {
	m := machineWith(t,
		"/etc/os-release", "/etc/passwd", "/proc/self/status", "/proc/7/status",
		"/usr/lib/python3.9/os.py", "/usr/lib/python3.11/os.py", "/usr/lib/x/libc.so.6", "/usr/lib/y/libc.so.6",
		"/home/ada/.cache/hub/version.txt", "/home/ada/train/Dockerfile", "/home/ada/train/a/Dockerfile",
		"/data/one/lib.so", "/data/two/lib.so", "/srv/cert.pem")
	m.Home, m.ProjectDir = "/home/ada", "/home/ada/train"
	m.Env = map[string]string{
		"CERT": "/srv/cert.pem", "LIBS": "/data/one:/data/two:relative::/nowhere", "EMPTY": "", "RELATIVE": "train", "UP": "/data/../data/one/",
	}
	for _, tt := range []struct {
		name  string
		grant string
		want  []string
	}{
		{"a file", "/etc/os-release", []string{"/etc/os-release"}},
		{"a directory", "/etc", []string{"/etc"}},
		{"a file that is not there", "/etc/shadow", nil},
		{"a glob in a name", "/usr/lib/python3*", []string{"/usr/lib/python3.11", "/usr/lib/python3.9"}},
		{"a glob in the middle", "/usr/lib/*/libc.so.6", []string{"/usr/lib/x/libc.so.6", "/usr/lib/y/libc.so.6"}},
		{"a glob that matches nothing", "/opt/*/bin", nil},
		{"a glob does not cross directories", "/home/*/Dockerfile", nil},
		{"home", "~/.cache/hub", []string{"/home/ada/.cache/hub"}},
		{"project", "./Dockerfile", []string{"/home/ada/train/Dockerfile"}},
		{"project with a glob", "./*/Dockerfile", []string{"/home/ada/train/a/Dockerfile"}},
		{"the examined process", "${process}/status", []string{"/proc/self/status"}},
		{"a variable that names a file", "$CERT", []string{"/srv/cert.pem"}},
		{"a list of directories", "$LIBS/", []string{"/data/one", "/data/two"}},
		{"below a list of directories", "$LIBS/lib.so", []string{"/data/one/lib.so", "/data/two/lib.so"}},
		{"a value that is cleaned", "$UP", []string{"/data/one"}},
		{"a variable that is empty", "$EMPTY/lib.so", nil},
		{"a variable that is not set", "$UNSET/lib.so", nil},
		{"a relative value", "$RELATIVE/Dockerfile", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := granted(m, tt.grant); !slices.Equal(got, tt.want) {
				t.Errorf("%s grants %v, want %v", tt.grant, got, tt.want)
			}
		})
	}
}

// A variable of the environment must not widen a grant to everything.
func TestWideValuesGrantNothing(t *testing.T) {
	m := machineWith(t, "/etc/passwd", "/home/ada/x", "/usr/local/lib/x", "/tmp/x", "/root/x", "/proc/1/environ")
	for _, value := range []string{"/", "//", "/.", "/etc/..", "/etc", "/etc/", "/home", "/usr", "/usr/local", "/usr/local/.", "/tmp", "/root", "/proc", "."} {
		m.Env = map[string]string{"WIDE": value, "VIRTUAL_ENV": value}
		if got := granted(m, "$WIDE", "${python}"); len(got) > 0 {
			t.Errorf("the value %q grants %v", value, got)
		}
	}
	m.Home, m.ProjectDir = "/", "/"
	if got := granted(m, "~", ".", "~/", "./"); len(got) > 0 {
		t.Errorf("a home and project of / grant %v", got)
	}
}

func TestNestedGrantsAreOne(t *testing.T) {
	m := machineWith(t, "/opt/a/b/c", "/opt/a/x", "/opt/ab", "/opt/z")
	got := granted(m, "/opt/a/b/c", "/opt/a", "/opt/a/x", "/opt/ab", "/opt/a")
	if want := []string{"/opt/a", "/opt/ab"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, b := range m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: "/opt/z"}}).Binds {
		if !b.Optional || b.Access == sandbox.Device {
			t.Errorf("%+v", b)
		}
	}
}

// A device node of another machine's disk would be a device of this one.
func TestForeignDevicesAreNotOpened(t *testing.T) {
	m := machineWith(t, "/dev/nvidia0")
	for _, b := range m.Expand([]manifest.Grant{{Kind: manifest.Device, Path: "/dev/nvidia0"}}).Binds {
		if b.Access == sandbox.Device {
			t.Errorf("%+v", b)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	live := &Machine{}
	binds := live.Expand([]manifest.Grant{{Kind: manifest.Device, Path: "/dev/null"}, {Kind: manifest.Read, Path: "/dev/zero"}}).Binds
	var devices []string
	for _, b := range binds {
		if b.Access == sandbox.Device {
			devices = append(devices, b.Source)
		}
	}
	if !slices.Equal(devices, []string{"/dev/null"}) {
		t.Errorf("device binds %v of %+v", devices, binds)
	}
}

func TestExpandVariables(t *testing.T) {
	m := &Machine{Env: map[string]string{"CUDA_HOME": "/cuda", "CUDA_VISIBLE_DEVICES": "0", "CUDAX": "1", "SECRET": "s", "path": "lower"}}
	got := m.Expand([]manifest.Grant{{Kind: manifest.Env, Name: "CUDA_*"}, {Kind: manifest.Env, Name: "PATH"}, {Kind: manifest.Env, Name: "SECRE"}}).Env
	if want := map[string]string{"CUDA_HOME": "/cuda", "CUDA_VISIBLE_DEVICES": "0"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPythonGrants(t *testing.T) {
	m := machineWith(t, "/envs/a/bin/python3", "/envs/b/bin/python3", "/conda/bin/python", "/base/3.11/bin/python3.11", "/base/3.11/lib/python3.11/os.py", "/envs/named/bin/python3")
	writeFile(t, m.Root, "/envs/a/pyvenv.cfg", "home = /base/3.11/bin\nversion = 3.11.7\n")
	writeFile(t, m.Root, "/envs/b/pyvenv.cfg", "version = 3\nnot a setting\n")
	m.Env = map[string]string{"VIRTUAL_ENV": "/envs/a", "CONDA_PREFIX": "/conda"}
	m.Pythons = []string{"/envs/named/bin/python3", "/envs/b", "/absent/bin/python"}
	want := []string{"/base/3.11", "/conda", "/envs/a", "/envs/b", "/envs/named"}
	if got := granted(m, "${python}"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestThisMachine(t *testing.T) {
	t.Setenv("BULKHEAD_TARGET_TEST", "seen")
	dir := t.TempDir()
	m, err := This(dir, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Live() || m.Env["BULKHEAD_TARGET_TEST"] != "seen" || m.ProjectDir != filepath.ToSlash(dir) || len(m.Pythons) != 1 {
		t.Errorf("%+v", m)
	}
	if _, err := This("", []string{filepath.Join(dir, "absent")}); err == nil || !strings.Contains(err.Error(), "give an interpreter") {
		t.Errorf("an absent environment: %v", err)
	}
}

func TestMessage(t *testing.T) {
	m := &Machine{
		Root: "/mnt", ProcessDir: "/proc/self", Home: "/home/ada", ProjectDir: "/p", OS: "linux", Arch: "arm64", Pythons: []string{"/e"},
		Filesystems: map[string]Usage{"/": {Total: 10, Free: 3}}, Env: map[string]string{"SECRET": "s"},
	}
	got := m.Message("/target", View{Env: map[string]string{"A": "1"}})
	if got.GetLive() || got.GetRoot() != "/target" || got.GetHome() != "/home/ada" || got.GetProjectDir() != "/p" || got.GetArch() != "arm64" {
		t.Errorf("%v", got)
	}
	if len(got.GetEnv()) != 1 || got.GetFilesystems()["/"].GetFreeBytes() != 3 {
		t.Errorf("a plugin sees %v", got)
	}
}

func TestLooksLikeOne(t *testing.T) {
	for _, name := range []string{"etc", "nix", "Windows", MachineFile} {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (&Machine{Root: root}).LooksLikeOne(); err != nil {
			t.Errorf("with %s: %v", name, err)
		}
	}
	err := (&Machine{Root: t.TempDir()}).LooksLikeOne()
	if err == nil || !strings.Contains(err.Error(), "is the disk mounted") {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestPythonOnPath: the first interpreter on PATH belongs to the environment that
// an image made the active one; one of the system grants nothing more.
func TestPythonOnPath(t *testing.T) {
	m := machineWith(t, "/opt/venv/bin/python3", "/usr/bin/python3", "/opt/conda/bin/python3", "/opt/conda/conda-meta/history")
	writeFile(t, m.Root, "/opt/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.10.12\n")
	m.OS = "linux"
	for search, want := range map[string][]string{
		"/opt/venv/bin:/usr/bin": {"/opt/venv"}, "/opt/conda/bin:/opt/venv/bin": {"/opt/conda"}, "relative:/absent:/opt/venv/bin": {"/opt/venv"},
		"/usr/bin:/opt/venv/bin": nil, "": nil,
	} {
		m.Env = map[string]string{"PATH": search}
		got := slices.DeleteFunc(granted(m, "${python}"), func(p string) bool { return strings.HasPrefix(p, "/usr/") })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", search, got, want)
		}
	}
}
