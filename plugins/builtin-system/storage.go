// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/hubcache"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var storageCollector = fact.Collector{
	Name:    "storage",
	Summary: "shared memory and the disks under the root, the home, the project, the model cache and the directory for temporary files",
	Facts: []fact.Description{
		{Address: "shm.total_bytes", Summary: "size of /dev/shm", Type: "number", Unit: "bytes"},
		{Address: "shm.free_bytes", Summary: "free space of /dev/shm", Type: "number", Unit: "bytes"},
		{Address: "disk", Summary: "file system under a directory: {mount, type, read_only, purpose}", Type: "object"},
		{Address: "disk.total_bytes", Summary: "its size", Type: "number", Unit: "bytes"},
		{Address: "disk.free_bytes", Summary: "what an ordinary user can still write", Type: "number", Unit: "bytes"},
		{Address: "hf.cache_dir", Summary: "directory of the Hugging Face cache, and whether it is in use: {path, exists}", Type: "object"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		s := newStorage(t)
		s.collectShm(r)
		cache := hubCache(t)
		if cache.Path != "" {
			r.Add("hf.cache_dir", cache, cache.evidence)
		}
		for _, d := range diskDirs(t, cache.Path) {
			s.collectDisk(r, d)
		}
		return nil
	},
}

// storage answers how large the file system under a path is.
type storage struct {
	target *fact.Target
	mounts []procfs.Mount
	// anchors are paths that were granted. A plugin does not see the whole
	// machine, so statfs(2) of a path that was not granted would tell of the
	// plugin's own view; a granted path on the same mount tells the truth.
	anchors []string
}

func newStorage(t *fact.Target) storage {
	s := storage{target: t, mounts: mountsOf(t)}
	cache := hubCache(t).Path
	names := append([]string{"/etc/os-release", "/usr/lib/os-release"}, cacheMarks(cache)...)
	names = append(names, repositoriesOf(t, cache)...)
	for _, name := range names {
		if resolved, err := t.Resolve(name); err == nil {
			s.anchors = append(s.anchors, resolved)
		}
	}
	return s
}

// usage returns the size of the file system that holds name, and the path
// that was asked.
func (s storage) usage(name string) (fact.Usage, string, bool) {
	if u, ok := s.target.Filesystems[name]; ok {
		return u, name, true
	}
	name = s.resolved(name)
	mount, known := procfs.MountOf(s.mounts, name)
	if u, ok := s.target.Filesystems[mount.Point]; ok && known {
		return u, mount.Point, true
	}
	if s.target.Root == "/" {
		return s.nearest(name)
	}
	if !known {
		return fact.Usage{}, "", false
	}
	for _, anchor := range s.anchors {
		if m, ok := procfs.MountOf(s.mounts, anchor); ok && m.Line == mount.Line {
			u, ok := s.target.Statfs(anchor)
			return u, anchor, ok
		}
	}
	return fact.Usage{}, "", false
}

// nearest asks for the closest ancestor that exists: a cache that is not made
// yet will lie on that file system.
func (s storage) nearest(name string) (fact.Usage, string, bool) {
	for dir := name; ; dir = path.Dir(dir) {
		if u, ok := s.target.Statfs(dir); ok || dir == "/" {
			return u, dir, ok
		}
	}
}

// resolved follows the links of the closest ancestor that exists, so that a path
// is looked for on the disk on which it really lies.
func (s storage) resolved(name string) string {
	for dir := name; dir != "/"; dir = path.Dir(dir) {
		if to, err := s.target.Resolve(dir); err == nil {
			return path.Join(to, strings.TrimPrefix(name, dir))
		}
	}
	return name
}

const shmDir = "/dev/shm"

// collectShm prefers what statfs(2) says to the options of the mount.
func (s storage) collectShm(r *fact.Recorder) {
	mount, ok := procfs.MountOf(s.mounts, shmDir)
	mounted := ok && mount.Point == shmDir
	usage, _, known := s.usage(shmDir)
	switch {
	case mounted && known:
		r.Add("shm.total_bytes", usage.Total, s.mountEvidence(mount), fact.Call("statfs", fmt.Sprintf("total %d", usage.Total)))
		r.Add("shm.free_bytes", usage.Free, fact.Call("statfs", fmt.Sprintf("free %d", usage.Free)))
	case mounted:
		if size, ok := mount.TmpfsSize(memoryOf(s.target)); ok {
			r.Add("shm.total_bytes", size, s.mountEvidence(mount))
		} else {
			r.Unknown("shm.total_bytes", "the options of the mount do not bound it", s.mountEvidence(mount))
		}
	case s.mounts == nil:
		s.recordedShm(r)
	}
}

// recordedShm serves a recorded machine whose mounts were not kept.
func (s storage) recordedShm(r *fact.Recorder) {
	if u, ok := s.target.Filesystems[shmDir]; ok {
		r.Add("shm.total_bytes", u.Total, fact.Call("statfs", fmt.Sprintf("total %d", u.Total)))
		r.Add("shm.free_bytes", u.Free, fact.Call("statfs", fmt.Sprintf("free %d", u.Free)))
	}
}

func (s storage) mountEvidence(m procfs.Mount) fact.Evidence {
	return fact.File(processFile(s.target, "mountinfo"), m.Line,
		fmt.Sprintf("%s %s %s", m.Point, m.Type, strings.Join(m.Super, ",")))
}

// disk is the value of a disk[PATH] fact.
type disk struct {
	Mount    string `json:"mount,omitempty"`
	Type     string `json:"type,omitempty"`
	ReadOnly bool   `json:"read_only"`
	// Purpose is why the directory was looked at: root, home, project, cache, tmp.
	Purpose string `json:"purpose"`
}

type purposeDir struct{ path, purpose string }

// diskDirs lists each directory once, under its first purpose.
func diskDirs(t *fact.Target, cache string) []purposeDir {
	var out []purposeDir
	for _, d := range []purposeDir{{"/", "root"}, {t.Home, "home"}, {t.ProjectDir, "project"}, {cache, "cache"}, {tempDir(t), "tmp"}} {
		same := func(other purposeDir) bool { return other.path == d.path }
		if path.IsAbs(d.path) && !slices.ContainsFunc(out, same) {
			out = append(out, d)
		}
	}
	return out
}

// tempDir is where pip unpacks and compilers write.
func tempDir(t *fact.Target) string {
	if dir := t.Env["TMPDIR"]; path.IsAbs(dir) {
		return path.Clean(dir)
	}
	return "/tmp"
}

func (s storage) collectDisk(r *fact.Recorder, d purposeDir) {
	value := disk{Purpose: d.purpose}
	var evidence []fact.Evidence
	if m, ok := procfs.MountOf(s.mounts, s.resolved(d.path)); ok {
		value.Mount, value.Type, value.ReadOnly = m.Point, m.Type, m.ReadOnly()
		evidence = append(evidence, s.mountEvidence(m))
	}
	usage, asked, ok := s.usage(d.path)
	if !ok && evidence == nil {
		return
	}
	r.Add(fact.At("disk", d.path, ""), value, evidence...)
	if ok {
		call := fact.Call("statfs", fmt.Sprintf("%s: total %d, free %d", asked, usage.Total, usage.Free))
		r.Add(fact.At("disk", d.path, "total_bytes"), usage.Total, call)
		r.Add(fact.At("disk", d.path, "free_bytes"), usage.Free, call)
	}
}

// cacheDir is the value of hf.cache_dir.
type cacheDir struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	// FromVariable is the variable that named it; empty for the default.
	FromVariable string `json:"from_variable,omitempty"`

	evidence fact.Evidence
}

// hubCache follows the order of huggingface_hub: HF_HUB_CACHE, its old name
// HUGGINGFACE_HUB_CACHE, then HF_HOME, then XDG_CACHE_HOME/huggingface, then
// ~/.cache/huggingface, each of the last three with "hub" below it.
func hubCache(t *fact.Target) cacheDir {
	c := cacheDir{}
	for _, v := range []struct{ name, below string }{{"HF_HUB_CACHE", ""}, {"HUGGINGFACE_HUB_CACHE", ""}, {"HF_HOME", "hub"}, {"XDG_CACHE_HOME", "huggingface/hub"}} {
		if dir := t.Env[v.name]; path.IsAbs(dir) {
			c.Path, c.FromVariable = path.Join(dir, v.below), v.name
			c.evidence = fact.Call("environment", v.name+"="+dir)
			break
		}
	}
	if c.Path == "" && path.IsAbs(t.Home) {
		c.Path = path.Join(t.Home, ".cache/huggingface/hub")
		c.evidence = fact.Call("default", c.Path)
	}
	c.Exists = c.Path != "" && (len(repositoriesOf(t, c.Path)) > 0 || slices.ContainsFunc(cacheMarks(c.Path), t.Exists))
	return c
}

// repositoriesOf lists some directories of models and data sets of a cache.
func repositoriesOf(t *fact.Target, cache string) []string {
	if cache == "" {
		return nil
	}
	out, _ := hubcache.Repositories(t, cache, maxRepositories)
	return out
}

// cacheMarks are what the library keeps in a cache that was used. They and the
// repositories are looked for in its place, so that the plugin needs no grant for
// the directory as a whole, which a variable may put anywhere.
func cacheMarks(dir string) []string {
	return []string{path.Join(dir, ".locks"), path.Join(dir, "version.txt")}
}
