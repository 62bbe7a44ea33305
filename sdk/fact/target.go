// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Target is the machine to observe. Its methods take the machine's own
// absolute paths with "/" ("/etc/os-release") wherever the machine's root is
// found, and follow symbolic links as that machine would: a link to "/usr/lib"
// stays inside the target. What the plugin was not granted looks absent.
type Target struct {
	// Root is the directory under which the machine's "/" is found.
	Root string
	// Live is true for this machine, now. On a mounted disk or a recorded
	// machine system calls would answer for the wrong one.
	Live bool
	// ProcessDir describes the examined process: "/proc/self", "/proc/PID", or
	// "" when there is none.
	ProcessDir string
	// Env is the environment of the examined process.
	Env map[string]string
	// Pythons are interpreters or environments that the user named.
	Pythons []string
	// ProjectDir holds the user's project; empty when there is none.
	ProjectDir string
	// Home is the home directory of the examined user.
	Home string
	// Filesystems is what statfs(2) said on a recorded machine, by path.
	Filesystems map[string]Usage
	// OS and Arch in Go's names.
	OS, Arch string
	// KernelLog is the text of the kernel's log, oldest line first, for plugins
	// that were granted to read /dev/kmsg; at most MaxKernelLog bytes of its end.
	KernelLog string
	// KernelLogUnknown says why there is no KernelLog: not granted, not
	// permitted, not recorded.
	KernelLogUnknown string
	// OpenFiles is the soft limit of open files of the examined process where
	// ProcessDir tells another one, as of a host that raised its own; else 0.
	OpenFiles int64

	memory memory
	times  sync.Map // device → timesKind
	// inputs records what is asked; nil records nothing.
	inputs *inputs
	traced bool
}

// Usage is the size of a file system in bytes. Free is what an ordinary user
// can still write.
type Usage struct {
	Total uint64 `json:"total_bytes"`
	Free  uint64 `json:"free_bytes"`
}

// MaxFileBytes bounds what ReadFile reads.
const MaxFileBytes = 16 << 20

// MaxKernelLog bounds Target.KernelLog, in bytes.
const MaxKernelLog = 1 << 20

// ErrTooLarge is returned by ReadFile for a file over MaxFileBytes.
var ErrTooLarge = errors.New("file is larger than a collector reads")

// TargetFromProto reads a target from the wire.
func TargetFromProto(p *pluginv1.Target) *Target {
	t := &Target{
		Root: p.GetRoot(), Live: p.GetLive(), ProcessDir: p.GetProcessDir(), Env: p.GetEnv(),
		Pythons: p.GetPythons(), ProjectDir: p.GetProjectDir(), Home: p.GetHome(),
		OS: p.GetOs(), Arch: p.GetArch(), Filesystems: map[string]Usage{}, traced: isTraced(),
		KernelLog: p.GetKernelLog(), KernelLogUnknown: p.GetKernelLogUnknown(), OpenFiles: p.GetOpenFiles(),
	}
	for name, u := range p.GetFilesystems() {
		t.Filesystems[name] = Usage{Total: u.GetTotalBytes(), Free: u.GetFreeBytes()}
	}
	if t.Env == nil {
		t.Env = map[string]string{}
	}
	return t
}

// ReadDir lists a directory in name order.
func (t *Target) ReadDir(name string) ([]fs.DirEntry, error) {
	resolved, err := t.Resolve(name)
	if err != nil {
		t.wantList(name, err)
		return nil, err
	}
	if t.inputs != nil {
		var n node
		err := t.lookAt(resolved, &n)
		t.looked(resolved, &n, err, false)
	}
	entries, err := os.ReadDir(t.host(resolved))
	t.lists(resolved, entries, err)
	return t.noted(resolved, entries), t.rename(err, name)
}

// List is ReadDir for a directory of any size: it gives at most so many entries,
// in name order, and whether there are more. Which are left out the system
// decides.
func (t *Target) List(name string, most int) (entries []fs.DirEntry, more bool, err error) {
	var n node
	resolved, err := t.readable(name, &n)
	if err != nil {
		t.wantList(name, err)
		return nil, false, err
	}
	f, err := openFile(t.host(resolved))
	if err != nil {
		return nil, false, t.rename(err, name)
	}
	defer f.Close()
	entries, err = f.ReadDir(most + 1)
	if errors.Is(err, io.EOF) {
		err = nil // an empty directory
	}
	more = len(entries) > most
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	if t.inputs != nil && more && t.inputs.timeless(resolved) {
		t.inputs.forget(resolved + " was listed in part")
	}
	t.lists(resolved, entries, err)
	return t.noted(resolved, entries[:min(len(entries), most)]), more, t.rename(err, name)
}

// Stat describes what name leads to.
func (t *Target) Stat(name string) (fs.FileInfo, error) {
	var n node
	resolved, err := t.find(name, &n)
	if err != nil {
		return nil, err
	}
	t.looked(resolved, &n, nil, false)
	info, err := os.Lstat(t.host(resolved))
	return info, t.rename(err, name)
}

// Regular tells the size of a regular file that name leads to; false for what is
// none. It is Stat for those who ask of thousands.
func (t *Target) Regular(name string) (size int64, regular bool, err error) {
	var n node
	resolved, err := t.find(name, &n)
	if err != nil {
		return 0, false, err
	}
	t.looked(resolved, &n, nil, false)
	return n.size(), n.mode().IsRegular(), nil
}

// Lstat describes name itself, a link as a link.
func (t *Target) Lstat(name string) (fs.FileInfo, error) {
	self, err := t.self(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(t.host(self))
	n := nodeOf(info)
	t.looked(self, &n, err, false)
	return info, t.rename(err, name)
}

// self is the place of a name whose last part may be a link.
func (t *Target) self(name string) (string, error) {
	up, base := split(clean(name))
	dir, err := t.Resolve(up)
	if err != nil {
		t.want(name, err)
		return "", err
	}
	return join(dir, base), nil
}

// Readlink returns the text of a link.
func (t *Target) Readlink(name string) (string, error) {
	self, err := t.self(name)
	if err != nil {
		return "", err
	}
	link, err := os.Readlink(t.host(self))
	if t.inputs != nil && err != nil {
		var n node
		err := t.lookAt(self, &n)
		t.looked(self, &n, err, false)
	} else {
		t.linked(self, link, err)
	}
	return filepath.ToSlash(link), t.rename(err, name)
}

// Exists reports whether name leads to something.
func (t *Target) Exists(name string) bool {
	var n node
	_, err := t.find(name, &n)
	return err == nil
}

// Glob lists the paths that match a pattern of path.Match, sorted. Links are
// followed in the directory part.
func (t *Target) Glob(pattern string) []string {
	t.wantGlob(pattern)
	matches := []string{"/"}
	for rest, more := strings.Trim(clean(pattern), "/"), true; more; {
		var part string
		part, rest, more = strings.Cut(rest, "/")
		var next []string
		for _, dir := range matches {
			next = append(next, t.globOne(dir, part, more)...)
		}
		matches = next
	}
	return matches
}

// globOne lists what matches a part of a pattern in a directory. With more to
// come, what is not there is remembered as directories are.
func (t *Target) globOne(dir, part string, more bool) []string {
	if !strings.ContainsAny(part, `*?[\`) {
		name := path.Join(dir, part)
		if !t.globbed(name, more) {
			return nil
		}
		return []string{name}
	}
	entries, err := t.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if ok, err := path.Match(part, e.Name()); err == nil && ok {
			out = append(out, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out
}

func (t *Target) globbed(name string, more bool) bool {
	if more {
		budget := maxLinks
		_, err := t.parent(name, &budget, new(node))
		t.want(name, err)
		return err == nil
	}
	_, err := t.Lstat(name)
	return err == nil
}

// Statfs tells the size of the file system that holds name: from the recorded
// machine, or from the system when the target is live; false otherwise.
func (t *Target) Statfs(name string) (Usage, bool) {
	u, ok := t.statfs(clean(name))
	t.measured(clean(name), u, ok)
	return u, ok
}

func (t *Target) statfs(name string) (Usage, bool) {
	if u, ok := t.Filesystems[name]; ok {
		return u, true
	}
	if !t.Live {
		return Usage{}, false
	}
	resolved, err := t.Resolve(name)
	if err != nil {
		return Usage{}, false
	}
	return statfs(t.host(resolved))
}
