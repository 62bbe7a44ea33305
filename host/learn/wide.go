// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// wideRoots are the directories of the machine whose own files a wide run shows.
// Homes, the data of services, logs and temporary files are not among them.
var wideRoots = []string{"/etc", "/proc", "/sys", "/usr", "/opt", "/dev", "/bin", "/lib", "/lib64", "/sbin", "/.dockerenv"}

// maxWide bounds the grants of a wide run, maxPublic what is looked at to find out
// whether everybody may read all of a directory.
const (
	maxWide   = 600
	maxPublic = 4000
)

// Wide are grants to read the machine's own files, for the first traced run of a
// plugin that asks for nothing yet: what every user of the machine may read in
// /etc, /usr and /opt, what /proc and /sys tell of the system, the names of devices,
// the examined process, the project and the Python environments that were named.
// What only root may read in /etc, homes, and the environment of processes are left
// out, and so is whatever no manifest may ask for. The grants of asked that are about
// no path to be read are kept, since somebody agreed to them.
func Wide(m *target.Machine, asked []manifest.Grant) []manifest.Grant {
	w := wide{out: slices.DeleteFunc(slices.Clone(asked), func(g manifest.Grant) bool { return g.Kind == manifest.Read && g.Path != manifest.KernelLog })}
	w.add(manifest.Python)
	w.entries("./", m.ProjectDir, func(name string) bool { return !strings.HasPrefix(name, ".") || name == ".venv" })
	if m.ProcessDir != "" {
		w.entries(process+"/", m.ProcessDir, func(string) bool { return true })
	}
	for _, root := range wideRoots {
		w.tree(root, 2)
	}
	return w.out
}

type wide struct{ out []manifest.Grant }

// add keeps a path that a manifest may ask for.
func (w *wide) add(p string) bool {
	g := manifest.Grant{Kind: manifest.Read, Path: p, Why: "a traced run that shows the machine's own files"}
	if len(w.out) >= maxWide || g.Validate() != nil {
		return false
	}
	w.out = append(w.out, g)
	return true
}

// entries adds what lies in a directory, by a word of manifests.
func (w *wide) entries(word, dir string, wanted func(string) bool) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range list {
		if wanted(e.Name()) && !strings.ContainsAny(e.Name(), `*?[\`) {
			w.add(word + e.Name())
		}
	}
}

// tree adds a directory, or in place of one that holds what not everybody may read
// the things in it, so many levels down.
func (w *wide) tree(p string, levels int) {
	info, err := os.Stat(p)
	if err != nil || strings.ContainsAny(p, `*?[\`) {
		return
	}
	kernels := below(p, "/proc") || below(p, "/sys")
	if !kernels && info.Mode().Perm()&0o004 == 0 {
		return
	}
	left := maxPublic
	if (kernels || !below(p, "/etc") || public(p, &left)) && w.add(p) || levels == 0 || !info.IsDir() {
		return
	}
	list, _ := os.ReadDir(p)
	for _, e := range list {
		w.tree(path.Join(p, e.Name()), levels-1)
	}
}

// public reports whether everybody may read all that is below a path.
func public(p string, left *int) bool {
	info, err := os.Lstat(p)
	if *left--; err != nil || *left < 0 {
		return false
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		return true // it leads to what is granted by itself, or not
	case info.Mode().Perm()&0o004 == 0:
		return false
	case !info.IsDir():
		return true
	}
	list, err := os.ReadDir(p)
	return err == nil && !slices.ContainsFunc(list, func(e os.DirEntry) bool { return !public(path.Join(p, e.Name()), left) })
}
