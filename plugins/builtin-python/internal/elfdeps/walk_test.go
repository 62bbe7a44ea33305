// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

// lib is a library that answers to its file name.
func lib(name string, needed ...string) fakeenv.Library {
	return fakeenv.Library{Soname: name, Needed: needed}
}

// put writes libraries by path.
func put(tr *fakeenv.Tree, libraries map[string]fakeenv.Library) {
	for name, l := range libraries {
		tr.File(name, l.Bytes())
	}
}

// missing lists "library by file" of a walk.
func missing(r elfdeps.Result) string {
	var out []string
	for _, m := range r.Missing {
		out = append(out, m.Library+" by "+m.NeededBy)
	}
	return strings.Join(out, ", ")
}

// TestMissing: who is called missing, and who gets the benefit of doubt.
func TestMissing(t *testing.T) {
	const root = "/env/a.so"
	for _, c := range []struct {
		name  string
		build func(*fakeenv.Tree)
		want  string
	}{
		{"everything is there", func(tr *fakeenv.Tree) {
			tr.Glibc("GLIBC_2.17")
			put(tr, map[string]fakeenv.Library{root: lib("a.so", "libc.so.6", "libm.so.6")})
		}, ""},
		{"the driver's libraries are not the package's affair", func(tr *fakeenv.Tree) {
			put(tr, map[string]fakeenv.Library{root: lib("a.so", "libcuda.so.1", "libnvidia-ml.so.1", "libcudart.so.12")})
		}, "libcudart.so.12 by /env/a.so"},
		{"with a C library in view, the others of the system must be there", func(tr *fakeenv.Tree) {
			put(tr, map[string]fakeenv.Library{root: lib("a.so", "libGL.so.1"), "/lib64/libc.so.6": lib("libc.so.6")})
		}, "libGL.so.1 by /env/a.so"},
		{"musl's name is expected of the system", func(tr *fakeenv.Tree) {
			put(tr, map[string]fakeenv.Library{root: lib("a.so", "libc.musl-x86_64.so.1")})
		}, ""},
		{"the one who asks is named, two levels down", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RPath = "$ORIGIN"
			put(tr, map[string]fakeenv.Library{root: a, "/env/b.so": lib("b.so", "gone.so")})
		}, "gone.so by /env/b.so"},
		{"asked twice, missing once", func(tr *fakeenv.Tree) {
			a := lib("a.so", "gone.so", "b.so")
			a.RPath = "$ORIGIN"
			put(tr, map[string]fakeenv.Library{root: a, "/env/b.so": lib("b.so", "gone.so")})
		}, "gone.so by /env/a.so"},
		{"a directory of that name is no library", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RPath = "$ORIGIN"
			put(tr, map[string]fakeenv.Library{root: a, "/env/b.so/inner.so": lib("x")})
		}, "b.so by /env/a.so"},
		{"a dangling link is no library", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RPath = "$ORIGIN"
			put(tr, map[string]fakeenv.Library{root: a})
			tr.Link("/env/b.so", "b.so.1")
		}, "b.so by /env/a.so"},
		{"a link is", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RPath = "$ORIGIN"
			put(tr, map[string]fakeenv.Library{root: a, "/env/b.so.1": lib("b.so.1")})
			tr.Link("/env/b.so", "b.so.1")
		}, ""},
		{"a name with a slash is a path", func(tr *fakeenv.Tree) {
			put(tr, map[string]fakeenv.Library{root: lib("a.so", "$ORIGIN/sub/b.so", "/opt/gone.so"), "/env/sub/b.so": lib("b.so")})
		}, "/opt/gone.so by /env/a.so"},
		{"a relative search path is not followed", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RPath = "lib:./env"
			put(tr, map[string]fakeenv.Library{root: a, "/lib/b9.so": lib("b.so"), "/env/lib/b.so": lib("b.so")})
		}, "b.so by /env/a.so"},
		{"LIB and PLATFORM are replaced", func(tr *fakeenv.Tree) {
			a := lib("a.so", "b.so")
			a.RunPath = "$ORIGIN/$LIB/${PLATFORM}"
			put(tr, map[string]fakeenv.Library{root: a, "/env/lib64/x86_64/b.so": lib("b.so")})
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			c.build(tr)
			r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{root})
			if got := missing(r); got != c.want {
				t.Errorf("missing %q, want %q", got, c.want)
			}
		})
	}
}

// TestRPathOfTheLoaders: DT_RPATH is inherited, and not through an object that
// has DT_RUNPATH, nor by one.
func TestRPathOfTheLoaders(t *testing.T) {
	for _, c := range []struct {
		name         string
		top, between fakeenv.Library
		want         string
	}{
		{"from the loader's loader", fakeenv.Library{RPath: "/env/far"}, fakeenv.Library{}, ""},
		{"DT_RUNPATH is not inherited", fakeenv.Library{RunPath: "/env/far"}, fakeenv.Library{}, "c.so by /env/far/b.so"},
		{"one with DT_RUNPATH inherits nothing", fakeenv.Library{RPath: "/env/far"}, fakeenv.Library{RunPath: "/nowhere"}, "c.so by /env/far/b.so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			c.top.Needed, c.between.Needed, c.between.Soname = []string{"b.so"}, []string{"c.so"}, "b.so"
			put(tr, map[string]fakeenv.Library{"/env/a.so": c.top, "/env/far/b.so": c.between, "/env/far/c.so": lib("c.so")})
			r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"})
			if got := missing(r); got != c.want {
				t.Errorf("missing %q, want %q", got, c.want)
			}
		})
	}
}

// TestLibraryPath: the text of LD_LIBRARY_PATH is split as the loader does.
func TestLibraryPath(t *testing.T) {
	for text, found := range map[string]bool{
		"/stray": true, "/other:/stray": true, "/other;/stray": true, ":/stray:": true, "/stray/": true, "/a/../stray": true,
		"stray": false, "": false, "/other": false,
	} {
		tr := fakeenv.New(t)
		put(tr, map[string]fakeenv.Library{"/env/a.so": lib("a.so", "b9.so"), "/stray/b9.so": lib("b9.so")})
		r := elfdeps.NewLoader(tr.Target, text, []string{"/env"}, nil).Walk([]string{"/env/a.so"})
		if (len(r.Missing) == 0) != found {
			t.Errorf("LD_LIBRARY_PATH=%q: missing %v", text, r.Missing)
		}
	}
}

// TestLibraryPathInTheProject: an empty or relative element of LD_LIBRARY_PATH is
// a place in the working directory, and an empty variable is none at all.
func TestLibraryPathInTheProject(t *testing.T) {
	for text, found := range map[string]bool{
		"/other:": true, ":/other": true, "/a::/b": true, ".": true, ";/a": true, "./sub/..": true, "/a:../work": true,
		"": false, "/other": false, "sub": false,
	} {
		tr := fakeenv.New(t)
		tr.Target.ProjectDir = "/work"
		put(tr, map[string]fakeenv.Library{"/env/a.so": lib("a.so", "b9.so"), "/work/b9.so": lib("b9.so")})
		r := elfdeps.NewLoader(tr.Target, text, []string{"/env"}, nil).Walk([]string{"/env/a.so"})
		if (len(r.Missing) == 0) != found {
			t.Errorf("LD_LIBRARY_PATH=%q: missing %v", text, r.Missing)
		}
	}
}

// TestUnmet: versions are asked of the library that was found, by everyone who
// needs it, and a library without versions satisfies all, with a warning.
func TestUnmet(t *testing.T) {
	wants := func(needed, version string) fakeenv.Library {
		return fakeenv.Library{Needed: []string{needed}, Wants: map[string][]string{needed: {version}}}
	}
	const libc = "/lib/x86_64-linux-gnu/libc.so.6"
	for _, c := range []struct {
		name  string
		roots map[string]fakeenv.Library
		offer []string
		want  string
	}{
		{"old enough", map[string]fakeenv.Library{"/env/a.so": wants("libc.so.6", "GLIBC_2.17")}, []string{"GLIBC_2.17"}, ""},
		{"too new", map[string]fakeenv.Library{"/env/a.so": wants("libc.so.6", "GLIBC_2.38")}, []string{"GLIBC_2.17"}, "GLIBC_2.38 by /env/a.so"},
		{"every one who wants it", map[string]fakeenv.Library{"/env/a.so": wants("libc.so.6", "GLIBC_2.38"), "/env/b.so": wants("libc.so.6", "GLIBC_2.39")},
			[]string{"GLIBC_2.17"}, "GLIBC_2.38 by /env/a.so, GLIBC_2.39 by /env/b.so"},
		{"a library without versions", map[string]fakeenv.Library{"/env/a.so": wants("libc.so.6", "GLIBC_2.38")}, nil, ""},
		{"a library that is missing has no versions to ask", map[string]fakeenv.Library{"/env/a.so": wants("libgone.so", "X_1")}, []string{"GLIBC_2.17"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			put(tr, c.roots)
			put(tr, map[string]fakeenv.Library{libc: {Soname: "libc.so.6", Offers: c.offer}})
			r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so", "/env/b.so"})
			var got []string
			for _, u := range r.Unmet {
				if u.Library != libc || u.FromEnvironment {
					t.Errorf("unmet %+v", u)
				}
				got = append(got, u.Version+" by "+u.NeededBy)
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("unmet %q, want %q", s, c.want)
			}
		})
	}
}

// TestUnmetThroughTheEnvironment: LD_LIBRARY_PATH is named as the reason.
func TestUnmetThroughTheEnvironment(t *testing.T) {
	tr := fakeenv.New(t)
	put(tr, map[string]fakeenv.Library{
		"/env/a.so":           {Needed: []string{"libz9.so"}, Wants: map[string][]string{"libz9.so": {"Z_2"}}},
		"/old/libz9.so":       {Soname: "libz9.so", Offers: []string{"Z_1"}},
		"/usr/lib64/libz9.so": {Soname: "libz9.so", Offers: []string{"Z_1", "Z_2"}},
	})
	if r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"}); len(r.Unmet) != 0 {
		t.Errorf("without the variable: %+v", r.Unmet)
	}
	r := elfdeps.NewLoader(tr.Target, "/old", []string{"/env"}, nil).Walk([]string{"/env/a.so"})
	if len(r.Unmet) != 1 || !r.Unmet[0].FromEnvironment || r.Unmet[0].Library != "/old/libz9.so" {
		t.Errorf("unmet %+v", r.Unmet)
	}
}

// TestHijack names the symbols that the intruder does not have; the same file
// by another path is none.
func TestHijack(t *testing.T) {
	build := func(t *testing.T) *fakeenv.Tree {
		tr := fakeenv.New(t)
		put(tr, map[string]fakeenv.Library{
			"/env/a.so":         {Needed: []string{"libz9.so"}, RunPath: "$ORIGIN/lib", Uses: []string{"both", "newer", "elsewhere"}},
			"/env/lib/libz9.so": {Soname: "libz9.so", Defines: []string{"both", "newer"}},
		})
		return tr
	}
	walk := func(tr *fakeenv.Tree) []elfdeps.Hijack {
		return elfdeps.NewLoader(tr.Target, "/old", []string{"/env"}, nil).Walk([]string{"/env/a.so"}).Hijacks
	}
	tr := build(t)
	put(tr, map[string]fakeenv.Library{"/old/libz9.so": {Soname: "libz9.so", Defines: []string{"both"}}})
	want := []elfdeps.Hijack{{Library: "libz9.so", Path: "/old/libz9.so", Bundled: "/env/lib/libz9.so", NeededBy: "/env/a.so", Undefined: []string{"newer"}}}
	if got := walk(tr); !reflect.DeepEqual(got, want) {
		t.Errorf("hijacks %+v, want %+v", got, want)
	}
	same := build(t)
	same.Link("/old", "env/lib")
	if got := walk(same); len(got) != 0 {
		t.Errorf("the same file: %+v", got)
	}
	if got := walk(build(t)); len(got) != 0 {
		t.Errorf("nothing there: %+v", got)
	}
	broken := build(t)
	broken.Text("/old/libz9.so", "no ELF at all")
	if got := walk(broken); len(got) != 1 || got[0].Undefined != nil {
		t.Errorf("an intruder that cannot be read: %+v", got)
	}
}

// TestUndefinedIsBounded: five names are enough to know what happened.
func TestUndefinedIsBounded(t *testing.T) {
	var symbols []string
	for i := range 40 {
		symbols = append(symbols, fmt.Sprintf("symbol_%02d", i))
	}
	tr := fakeenv.New(t)
	put(tr, map[string]fakeenv.Library{
		"/env/a.so":         {Needed: []string{"libz9.so"}, RunPath: "$ORIGIN/lib", Uses: symbols},
		"/env/lib/libz9.so": {Soname: "libz9.so", Defines: symbols},
		"/old/libz9.so":     {Soname: "libz9.so"},
	})
	r := elfdeps.NewLoader(tr.Target, "/old", []string{"/env"}, nil).Walk([]string{"/env/a.so"})
	if len(r.Hijacks) != 1 || !reflect.DeepEqual(r.Hijacks[0].Undefined, symbols[:5]) {
		t.Errorf("hijacks %+v", r.Hijacks)
	}
}

// TestUnreadable: a file that is no library is told with the reason, and the
// walk goes on.
func TestUnreadable(t *testing.T) {
	tr := fakeenv.New(t)
	a := lib("a.so", "text.so", "cut.so", "b.so")
	a.RPath = "$ORIGIN"
	whole := lib("cut.so").Bytes()
	put(tr, map[string]fakeenv.Library{"/env/a.so": a, "/env/b.so": lib("b.so", "gone.so")})
	tr.Text("/env/text.so", "INPUT(-lm)")
	tr.File("/env/cut.so", whole[:len(whole)/2])
	r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so", "/env/absent.so"})
	for _, name := range []string{"/env/text.so", "/env/cut.so", "/env/absent.so"} {
		if !strings.Contains(r.Unreadable[name], name) {
			t.Errorf("%s: %q", name, r.Unreadable[name])
		}
	}
	if len(r.Unreadable) != 3 || missing(r) != "gone.so by /env/b.so" || r.Objects != 2 {
		t.Errorf("walk %+v", r)
	}
}

// TestWalkIsBounded: a thousand libraries are not all read, and that is told.
func TestWalkIsBounded(t *testing.T) {
	tr := fakeenv.New(t)
	var roots []string
	for i := range 450 {
		name := fmt.Sprintf("/env/l%d.so", i)
		put(tr, map[string]fakeenv.Library{name: lib(fmt.Sprintf("l%d.so", i))})
		roots = append(roots, name)
	}
	l := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil)
	if r := l.Walk(roots); !r.Truncated || r.Objects >= 450 {
		t.Errorf("%d objects, truncated %v", r.Objects, r.Truncated)
	}
	if r := l.Walk(roots[:10]); r.Truncated || r.Objects != 10 {
		t.Errorf("%d objects of 10, truncated %v", r.Objects, r.Truncated)
	}
}

// TestCacheRefuses: what is no cache, or claims more than it holds, is an error.
func TestCacheRefuses(t *testing.T) {
	good := buildCache(false, "libx.so", "/x/libx.so")
	count := func(n uint32) []byte {
		out := bytes.Clone(good)
		binary.LittleEndian.PutUint32(out[20:], n)
		return out
	}
	old := buildCache(true, "libx.so", "/x/libx.so")
	binary.LittleEndian.PutUint32(old[12:], 1<<31)
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("libx.so => /x/libx.so\n"), "header alone, cut": good[:30], "too many entries": count(2000),
		"more entries than numbers go": count(1<<32 - 1), "old header that leads out": old, "old magic alone": []byte("ld.so-1.7.0\x00"),
	} {
		if cache, err := elfdeps.ParseCache(data); !errors.Is(err, elfdeps.ErrCacheFormat) || cache != nil {
			t.Errorf("%s: %v, %v", name, cache, err)
		}
	}
	far := bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[52:], 1<<30)
	if cache, err := elfdeps.ParseCache(far); err != nil || len(cache) != 0 {
		t.Errorf("a name outside of the file: %v, %v", cache, err)
	}
	special := bytes.Clone(good)
	binary.LittleEndian.PutUint64(special[64:], 1)
	if cache, err := elfdeps.ParseCache(special); err != nil || len(cache) != 0 {
		t.Errorf("an entry for a special CPU: %v, %v", cache, err)
	}
	if cache, err := elfdeps.ParseCache(count(0)); err != nil || len(cache) != 0 {
		t.Errorf("an empty cache: %v, %v", cache, err)
	}
}
