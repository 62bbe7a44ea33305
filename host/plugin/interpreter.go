// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Interpreter is the program that runs a plugin which is a script. It is opened
// once and executed by that descriptor, under its own path as its name, since an
// interpreter finds its libraries by it. The script is opened once too, checked
// against Spec.Digest, and shown to the interpreter as that very file: below
// sandbox.PluginDir where the level has a root of its own, else in its place.
// The interpreter's own files are not checked.
//
// The argument vector is Path, Args, the script, Spec.Args. With Packages a line of
// Python stands before the script: it puts them on the module path and runs it.
type Interpreter struct {
	Path      string   // absolute: /opt/venv/bin/python
	Args      []string // options before the script: -I -B
	Libraries []string // absolute paths of the files and directories that it needs, at their own place
	Optional  []string // the same, where absence is no error
	Env       []string // KEY=value that its loader needs
	Version   string   // major and minor: 3.11
	Packages  string   // absolute path of the directory PackagesName beside a script of Python; "" for none
}

// PackagesName is the directory beside a script that holds the packages it brings.
const PackagesName = "site-packages"

// withPackages runs a script of Python with a directory of packages, which stands
// before it. In isolated mode no variable and no place beside the script would do.
const withPackages = "import runpy, sys; del sys.argv[0]; sys.path.insert(0, sys.argv.pop(0)); " +
	"runpy.run_path(sys.argv[0], run_name='__main__')"

// check refuses an interpreter whose place in a sandbox cannot be told.
func (i *Interpreter) check(s *Spec) error {
	for _, name := range append([]string{i.Path, s.Path}, slices.Concat(i.Libraries, i.Optional)...) {
		if !filepath.IsAbs(name) {
			return fmt.Errorf("plugin %q: the path %q of its script or interpreter is not absolute", s.Name, name)
		}
	}
	if i.Packages != "" && i.Packages != filepath.Join(filepath.Dir(s.Path), PackagesName) {
		return fmt.Errorf("plugin %q: the packages %q are not beside its script", s.Name, i.Packages)
	}
	return nil
}

// program is what a launch executes.
type program struct {
	exe    *os.File
	script *os.File // nil for a program of its own
}

// Close closes both files.
func (p program) Close() {
	_ = p.exe.Close()
	if p.script != nil {
		_ = p.script.Close()
	}
}

// openProgram opens and checks what a specification names.
func openProgram(s *Spec, cacheDir string) (program, string, error) {
	file, digest, err := openExecutable(s.Path, s.Digest, cacheDir)
	if err != nil || s.Interpreter == nil {
		return program{exe: file}, digest, err
	}
	exe, err := openRegular(s.Interpreter.Path)
	if err != nil {
		_ = file.Close()
		return program{}, "", fmt.Errorf("the interpreter of %s: %w", s.Path, err)
	}
	return program{exe: exe, script: file}, digest, nil
}

// binds are the files of an interpreter and its script.
func (i *Interpreter) binds(script *os.File, name string) []sandbox.Bind {
	binds := []sandbox.Bind{{Source: name, File: script, Target: scriptTarget(name), Access: sandbox.Read}}
	libraries := i.Libraries
	if i.Packages != "" {
		libraries = append(slices.Clone(libraries), i.Packages)
	}
	for _, library := range libraries {
		binds = append(binds, sandbox.Bind{Source: library, Own: true, Access: sandbox.Library})
	}
	for _, library := range i.Optional {
		binds = append(binds, sandbox.Bind{Source: library, Own: true, Access: sandbox.Library, Optional: true})
	}
	return binds
}

// scriptTarget is where a script appears in a root of its own.
func scriptTarget(name string) string { return path.Join(sandbox.PluginDir, filepath.Base(name)) }

// argv is the argument vector for a script under that name.
func (i *Interpreter) argv(script string, args []string) []string {
	run := []string{script}
	if i.Packages != "" {
		run = []string{"-c", withPackages, i.Packages, script}
	}
	return slices.Concat([]string{i.Path}, i.Args, run, args)
}

// launchScript starts an interpreter. A script has one name where the program
// has a root of its own and another where it has none, so the levels of both
// kinds are tried one after the other.
func launchScript(ctx context.Context, spec sandbox.Spec, i *Interpreter, name string, args []string) (*sandbox.Process, []string, error) {
	own, shared := spec, spec
	own.Args, shared.Args = i.argv(scriptTarget(name), args), i.argv(name, args)
	own.Floor = max(spec.Floor, sandbox.Namespaced)
	if spec.Runtime != "" || spec.Ceiling == 0 || spec.Ceiling >= sandbox.Namespaced {
		process, err := sandbox.Launch(ctx, own)
		var refused *sandbox.RefusedError
		if err == nil || !errors.As(err, &refused) || spec.Runtime != "" || floorOf(spec) >= sandbox.Namespaced {
			return process, nil, err
		}
		return launchShared(ctx, shared, refused.Attempts)
	}
	return launchShared(ctx, shared, nil)
}

// launchShared tries the levels without a root of their own, after others failed.
func launchShared(ctx context.Context, spec sandbox.Spec, before []error) (*sandbox.Process, []string, error) {
	if spec.Ceiling == 0 || spec.Ceiling >= sandbox.Namespaced {
		spec.Ceiling = sandbox.Namespaced - 1
	}
	process, err := sandbox.Launch(ctx, spec)
	var refused *sandbox.RefusedError
	if errors.As(err, &refused) {
		err = &sandbox.RefusedError{Floor: refused.Floor, Attempts: slices.Concat(before, refused.Attempts)}
	}
	var fallen []string
	for _, failed := range before {
		fallen = append(fallen, failed.Error())
	}
	return process, fallen, err
}

func floorOf(spec sandbox.Spec) sandbox.Level {
	if spec.Floor == 0 {
		return sandbox.DefaultFloor
	}
	return spec.Floor
}
