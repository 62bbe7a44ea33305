// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"os"
	"path"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Unchanged looks again at what an input of a plugin on this target tells of, and
// reports whether it is the same. It opens nothing but files without times, as
// those in /proc and /sys, and of these none that waits or hands out what it has
// but once.
func (t *Target) Unchanged(i *pluginv1.Input) bool {
	name := i.GetPath()
	switch i.GetKind() {
	case pluginv1.Input_KIND_ABSENT, pluginv1.Input_KIND_DENIED:
		_, err := identityAt(t.place(name))
		return err != nil && refusal(err) == i.GetKind()
	case pluginv1.Input_KIND_TYPE:
		id, err := t.identity(name)
		return err == nil && id.mode == i.GetMode()
	case pluginv1.Input_KIND_CONTENT:
		id, err := t.identity(name)
		return err == nil && id == identity{i.GetMode(), i.GetDevice(), i.GetInode(), i.GetSize(), i.GetMtimeNs(), i.GetCtimeNs()}
	case pluginv1.Input_KIND_LINK:
		text, err := os.Readlink(t.place(name))
		return err == nil && string(digestOf([]byte(text), nil)) == string(i.GetDigest())
	case pluginv1.Input_KIND_DIGEST:
		return string(t.digestNow(name)) == string(i.GetDigest())
	case pluginv1.Input_KIND_SPACE:
		u, _ := t.Statfs(name)
		return u == Usage{i.GetTotalBytes(), i.GetFreeBytes()}
	}
	return false
}

// Types in st_mode, the same on all systems with links.
const (
	typeMask      = 0xf000
	typeLink      = 0xa000
	typeDirectory = 0x4000
	typeRegular   = 0x8000
)

// identity looks at what is at a path. In the private root of a plugin, what was
// granted stands in the place of a link that leads to it.
func (t *Target) identity(name string) (identity, error) {
	id, err := identityAt(t.place(name))
	if err != nil || id.mode&typeMask != typeLink {
		return id, err
	}
	resolved, err := t.Resolve(name)
	if err != nil {
		return identity{}, err
	}
	return identityAt(t.host(resolved))
}

// place is where a name is found on the host. The kernel follows the links on
// the way as this machine would; those of another one are followed by hand.
func (t *Target) place(name string) string {
	if t.Root == "/" || t.Root == "" {
		return t.host(name)
	}
	dir, err := t.Resolve(path.Dir(name))
	if err != nil {
		return t.host(name)
	}
	return t.host(path.Join(dir, path.Base(name)))
}

// digestNow is the digest of a file or of the names in a directory; nil when it
// must not be read again.
func (t *Target) digestNow(name string) []byte {
	id, err := t.identity(name)
	if err != nil || t.timesOn(id.device, name) != timesNone || spends(name) {
		return nil
	}
	switch id.mode & typeMask {
	case typeDirectory:
		entries, err := os.ReadDir(t.place(name))
		return digestOf(namesOf(entries), err)
	case typeRegular:
		data, err := readAtOnce(t.place(name))
		return digestOf(data, err)
	}
	return nil
}

// spends reports whether reading a file takes what it has from other readers: the
// kernel's log and its traces.
func spends(name string) bool {
	base := path.Base(name)
	return base == "kmsg" || strings.HasPrefix(base, "trace_pipe")
}
