// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInterpreters: interpreters that are gone, are another's, or are not those
// that packages were made for.
func TestInterpreters(t *testing.T) {
	version := func(s *stage) said { return s.witness(s.python, "--version") }
	play(t,
		scenario{
			name: "80 interpreter of the virtual environment is gone", stage: func(*stage) {},
			breaks:  func(s *stage) { s.link("env/bin/"+s.linked(), s.home+"/.pyenv/versions/3.9.18/bin/python3") },
			witness: version, says: `exec (\S+): no such file or directory`, code: "python.venv-broken",
		},
		scenario{
			name: "80 virtual environment without bin/python", stage: func(*stage) {}, breaks: func(s *stage) {
				for _, glob := range []string{"python", "python3", "python3.*"} {
					s.remove("../../../bin/" + glob)
				}
			},
			witness: version, says: `exec \S+/(env)/bin/python: no such file or directory`, code: "python.venv-broken",
		},
		scenario{
			name: "71 the distribution's Python", stage: func(*stage) {}, breaks: func(s *stage) {
				if found, _ := filepath.Glob("/usr/lib/python3*/EXTERNALLY-MANAGED"); len(found) == 0 {
					s.t.Skip("no Python is managed by a distribution here")
				}
				s.target, s.python = "/usr/bin/python3", "/usr/bin/python3"
			},
			witness: func(s *stage) said {
				return s.witness(s.python, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", "--find-links", s.project, "bulkhead-no-such-package")
			},
			says: `error: externally-managed-environment`, code: "python.externally-managed", informal: true,
		},
		scenario{
			name: "wheel for Python 3.8", module: "numpy", stage: func(s *stage) { s.fromPyPI("numpy==2.0.2") },
			breaks: func(s *stage) {
				file := fetch(s.t, "numpy==1.24.4 --python-version 3.8 --implementation cp --abi cp38 --platform manylinux2014_"+machineName())
				s.uninstall("numpy")
				s.must(basePython(s.t), "-m", "zipfile", "-e", file, s.site)
				s.write(s.find("numpy-1.24.4.dist-info")+"/INSTALLER", "pip\n")
			},
			says: `No module named '(numpy)\.core\._multiarray_umath'`, code: "python.wheel-tags", also: []string{"python.requires-python"},
		},
		scenario{
			name: "Jupyter kernel of a deleted environment", stage: func(s *stage) {
				s.kernel(s.python)
			},
			breaks: func(s *stage) { s.kernel(s.home + "/.virtualenvs/old/bin/python") },
			witness: func(s *stage) said {
				return s.runs(`
import json, os, subprocess
argv = json.load(open(os.path.expanduser("~/.local/share/jupyter/kernels/old/kernel.json")))["argv"]
subprocess.run([argv[0], "--version"])`)
			},
			says: `No such file or directory: '(\S+)'`, code: "jupyter.kernel-broken",
		},
	)
}

// kernel writes the specification of a kernel, as ipykernel install --user does.
func (s *stage) kernel(python string) {
	s.write(s.home+"/.local/share/jupyter/kernels/old/kernel.json",
		`{"argv": ["`+python+`", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "old", "language": "python"}`)
}

// linked is the name in bin that the others lead to and that leads out of the
// environment.
func (s *stage) linked() string {
	for _, name := range []string{"python", "python3"} {
		if to, err := os.Readlink(s.prefix + "/bin/" + name); err == nil && filepath.IsAbs(to) {
			return name
		}
	}
	s.t.Skip("this Python's environments have no links")
	return ""
}

// link makes a symbolic link in place of what is there.
func (s *stage) link(name, to string) {
	s.t.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.Remove(name); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(to, name); err != nil {
		s.t.Fatal(err)
	}
}
