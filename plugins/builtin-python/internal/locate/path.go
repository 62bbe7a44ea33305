// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// firstOnPath returns what a shell would start as python3, or as python when
// there is no python3; "" for neither.
func firstOnPath(t *fact.Target) string {
	for _, name := range []string{"python3", "python"} {
		for dir := range strings.SplitSeq(t.Env["PATH"], listSeparator(t)) {
			if !path.IsAbs(dir) {
				continue
			}
			if p := onPath(t, path.Join(dir, name)); p != "" {
				return p
			}
		}
	}
	return ""
}

// onPath returns the interpreter that stands behind one file on the path.
func onPath(t *fact.Target, file string) string {
	info, err := t.Stat(file)
	dir := path.Dir(file)
	if err != nil && isLinkOfVenv(t, file) {
		return file
	}
	if err != nil || info.IsDir() {
		return ""
	}
	if path.Base(dir) != "shims" {
		return file
	}
	return behindShim(t, path.Dir(dir))
}

// isLinkOfVenv reports whether a file is the link of a virtual environment to an
// interpreter that may not be seen. A shell skips one that leads nowhere; whose
// bin is on the path means that environment all the same.
func isLinkOfVenv(t *fact.Target, file string) bool {
	_, err := t.Readlink(file)
	return err == nil && t.Exists(path.Join(path.Dir(path.Dir(file)), "pyvenv.cfg"))
}

// behindShim follows a pyenv shim as pyenv does: $PYENV_VERSION, then the
// nearest .python-version above the project, then the global version file.
// "system" means the next python on the path, so "" is returned.
func behindShim(t *fact.Target, root string) string {
	for name := range strings.FieldsSeq(strings.ReplaceAll(pyenvVersion(t, root), ":", " ")) {
		if name == "system" {
			return ""
		}
		name = strings.TrimPrefix(name, "python-")
		if p := pyenvPython(t, root, name); p != "" {
			return p
		}
	}
	return ""
}

func pyenvVersion(t *fact.Target, root string) string {
	if v := t.Env["PYENV_VERSION"]; v != "" {
		return v
	}
	for dir := t.ProjectDir; dir != ""; dir = path.Dir(dir) {
		if v := t.ReadText(path.Join(dir, ".python-version")); v != "" {
			return v
		}
		if dir == "/" || dir == "." {
			break
		}
	}
	return t.ReadText(path.Join(root, "version"))
}

// pyenvPython finds "3.11.7" by name and "3.11" as the newest 3.11.N.
func pyenvPython(t *fact.Target, root, name string) string {
	if name == "" || strings.Contains(name, "/") {
		return ""
	}
	exact := path.Join(root, "versions", name)
	if t.Exists(exact) {
		return interpreterIn(t, exact)
	}
	best, bestMicro := "", -1
	for _, dir := range t.Glob(path.Join(root, "versions", name+".*")) {
		micro, err := strconv.Atoi(strings.TrimPrefix(path.Base(dir), name+"."))
		if err == nil && micro > bestMicro {
			best, bestMicro = dir, micro
		}
	}
	if best == "" {
		return ""
	}
	return interpreterIn(t, best)
}

func listSeparator(t *fact.Target) string {
	if t.OS == "windows" {
		return ";"
	}
	return ":"
}
