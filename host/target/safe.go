// SPDX-License-Identifier: Apache-2.0

package target

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// writable returns where a path leads that a plugin asks to write to, or why it
// may not. A link could lead anywhere, so that the rules for manifests are held
// against its end, and that is what is bound.
func (x *expansion) writable(p string) (real, reason string) {
	if !x.Live() {
		return "", "the disk of another machine is only read"
	}
	real, err := x.tree.resolve(p)
	if err != nil {
		return "", err.Error()
	}
	for _, protected := range x.Protected {
		if end, err := filepath.EvalSymlinks(protected); err == nil {
			protected = filepath.ToSlash(end)
		}
		if below(protected, real) {
			return "", "it holds " + protected + ", which the host itself runs or obeys"
		}
		if below(real, protected) {
			return "", "it lies in " + protected + ", which the host itself runs or obeys"
		}
	}
	return real, manifest.Writable(real, []string{x.end(x.Home), x.end(x.ProjectDir)})
}

// visible says why a path is not shown, to be read, started or used; writable is
// stricter. A link in a project from
// anybody could lead to a whole system or to another process, and so could a
// variable.
func (x *expansion) visible(g manifest.Grant, p string) string {
	real, err := x.tree.resolve(p)
	if err != nil || real == p && !strings.HasPrefix(g.Path, "$") && !manifest.HasGlob(g.Path) {
		return "" // it shows nothing, or is what the manifest names
	}
	if x.whole(real) || below(x.end(x.Home), real) {
		return "it leads to " + real + ", a directory of the whole system or the whole home"
	}
	if reason := manifest.Readable(real, x.end(x.ProcessDir)); reason != "" {
		return "it leads to " + real + ": " + reason
	}
	return ""
}

// end is where a directory leads; itself when it does not exist.
func (x *expansion) end(dir string) string {
	if dir == "" {
		return ""
	}
	if real, err := x.tree.resolve(dir); err == nil {
		return real
	}
	return path.Clean(dir)
}

// made are the places where a sandbox has files of its own, so that none of the
// machine's can stand there.
var made = []string{"/dev", "/proc", sandbox.ScratchDir, sandbox.SecretsDir, sandbox.TargetDir, sandbox.PluginDir}

// startable says why a program cannot be given to be started.
func (x *expansion) startable(p string) string {
	if !x.Live() {
		return "programs of another machine are not started on this one"
	}
	if i := slices.IndexFunc(made, func(dir string) bool { return below(p, dir) || below(dir, p) }); i >= 0 {
		return "a sandbox has a " + made[i] + " of its own, so programs there cannot be started; move it elsewhere"
	}
	return ""
}
