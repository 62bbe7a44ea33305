// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// MaxInputs bounds the inputs of one answer; facts with more are not kept.
const MaxInputs = 100_000

// inputs records what a target was asked. A nil one records nothing.
type inputs struct {
	mu   sync.Mutex
	seen map[string]*pluginv1.Input
	// live says why the facts cannot be kept; empty while they can.
	live string
}

// forget gives up: the facts are of this moment only.
func (in *inputs) forget(why string) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.live == "" {
		in.live = why
	}
}

// add keeps an input, the fuller of two of one path.
func (in *inputs) add(i *pluginv1.Input) {
	if !utf8.ValidString(i.GetPath()) {
		in.forget("a name that is not UTF-8")
		return
	}
	key := i.GetPath()
	if i.GetKind() == pluginv1.Input_KIND_SPACE {
		key = "\x00" + key
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	old := in.seen[key]
	switch {
	case old == nil, old.GetKind() == pluginv1.Input_KIND_TYPE && covers(i, old):
		in.seen[key] = i
	case i.GetKind() == pluginv1.Input_KIND_TYPE && covers(old, i):
	case !proto.Equal(old, i):
		in.live = i.GetPath() + " changed while it was looked at"
	}
	if len(in.seen) > MaxInputs {
		in.live = fmt.Sprintf("more than %d inputs", MaxInputs)
	}
}

// covers reports whether a fuller input of one path says what the type does.
func covers(full, i *pluginv1.Input) bool {
	return full.GetKind() == pluginv1.Input_KIND_DIGEST || full.GetKind() == pluginv1.Input_KIND_CONTENT && full.GetMode() == i.GetMode()
}

// list returns the inputs in path order, or why there are none.
func (in *inputs) list() ([]*pluginv1.Input, string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.live != "" {
		return nil, in.live
	}
	out := make([]*pluginv1.Input, 0, len(in.seen))
	for _, key := range slices.Sorted(maps.Keys(in.seen)) {
		out = append(out, in.seen[key])
	}
	return out, ""
}

// keep is for how long the facts of all these collectors hold.
func keep(collectors []Collector) time.Duration {
	least := time.Duration(0)
	for i, c := range collectors {
		if i == 0 || c.TTL < least {
			least = c.TTL
		}
	}
	return least
}

// timeless reports whether a path that was looked at has no times of its own.
func (in *inputs) timeless(name string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	kind := in.seen[name].GetKind()
	return kind == pluginv1.Input_KIND_TYPE || kind == pluginv1.Input_KIND_DIGEST
}

// looked records what a path itself is. With passing, a directory counts by its
// type alone.
func (t *Target) looked(name string, n *node, err error, passing bool) {
	if t.inputs == nil {
		return
	}
	switch kind := refusal(err); {
	case kind != pluginv1.Input_KIND_UNSPECIFIED:
		t.inputs.add(&pluginv1.Input{Path: name, Kind: kind})
		return
	case err != nil:
		t.inputs.forget(err.Error())
		return
	case n.mode()&fs.ModeSymlink != 0:
		text, err := os.Readlink(t.host(name))
		t.linked(name, text, err)
		return
	}
	id, ok := n.identity()
	if !ok {
		t.inputs.forget("files have no identity on this system")
		return
	}
	times := timesNone
	if !passing || !n.mode().IsDir() {
		times = t.timesOn(id.device, name)
	}
	switch times {
	case timesNone:
		t.inputs.add(&pluginv1.Input{Path: name, Kind: pluginv1.Input_KIND_TYPE, Mode: id.mode})
	case timesOfChanges:
		t.inputs.add(id.input(name))
	default:
		t.inputs.forget(name + " lies on a file system whose times do not tell of every change")
	}
}

// refusal is the kind of input of a look that found nothing.
func refusal(err error) pluginv1.Input_Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return pluginv1.Input_KIND_ABSENT
	case errors.Is(err, fs.ErrPermission):
		return pluginv1.Input_KIND_DENIED
	}
	return pluginv1.Input_KIND_UNSPECIFIED
}

// linked records the text of a link.
func (t *Target) linked(name, text string, err error) {
	switch {
	case t.inputs == nil:
	case err != nil:
		t.inputs.forget(err.Error())
	default:
		t.inputs.add(&pluginv1.Input{Path: name, Kind: pluginv1.Input_KIND_LINK, Digest: digestOf([]byte(text), nil)})
	}
}

// has records what a file without times holds.
func (t *Target) has(name string, data []byte, err error) {
	if t.inputs == nil || !t.inputs.timeless(name) {
		return
	}
	t.inputs.add(&pluginv1.Input{Path: name, Kind: pluginv1.Input_KIND_DIGEST, Digest: digestOf(data, err)})
}

// lists records the names in a directory.
func (t *Target) lists(name string, entries []fs.DirEntry, err error) {
	if t.inputs == nil {
		return
	}
	if t.inputs.timeless(name) {
		t.has(name, namesOf(entries), err)
		return
	}
	// That a directory may not be listed is in its mode.
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		t.inputs.forget(err.Error())
	}
}

// entry is a name in a listed directory, of which asking for more is a look, too.
type entry struct {
	fs.DirEntry
	target *Target
	path   string
}

// Info describes the file itself, a link as a link.
func (e entry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	n := nodeOf(info)
	e.target.looked(e.path, &n, err, false)
	return info, err
}

// noted makes the entries of a directory leave inputs.
func (t *Target) noted(dir string, entries []fs.DirEntry) []fs.DirEntry {
	if t.inputs == nil {
		t.memory.listed(dir, entries)
		return entries
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		out[i] = entry{e, t, path.Join(dir, e.Name())}
	}
	return out
}

func namesOf(entries []fs.DirEntry) []byte {
	var out []byte
	for _, e := range entries {
		out = append(append(out, e.Name()...), 0)
	}
	return out
}

// digestOf is the digest of a content, or of the failure to read it.
func digestOf(data []byte, err error) []byte {
	if err != nil {
		data = []byte("\x00failed: " + cause(err))
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

// cause is an error without the path, which differs between views.
func cause(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return "?"
}

// measured records the size of a file system.
func (t *Target) measured(name string, u Usage, ok bool) {
	if t.inputs == nil {
		return
	}
	i := &pluginv1.Input{Path: name, Kind: pluginv1.Input_KIND_SPACE, TotalBytes: u.Total, FreeBytes: u.Free}
	if !ok {
		i.TotalBytes, i.FreeBytes = 0, 0
	}
	t.inputs.add(i)
}

// identity is what changes whenever a file does.
type identity struct {
	mode         uint32
	device       uint64
	inode        uint64
	size         uint64
	mtime, ctime int64
}

func (id identity) input(name string) *pluginv1.Input {
	return &pluginv1.Input{
		Path: name, Kind: pluginv1.Input_KIND_CONTENT, Mode: id.mode, Device: id.device, Inode: id.inode, Size: id.size,
		MtimeNs: id.mtime, CtimeNs: id.ctime,
	}
}
