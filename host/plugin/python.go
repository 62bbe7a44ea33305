// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// A Python is two trees of files: the base installation with its standard
// library, and perhaps a virtual environment on top of it. How the interpreter
// itself finds them is described in CPython's Modules/getpath.py; what matters
// here of it:
//
//   - It starts from argv[0] and follows no link before it has looked for
//     pyvenv.cfg beside itself and one directory up.
//   - The line "home = DIR" of pyvenv.cfg names the base installation's bin.
//   - The prefix is the nearest directory above that holds lib/pythonX.Y/os.py.

// PythonError means that a file is not a Python that a plugin can run on.
type PythonError struct{ Path, Reason string }

// Error names the file, the reason and the way out.
func (e *PythonError) Error() string {
	return fmt.Sprintf("%s cannot run a plugin: %s", e.Path, e.Reason)
}

// python is what the files around an interpreter tell.
type python struct {
	path    string // as given, absolute
	links   []string
	binary  string // where the links end
	venv    string // the virtual environment; "" without one
	system  bool   // its packages may be used in the venv too
	prefix  string // the base installation
	version string // "3.11"
}

// FindPython describes the Python at a path, such as /opt/venv/bin/python, as an
// interpreter of plugins. It runs nothing and reads only the links, pyvenv.cfg
// and the names of directories. It knows venv and virtualenv, and the layouts of
// Debian and Fedora, python.org, conda, uv and pyenv. The error is a *PythonError
// or one of the file system.
//
// The options are -I (no PYTHON* variables, no packages of the user, nothing of
// the current directory) and -B (no bytecode is written).
func FindPython(path string) (*Interpreter, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := &python{path: path}
	if p.links, err = linkChain(path); err != nil {
		return nil, err
	}
	p.binary = p.links[len(p.links)-1]
	if err := p.checkBinary(); err != nil {
		return nil, err
	}
	home := filepath.Dir(p.binary)
	if cfg, dir := p.environment(); dir != "" {
		p.venv, p.system = dir, strings.EqualFold(cfg["include-system-site-packages"], "true")
		if cfg["home"] == "" {
			return nil, &PythonError{path, filepath.Join(dir, "pyvenv.cfg") + " has no line `home = ...`; make the environment again"}
		}
		home = cfg["home"]
	}
	if err := p.findBase(home); err != nil {
		return nil, err
	}
	return p.interpreter(), nil
}

// linkChain returns the path and every path that its links lead through. Only
// the last element is followed by hand; directories may be links too.
func linkChain(path string) ([]string, error) {
	chain := []string{path}
	for range 40 { // as many as the kernel follows
		target, err := os.Readlink(path)
		if err != nil {
			_, err = os.Stat(path)
			return chain, err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = filepath.Clean(target)
		chain = append(chain, path)
	}
	return nil, &PythonError{chain[0], "its links go round in circles"}
}

// checkBinary refuses what cannot be executed by its descriptor.
func (p *python) checkBinary() error {
	file, err := openRegular(p.binary)
	if err != nil {
		return err
	}
	defer file.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(file, magic); err != nil {
		return &PythonError{p.path, "it is too short for a program"}
	}
	if bytes.HasPrefix(magic, []byte("#!")) {
		return &PythonError{p.path, "it is a script; name the interpreter itself, as `python -c 'import sys; print(sys.executable)'` prints it"}
	}
	return nil
}

// environment looks for pyvenv.cfg, at each link as the interpreter would at the
// name that it was started by.
func (p *python) environment() (cfg map[string]string, dir string) {
	for _, link := range p.links {
		bin := filepath.Dir(link)
		for _, dir := range []string{filepath.Dir(bin), bin} {
			if text, err := readSmall(filepath.Join(dir, "pyvenv.cfg")); err == nil {
				return parseVenv(text), dir
			}
		}
	}
	return nil, ""
}

// maxVenv is the largest pyvenv.cfg, in bytes.
const maxVenv = 64 << 10

func readSmall(path string) (string, error) {
	file, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxVenv))
	return string(text), err
}

// parseVenv reads lines of "key = value"; keys are folded to lower case. Other
// lines are no error to Python either.
func parseVenv(text string) map[string]string {
	cfg := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(line, "="); found {
			cfg[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
		}
	}
	return cfg
}

var versioned = pattern.Lazy(`^python(3\.\d+)t?$`)

// findBase finds the prefix above the base installation's bin, and the version:
// by the binary's name where several are installed, else by the only library.
func (p *python) findBase(home string) error {
	home = filepath.Clean(home)
	candidates := []string{filepath.Dir(home)}
	if real, err := filepath.EvalSymlinks(home); err == nil {
		candidates = append(candidates, filepath.Dir(real))
	}
	if real, err := filepath.EvalSymlinks(p.binary); err == nil {
		candidates = append(candidates, filepath.Dir(filepath.Dir(real)))
	}
	var found []string
	for _, prefix := range candidates {
		for _, version := range libraries(prefix) {
			if match := versioned().FindStringSubmatch(filepath.Base(p.binary)); match != nil && match[1] != version {
				continue
			}
			p.prefix, p.version = prefix, version
			found = append(found, version)
		}
		if len(found) == 1 {
			return nil
		}
		if len(found) > 1 {
			return &PythonError{p.path, fmt.Sprintf("%s holds several Pythons (%s); name one, such as %s", prefix, strings.Join(found, ", "), filepath.Join(home, "python"+found[len(found)-1]))}
		}
	}
	return &PythonError{p.path, fmt.Sprintf("there is no standard library lib/python3.*/os.py in %s; is the base installation still there", strings.Join(slices.Compact(candidates), " or "))}
}

// libraries are the versions whose standard library lies below a prefix.
func libraries(prefix string) []string {
	var out []string
	for _, lib := range []string{"lib", "lib64"} {
		dirs, _ := os.ReadDir(filepath.Join(prefix, lib))
		for _, dir := range dirs {
			version, ok := strings.CutPrefix(dir.Name(), "python")
			_, err := os.Stat(filepath.Join(prefix, lib, dir.Name(), "os.py"))
			if ok && err == nil && strings.HasPrefix(version, "3.") && !slices.Contains(out, version) {
				out = append(out, version)
			}
		}
	}
	return out
}
