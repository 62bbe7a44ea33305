// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// machinePlaces are what frameworks read of a machine beside libraries.
var machinePlaces = []string{
	"/usr/local/cuda", "/sys/devices/system", "/sys/bus/pci/devices", "/sys/module/nvidia", "/etc/OpenCL", "/run/opengl-driver",
}

// binds are the files that an import may need, at their own places.
func (s script) binds(o *Options, i *plugin.Interpreter) []sandbox.Bind {
	var binds []sandbox.Bind
	var seen []string
	for _, library := range i.Libraries {
		if parts := narrowed(library, o.Home, environmentPart); parts != nil {
			binds = append(binds, optional(parts)...)
			seen = append(seen, parts...)
			continue
		}
		binds, seen = append(binds, sandbox.Bind{Source: library, Access: sandbox.Library}), append(seen, library)
	}
	dirs := slices.Concat(i.Optional, machinePlaces, glob("/usr/local/cuda-*", "/usr/lib/gcc", "/sys/devices/pci*"))
	for _, dir := range s.searched(o, i) {
		if parts := narrowed(dir, o.Home, isModule); parts != nil {
			dirs = append(dirs, parts...)
		} else {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		if !covered(dir, seen) {
			seen = append(seen, dir)
			binds = append(binds, optional([]string{dir})...)
		}
	}
	return append(binds, devices()...)
}

// searched are the directories that the user, or an installer, tells the
// interpreter and the loader to look in.
func (s script) searched(o *Options, i *plugin.Interpreter) []string {
	dirs := append(places(o.Env["LD_LIBRARY_PATH"], o.Project), places(o.Env["PYTHONPATH"], o.Project)...)
	dirs = append(dirs, s.project, o.Env["PYTHONUSERBASE"])
	if o.Home != "" {
		dirs = append(dirs, o.Home+"/.local/lib/python"+i.Version) // packages of the user
	}
	dirs = append(dirs, linked(i, o.Home)...)
	return slices.DeleteFunc(dirs, func(dir string) bool { return !filepath.IsAbs(dir) })
}

// places are the directories of a list in a variable. What is relative, or
// empty, counts from the directory where the user starts programs.
func places(list, project string) []string {
	if list == "" {
		return nil
	}
	var out []string
	for _, dir := range strings.Split(list, ":") {
		if !filepath.IsAbs(dir) {
			if project == "" {
				continue
			}
			dir = filepath.Join(project, dir)
		}
		out = append(out, dir)
	}
	return out
}

func optional(names []string) []sandbox.Bind {
	out := make([]sandbox.Bind, len(names))
	for i, name := range names {
		out[i] = sandbox.Bind{Source: name, Access: sandbox.Library, Optional: true}
	}
	return out
}

// shared are directories that hold more than one project's files, and secrets
// among them.
var shared = []string{"/", "/etc", "/root", "/home", "/var", "/var/tmp", "/var/lib", "/run", "/tmp", "/mnt", "/media", "/srv", "/proc", "/sys", "/dev"}

// Bounds of what is looked at in a shared directory.
const (
	maxListed = 4096
	maxParts  = 256
)

// narrowed are the parts of a shared directory that an import may need; nil for
// a directory that is granted as a whole. A home, and what a home lies in, is
// shared: keys and tokens lie beside the modules.
func narrowed(dir, home string, wanted func(os.DirEntry, string) bool) []string {
	if !isShared(dir, home) {
		return nil
	}
	return listed(dir, wanted)
}

// listed are the visible entries of a directory that are wanted; not nil.
func listed(dir string, wanted func(os.DirEntry, string) bool) []string {
	parts := []string{}
	file, err := os.Open(dir)
	if err != nil {
		return parts
	}
	defer file.Close()
	entries, _ := file.ReadDir(maxListed) // what was read before an error counts
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if len(parts) < maxParts && !strings.HasPrefix(e.Name(), ".") && wanted(e, name) {
			parts = append(parts, name)
		}
	}
	return parts
}

func isShared(dir, home string) bool {
	dir, home = resolved(dir), resolved(home)
	return slices.Contains(shared, dir) || filepath.IsAbs(home) && covered(home, []string{dir}) || isHome(dir)
}

// isHome reports whether a directory is somebody's home: under sudo that of the
// user is not $HOME.
func isHome(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ".ssh"))
	return err == nil || filepath.Dir(dir) == "/home" || filepath.Dir(dir) == "/Users"
}

func resolved(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return filepath.Clean(name)
}

// code matches the files that an interpreter or the loader finds by name.
var code = pattern.Lazy(`\.(py|pyc|pth|zip|so(\.[0-9.]+)?)$`)

// isModule reports whether a file is code, or a directory a package. A link is
// followed where it stays in its directory.
func isModule(e os.DirEntry, name string) bool {
	if e.IsDir() {
		info, err := os.Stat(filepath.Join(name, "__init__.py"))
		return err == nil && info.Mode().IsRegular()
	}
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || !code().MatchString(e.Name()) {
		return false
	}
	return filepath.Dir(resolved(name)) == resolved(filepath.Dir(name))
}

// environmentPart reports whether a name is part of an environment that somebody
// made in a shared directory, with `python3 -m venv ~`.
func environmentPart(e os.DirEntry, _ string) bool {
	return slices.Contains([]string{"bin", "lib", "lib64", "include", "pyvenv.cfg"}, e.Name())
}

// devices are the nodes of the GPUs.
func devices() []sandbox.Bind {
	var binds []sandbox.Bind
	for _, node := range glob("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dxg", "/dev/kfd", "/dev/dri/renderD*") {
		if info, err := os.Stat(node); err == nil && info.Mode()&os.ModeDevice != 0 {
			binds = append(binds, sandbox.Bind{Source: node, Access: sandbox.Device, Optional: true})
		}
	}
	return binds
}

// covered reports whether a name lies in one of some directories, or is one.
func covered(name string, by []string) bool {
	name = filepath.Clean(name)
	return slices.ContainsFunc(by, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	})
}

func glob(patterns ...string) []string {
	var out []string
	for _, p := range patterns {
		found, _ := filepath.Glob(p) // the patterns are ours
		out = append(out, found...)
	}
	return out
}
