// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"bytes"
	"errors"
	"fmt"
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

	links   sync.Map // directory → resolved directory
	missing sync.Map // directories that are not there, with the error

	times sync.Map // device → timesKind
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

// maxLinks is the length of a chain of symbolic links that Linux follows too.
const maxLinks = 40

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

// ReadFile reads a file of at most MaxFileBytes.
func (t *Target) ReadFile(name string) ([]byte, error) {
	f, resolved, size, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readBounded(f, size)
	t.has(resolved, data, err)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// readBounded reads a file that seems to have so many bytes: those of /proc say 0.
func readBounded(f io.Reader, size int64) ([]byte, error) {
	var data bytes.Buffer
	data.Grow(int(min(max(size, 0), MaxFileBytes)) + bytes.MinRead)
	_, err := data.ReadFrom(io.LimitReader(f, MaxFileBytes+1))
	if err == nil && data.Len() > MaxFileBytes {
		err = ErrTooLarge
	}
	return data.Bytes(), err
}

// ReadText reads a small file and trims the space around it; "" when it cannot
// be read.
func (t *Target) ReadText(name string) string {
	data, err := t.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Open opens a regular file or a directory for reading. Devices, sockets and
// pipes are refused, since reading one may block or act. What is read of a
// directory, or of a file of /proc or /sys, leaves no trace, so that no facts are
// kept then: use List, and ReadFile.
func (t *Target) Open(name string) (*os.File, error) {
	f, resolved, _, err := t.open(name)
	if err == nil && t.inputs != nil && (isDir(f) || t.inputs.timeless(resolved)) {
		t.inputs.forget(resolved + " was opened, and what is read of it leaves no trace")
	}
	return f, err
}

func isDir(f *os.File) bool {
	info, err := f.Stat()
	return err != nil || info.IsDir()
}

func (t *Target) open(name string) (f *os.File, resolved string, size int64, err error) {
	resolved, info, err := t.find(name)
	if err != nil {
		return nil, "", 0, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, "", 0, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("not a regular file (%s)", info.Mode().Type())}
	}
	t.looked(resolved, info, nil, false)
	f, err = openFile(t.host(resolved))
	return f, resolved, info.Size(), t.rename(err, name)
}

// ReadDir lists a directory in name order.
func (t *Target) ReadDir(name string) ([]fs.DirEntry, error) {
	resolved, err := t.Resolve(name)
	if err != nil {
		t.wantList(name, err)
		return nil, err
	}
	if t.inputs != nil {
		info, err := os.Lstat(t.host(resolved))
		t.looked(resolved, info, err, false)
	}
	entries, err := os.ReadDir(t.host(resolved))
	t.lists(resolved, entries, err)
	return t.noted(resolved, entries), t.rename(err, name)
}

// List is ReadDir for a directory of any size: it gives at most so many entries,
// in name order, and whether there are more. Which are left out the system
// decides.
func (t *Target) List(name string, most int) (entries []fs.DirEntry, more bool, err error) {
	f, resolved, _, err := t.open(name)
	if err != nil {
		t.wantList(name, err)
		return nil, false, err
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
	resolved, info, err := t.find(name)
	if err == nil {
		t.looked(resolved, info, nil, false)
	}
	return info, err
}

// Lstat describes name itself, a link as a link.
func (t *Target) Lstat(name string) (fs.FileInfo, error) {
	dir, err := t.Resolve(path.Dir(clean(name)))
	if err != nil {
		t.want(name, err)
		return nil, err
	}
	self := path.Join(dir, path.Base(clean(name)))
	info, err := os.Lstat(t.host(self))
	t.looked(self, info, err, false)
	return info, t.rename(err, name)
}

// Readlink returns the text of a link.
func (t *Target) Readlink(name string) (string, error) {
	dir, err := t.Resolve(path.Dir(clean(name)))
	if err != nil {
		t.want(name, err)
		return "", err
	}
	self := path.Join(dir, path.Base(clean(name)))
	link, err := os.Readlink(t.host(self))
	if t.inputs != nil && err != nil {
		info, err := os.Lstat(t.host(self))
		t.looked(self, info, err, false)
	} else {
		t.linked(self, link, err)
	}
	return filepath.ToSlash(link), t.rename(err, name)
}

// Exists reports whether name leads to something.
func (t *Target) Exists(name string) bool {
	_, _, err := t.find(name)
	return err == nil
}

// Glob lists the paths that match a pattern of path.Match, sorted. Links are
// followed in the directory part.
func (t *Target) Glob(pattern string) []string {
	t.wantGlob(pattern)
	matches := []string{"/"}
	for part := range strings.SplitSeq(strings.Trim(clean(pattern), "/"), "/") {
		var next []string
		for _, dir := range matches {
			next = append(next, t.globOne(dir, part)...)
		}
		matches = next
	}
	return matches
}

func (t *Target) globOne(dir, part string) []string {
	if !strings.ContainsAny(part, `*?[\`) {
		name := path.Join(dir, part)
		if _, err := t.Lstat(name); err != nil {
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

// Resolve follows every link in name and returns the machine's own path of
// what it leads to, which exists.
func (t *Target) Resolve(name string) (string, error) {
	budget := maxLinks
	resolved, _, err := t.resolve(clean(name), &budget)
	t.want(name, err)
	return resolved, err
}

// find is Resolve with the description of what was found.
func (t *Target) find(name string) (string, fs.FileInfo, error) {
	budget := maxLinks
	resolved, info, err := t.resolve(clean(name), &budget)
	if err == nil && info == nil {
		info, err = os.Lstat(t.host(resolved))
		t.looked(resolved, info, err, true)
		err = t.rename(err, name)
	}
	t.want(name, err)
	return resolved, info, err
}

// resolve also returns the description of what it found, unless the answer was
// remembered: directories are, since every file below asks for them again.
func (t *Target) resolve(name string, budget *int) (string, fs.FileInfo, error) {
	if name == "/" {
		return "/", nil, nil
	}
	if done, ok := t.links.Load(name); ok {
		return done.(string), nil, nil
	}
	dir, err := t.parent(path.Dir(name), budget)
	if err != nil {
		return "", nil, err
	}
	self := path.Join(dir, path.Base(name))
	info, err := os.Lstat(t.host(self))
	t.looked(self, info, err, true)
	if err != nil {
		return "", nil, t.rename(err, name)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return t.follow(self, budget)
	}
	if info.IsDir() {
		t.links.Store(name, self)
	}
	return self, info, nil
}

// parent is resolve for a directory. One that is missing is remembered too: the
// libraries of one package look for each other in the same few of those.
func (t *Target) parent(name string, budget *int) (string, error) {
	if err, ok := t.missing.Load(name); ok {
		return "", err.(error)
	}
	dir, _, err := t.resolve(name, budget)
	if errors.Is(err, fs.ErrNotExist) {
		t.missing.Store(name, err)
	}
	return dir, err
}

func (t *Target) follow(name string, budget *int) (string, fs.FileInfo, error) {
	if *budget--; *budget < 0 {
		return "", nil, &fs.PathError{Op: "resolve", Path: name, Err: errors.New("too many symbolic links")}
	}
	link, err := os.Readlink(t.host(name))
	if err != nil {
		return "", nil, t.rename(err, name)
	}
	link = filepath.ToSlash(link)
	if !path.IsAbs(link) {
		link = path.Join(path.Dir(name), link)
	}
	return t.resolve(clean(link), budget)
}

func (t *Target) host(name string) string {
	return filepath.Join(t.Root, filepath.FromSlash(name))
}

// rename puts the machine's own path into an error instead of the view's.
func (t *Target) rename(err error, name string) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: pe.Op, Path: name, Err: pe.Err}
	}
	return err
}

func clean(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }
