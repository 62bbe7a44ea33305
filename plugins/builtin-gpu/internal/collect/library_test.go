// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/ldcache"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// cache writes a loader cache of one library.
func cache(flags uint32, name, path string) string {
	const header, entry = 48, 24
	out := make([]byte, header+entry)
	copy(out, "glibc-ld.so.cache1.1")
	binary.LittleEndian.PutUint32(out[20:], 1)
	binary.LittleEndian.PutUint32(out[header:], flags)
	binary.LittleEndian.PutUint32(out[header+4:], header+entry)
	binary.LittleEndian.PutUint32(out[header+8:], uint32(header+entry+len(name)+1))
	return string(out) + name + "\x00" + path + "\x00"
}

// TestLoaderOrder: LD_LIBRARY_PATH, then the cache, then default directories,
// each of this machine's architecture.
func TestLoaderOrder(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree.Libraries("/usr/lib/x86_64-linux-gnu", "550.54.15")
	tree.Libraries("/opt/cached", "560.28.03")
	tree.Libraries("/opt/first", "570.86.10")
	for _, c := range []struct {
		name, path, cache, want, origin string
	}{
		{"default", "", "", "550.54.15", "default directory"},
		{"cache", "", cache(ldcache.FlagsAMD64, sonameNVML, "/opt/cached/"+sonameNVML), "560.28.03", "ld.so.cache"},
		{"cache of another architecture", "", cache(3, sonameNVML, "/opt/cached/"+sonameNVML), "550.54.15", "default directory"},
		{"variable", "relative:/nowhere:/opt/first", cache(ldcache.FlagsAMD64, sonameNVML, "/opt/cached/"+sonameNVML), "570.86.10", "LD_LIBRARY_PATH"},
	} {
		tree["/etc/ld.so.cache"] = c.cache
		set := observe(t, tree.Target(t, map[string]string{"LD_LIBRARY_PATH": c.path}), nil)
		libs, _ := fact.Get[[]facts.Library](set, facts.Libraries)
		if len(libs) == 0 || libs[0].Version != c.want || libs[0].Origin != c.origin || set.String(facts.LibraryVersion) != c.want {
			t.Errorf("%s: %+v, want %s from %s", c.name, libs, c.want, c.origin)
		}
	}
}

// TestHiddenLibrary: when the loader's first choice is out of sight, a later
// one must not be taken for it.
func TestHiddenLibrary(t *testing.T) {
	tree := rtx4090()
	tree["/etc/ld.so.cache"] = cache(ldcache.FlagsAMD64, sonameNVML, "/opt/hidden/"+sonameNVML)
	set := observe(t, tree.Target(t, nil), nil)
	if f, ok := set.Lookup(facts.Libraries); !ok || f.Unknown == "" || set.Known(facts.LibraryVersion) {
		t.Errorf("%+v, library version known: %v", f, set.Known(facts.LibraryVersion))
	}
}

// TestGrantedLink: where a sandbox binds the file behind the link at the
// link's own name, the version is that of the same file beside it, or where
// Debian's alternatives lead.
func TestGrantedLink(t *testing.T) {
	for _, place := range []string{"", "nvidia/current"} {
		const dir = "/usr/lib/x86_64-linux-gnu"
		target := machinetest.Tree{
			path.Join(dir, place, "libnvidia-ml.so.535.183.01"): "ELF",
			path.Join(dir, place, "libnvidia-ml.so.470.42.01"):  "old",
		}.Target(t, nil)
		real := filepath.Join(target.Root, dir, place, "libnvidia-ml.so.535.183.01")
		if err := os.Link(real, filepath.Join(target.Root, dir, sonameNVML)); err != nil {
			t.Skip(err)
		}
		if got := observe(t, target, nil).String(facts.LibraryVersion); got != "535.183.01" {
			t.Errorf("in %q: library version %q", place, got)
		}
	}
}

func TestCompatIsNotTheDriversLibrary(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree.Libraries("/usr/local/cuda-12.8/compat", "570.86.10")
	set := observe(t, tree.Target(t, map[string]string{"LD_LIBRARY_PATH": "/usr/local/cuda-12.8/compat"}), nil)
	require(t, set, map[string]string{facts.LibraryVersion: "absent"})
	if libs, _ := fact.Get[[]facts.Library](set, facts.Libraries); len(libs) != 2 || !libs[1].Compat() {
		t.Errorf("%+v", libs)
	}
}
