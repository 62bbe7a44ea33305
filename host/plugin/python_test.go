// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files below a new directory: a text that starts with "->" is a link,
// and a name that ends with "/" a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "ROOT", root)
		if target, link := strings.CutPrefix(text, "->"); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const elf = "\x7fELF and more"

func TestFindPython(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		libs  []string // that must be there, below the root
		env   string
	}{
		"conda": {
			files: map[string]string{"c/bin/python": "->python3.12", "c/bin/python3.12": elf, "c/lib/python3.12/os.py": ""},
			path:  "c/bin/python", libs: []string{"c/lib"},
		},
		"venv of pyenv": {
			files: map[string]string{
				"p/bin/python3.11": elf, "p/lib/python3.11/os.py": "", "p/lib/libpython3.11.so.1.0": "",
				"v/bin/python": "->python3", "v/bin/python3": "->ROOT/p/bin/python3.11", "v/pyvenv.cfg": "home = ROOT/p/bin\nversion = 3.11.7\n",
			},
			path: "v/bin/python", libs: []string{"p/lib", "v"}, env: "LD_LIBRARY_PATH=ROOT/p/lib",
		},
		"uv, through a linked directory": {
			files: map[string]string{
				"uv/cpython-3.12.5/bin/python3.12": elf, "uv/cpython-3.12.5/lib/python3.12/os.py": "", "uv/cpython-3.12": "->cpython-3.12.5",
				"v/bin/python": "->ROOT/uv/cpython-3.12/bin/python3.12", "v/pyvenv.cfg": "home = ROOT/uv/cpython-3.12/bin\nuv = 0.8\nversion_info = 3.12.5\n",
			},
			path: "v/bin/python", libs: []string{"uv/cpython-3.12/lib", "v"},
		},
		"fedora": {
			files: map[string]string{"usr/bin/python3": "->python3.13", "usr/bin/python3.13": elf, "usr/lib64/python3.13/os.py": "", "usr/lib/python3.13/site-packages/x": ""},
			path:  "usr/bin/python3", libs: []string{"usr/lib64"},
		},
		"several in one prefix": {
			files: map[string]string{"l/bin/python3.10": elf, "l/bin/python3.12": elf, "l/lib/python3.10/os.py": "", "l/lib/python3.12/os.py": ""},
			path:  "l/bin/python3.12", libs: []string{"l/lib"},
		},
		"copied venv": {
			files: map[string]string{"b/bin/python3.12": elf, "b/lib/python3.12/os.py": "", "v/bin/python": elf, "v/pyvenv.cfg": "HOME=ROOT/b/bin"},
			path:  "v/bin/python", libs: []string{"b/lib", "v"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, c.files)
			i, err := FindPython(filepath.Join(root, c.path))
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, lib := range c.libs {
				want = append(want, filepath.Join(root, lib))
			}
			slices.Sort(want)
			if !slices.Equal(i.Libraries, want) || i.Path != filepath.Join(root, c.path) || !slices.Equal(i.Args, []string{"-I", "-B"}) {
				t.Errorf("got %+v, want %q", i, want)
			}
			if env := strings.Join(i.Env, " "); env != strings.ReplaceAll(c.env, "ROOT", root) {
				t.Errorf("environment %q", env)
			}
			if !slices.Contains(i.Optional, "/usr/lib") {
				t.Errorf("the machine's own libraries are missing: %q", i.Optional)
			}
		})
	}
}

func TestNotAPython(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a shim":         {map[string]string{"python": "#!/bin/sh\n"}, "name the interpreter itself"},
		"no base":        {map[string]string{"v/bin/python": elf, "v/pyvenv.cfg": "home = ROOT/gone/bin", "python": "->v/bin/python"}, "is the base installation still there"},
		"no home":        {map[string]string{"v/bin/python": elf, "v/pyvenv.cfg": "version = 3.12", "python": "->v/bin/python"}, "has no line `home = ...`"},
		"two of them":    {map[string]string{"p/bin/python": elf, "p/lib/python3.1/os.py": "", "p/lib/python3.2/os.py": "", "python": "->p/bin/python"}, "several Pythons (3.1, 3.2)"},
		"a ring":         {map[string]string{"python": "->other", "other": "->python"}, "circles"},
		"nothing":        {map[string]string{"x": ""}, "no such file"},
		"an empty file":  {map[string]string{"python": ""}, "too short"},
		"a ghost of 2.7": {map[string]string{"bin/python2.7": elf, "lib/python2.7/os.py": "", "python": "->bin/python2.7"}, "no standard library"},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, c.files)
			_, err := FindPython(filepath.Join(root, "python"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v", err)
			}
			var known *PythonError
			if !errors.As(err, &known) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("no typed error: %v", err)
			}
		})
	}
}

func TestOutermost(t *testing.T) {
	got := outermost([]string{"/usr/lib64", "/usr/lib/python3", "/usr/lib", "/opt/v", "/opt/v", "/opt/venv"})
	if want := []string{"/opt/v", "/opt/venv", "/usr/lib", "/usr/lib64"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzParseVenv(f *testing.F) {
	for _, s := range []string{"home = /usr/bin\nversion = 3.11", "HOME=x", "=", "a=b=c", "\x00\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for key, value := range parseVenv(text) {
			if key != strings.ToLower(key) || strings.ContainsAny(key, "=\n") || strings.Contains(value, "\n") {
				t.Fatalf("%q gave %q = %q", text, key, value)
			}
		}
	})
}

// An installation that comes with a plugin shows it no files of the user.
func TestPythonFromAnybody(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"the other library is a link":    {"p/lib/python3.12/os.py": "", "p/lib64/python3.12": "->ROOT/home"},
		"the other libraries are a link": {"p/libx/python3.12/os.py": "", "p/lib64": "->ROOT/home"},
		"the home is a pattern":          {"p/x/lib/python3.12/os.py": "", "venv/pyvenv.cfg": "home = ROOT/p/*/bin"},
		"the home is relative":           {"venv/pyvenv.cfg": "home = ../p/bin"},
	} {
		t.Run(name, func(t *testing.T) {
			files["home/.ssh/id"], files["p/bin/python3.12"], files["venv/bin/python"] = "", elf, "->../../p/bin/python3.12"
			root := tree(t, files)
			i, err := FindPython(filepath.Join(root, "venv/bin/python"))
			if err != nil {
				return
			}
			for _, lib := range slices.Concat(i.Libraries, i.Optional) {
				if real, err := filepath.EvalSymlinks(lib); err == nil && strings.HasPrefix(real, root+"/home") || !filepath.IsAbs(lib) || strings.Contains(lib, "*") {
					t.Errorf("%q is shown", lib)
				}
			}
		})
	}
}
