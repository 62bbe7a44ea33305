// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// origin prints where a module comes from when it is neither the environment's
// nor the standard library's.
func origin(module string) func(*stage) said {
	return running("import " + module + ", sys\nif not " + module + ".__file__.startswith((sys.prefix, sys.base_prefix)): print('imported', " + module + ".__file__)")
}

// TestSearchPath: what is found before the packages of the environment.
func TestSearchPath(t *testing.T) {
	numpy := func(s *stage) { s.fromPyPI("numpy==2.0.2") }
	play(t,
		scenario{
			name: "68 numpy.py in the project", module: "numpy", stage: numpy,
			breaks:  func(s *stage) { s.write(s.project+"/numpy.py", "import numpy\nprint(numpy.arange(3))\n") },
			witness: running("import numpy"), says: `File "(\S+/numpy\.py)"(?:.|\n)*module '(numpy)' has no attribute`, code: "python.module-shadowed",
		},
		scenario{
			name: "68 torch package in the project", module: "torch", stage: func(s *stage) { s.install(torch{}.wheel(s)) },
			breaks:  func(s *stage) { s.write(s.project+"/torch/__init__.py", "") },
			witness: origin("torch"), says: `imported \S+/(torch)/__init__\.py`, code: "python.module-shadowed",
		},
		scenario{
			name: "68 directory without __init__.py in the project", module: "numpy", stage: numpy,
			breaks: func(s *stage) { s.write(s.project+"/numpy/notes.py", "") },
		},
		scenario{
			name: "68 random.py on PYTHONPATH", module: "numpy", stage: numpy, breaks: func(s *stage) {
				s.write(s.dir+"/tools/random.py", "print('rolls dice')\n")
				s.env["PYTHONPATH"] = s.dir + "/tools"
			},
			witness: origin("random"), says: `imported (\S+/random\.py)`, code: "python.module-shadowed", also: []string{"probe.import-failed", "probe.tensor-failed"},
		},
		scenario{
			name: "PYTHONPATH of Python 3.8", module: "numpy", stage: numpy, breaks: foreignPath,
			says: `python(3\.8)/site-packages/numpy/`, probe: `you should not try to import numpy from its source directory|No module named 'numpy\._core`, code: "python.pythonpath-foreign",
		},
		scenario{
			name: "packages in the home directory", stage: func(s *stage) {
				s.ownInterpreter()
				s.install(wheel{name: "thing", version: "2.0", files: map[string]string{"thing.py": "__version__ = '2.0'\n"}})
			},
			breaks: func(s *stage) {
				local := filepath.Join(s.home, ".local", strings.TrimPrefix(s.site, s.prefix))
				s.must(basePython(s.t), "-m", "pip", "install", "--quiet", "--no-index", "--target", local,
					s.pack(wheel{name: "thing", version: "1.0", files: map[string]string{"thing.py": "__version__ = '1.0'\n"}}))
			},
			witness: running("import thing\nif '/.local/' in thing.__file__: print('imported', thing.__version__, thing.__file__)"),
			says:    `imported (1\.0) \S+/(thing)\.py`, code: "python.user-site-shadows", informal: true,
		},
	)
}

// foreignPath puts NumPy, as installed for another Python, on PYTHONPATH.
func foreignPath(s *stage) {
	site := filepath.Join(s.dir, "old/lib/python3.8/site-packages")
	if err := os.CopyFS(filepath.Join(site, "numpy"), os.DirFS(filepath.Join(s.site, "numpy"))); err != nil {
		s.t.Fatal(err)
	}
	libraries, _ := filepath.Glob(site + "/numpy/*/*.cpython-*.so")
	for _, name := range libraries {
		stem, rest, _ := strings.Cut(name, ".cpython-")
		_, platform, _ := strings.Cut(rest, "-")
		if err := os.Rename(name, stem+".cpython-38-"+platform); err != nil {
			s.t.Fatal(err)
		}
	}
	s.env["PYTHONPATH"] = site
}

// ownInterpreter replaces the virtual environment by an interpreter with a
// directory of packages of its own: the standard library is linked to.
func (s *stage) ownInterpreter() {
	out := strings.Fields(s.must(basePython(s.t), "-c", "import os, sys; print(os.path.realpath(sys.executable), os.path.dirname(os.__file__))"))
	executable, library := out[0], out[1]
	if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(executable)), "lib", filepath.Base(library), "os.py")); err != nil {
		s.t.Skip("the standard library does not lie beside the interpreter")
	}
	s.prefix = s.dir + "/python"
	own := filepath.Join(s.prefix, "lib", filepath.Base(library))
	s.site = own + "/site-packages"
	s.python, s.target = filepath.Join(s.prefix, "bin/python"), filepath.Join(s.prefix, "bin/python")
	data, err := os.ReadFile(executable)
	if err == nil {
		s.write(s.python, string(data))
		err = os.Chmod(s.python, 0o755)
	}
	entries, _ := os.ReadDir(library)
	for _, e := range entries {
		if err == nil && e.Name() != "site-packages" && e.Name() != "EXTERNALLY-MANAGED" {
			s.write(own+"/.made", "")
			err = os.Symlink(filepath.Join(library, e.Name()), filepath.Join(own, e.Name()))
		}
	}
	if err == nil {
		err = os.MkdirAll(s.site, 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
