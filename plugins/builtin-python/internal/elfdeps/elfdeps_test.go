// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestRead(t *testing.T) {
	tr := fakeenv.New(t)
	tr.File("/a/libx.so.1", fakeenv.Library{
		Soname: "libx.so.1", Needed: []string{"libc.so.6", "liby.so"}, RPath: "$ORIGIN:/opt/lib", RunPath: "/r",
		Wants: map[string][]string{"libc.so.6": {"GLIBC_2.17", "GLIBC_2.34"}, "liby.so": {"Y_1"}},
	}.Bytes())
	o, err := elfdeps.Read(tr.Target, "/a/libx.so.1")
	if err != nil {
		t.Fatal(err)
	}
	if o.Soname != "libx.so.1" || !reflect.DeepEqual(o.Needed, []string{"libc.so.6", "liby.so"}) ||
		!reflect.DeepEqual(o.RPath, []string{"$ORIGIN", "/opt/lib"}) || !reflect.DeepEqual(o.RunPath, []string{"/r"}) {
		t.Errorf("read %+v", o)
	}
	want := map[string][]string{"libc.so.6": {"GLIBC_2.17", "GLIBC_2.34"}, "liby.so": {"Y_1"}}
	if !reflect.DeepEqual(o.Needs, want) {
		t.Errorf("versions wanted: %v, want %v", o.Needs, want)
	}
}

func TestReadRefuses(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Text("/text.so", "INPUT(libc.so.6)")
	tr.File("/empty.so", nil)
	for _, name := range []string{"/text.so", "/empty.so"} {
		if _, err := elfdeps.Read(tr.Target, name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Read(%s) = %v, want an error that names the file", name, err)
		}
	}
	if _, err := elfdeps.Read(tr.Target, "/absent.so"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestDefines(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Glibc("GLIBC_2.2.5", "GLIBC_2.36")
	have, err := elfdeps.Defines(tr.Target, "/lib/x86_64-linux-gnu/libc.so.6")
	if err != nil || !have["GLIBC_2.36"] || !have["GLIBC_2.2.5"] || have["GLIBC_2.40"] {
		t.Errorf("Defines = %v, %v", have, err)
	}
}

// searchCases place libz.so in several directories and say which one loads.
var searchCases = []struct {
	name    string
	root    fakeenv.Library
	library string
	places  []string
	missing bool
	hijack  string
}{
	{name: "rpath", root: fakeenv.Library{RPath: "$ORIGIN/../libs"}, places: []string{"/env/libs"}},
	{name: "rpath in braces", root: fakeenv.Library{RPath: "${ORIGIN}/../libs"}, places: []string{"/env/libs"}},
	{name: "runpath", root: fakeenv.Library{RunPath: "$ORIGIN/../libs"}, places: []string{"/env/libs"}},
	{name: "runpath switches rpath off", root: fakeenv.Library{RPath: "$ORIGIN/../libs", RunPath: "/nowhere"}, places: []string{"/env/libs"}, missing: true},
	{name: "environment beats runpath", root: fakeenv.Library{RunPath: "$ORIGIN/../libs"}, library: "/stray", places: []string{"/env/libs", "/stray"}, hijack: "/stray/libz9.so"},
	{name: "rpath beats environment", root: fakeenv.Library{RPath: "$ORIGIN/../libs"}, library: "/stray", places: []string{"/env/libs", "/stray"}},
	{name: "default directory", places: []string{"/usr/lib/x86_64-linux-gnu"}},
	{name: "nowhere", places: []string{"/elsewhere"}, missing: true},
}

func TestSearch(t *testing.T) {
	for _, c := range searchCases {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			c.root.Needed = []string{"libz9.so"}
			tr.File("/env/pkg/root.so", c.root.Bytes())
			for _, dir := range c.places {
				tr.File(dir+"/libz9.so", fakeenv.Library{Soname: "libz9.so"}.Bytes())
			}
			r := elfdeps.NewLoader(tr.Target, c.library, []string{"/env"}, nil).Walk([]string{"/env/pkg/root.so"})
			if (len(r.Missing) > 0) != c.missing {
				t.Errorf("missing = %v, want %v", r.Missing, c.missing)
			}
			var hijack string
			if len(r.Hijacks) > 0 {
				hijack = r.Hijacks[0].Path
			}
			if hijack != c.hijack {
				t.Errorf("hijack = %q, want %q", hijack, c.hijack)
			}
		})
	}
}

func TestWalkInheritsRPathAndRemembersSonames(t *testing.T) {
	tr := fakeenv.New(t)
	tr.File("/env/a.so", fakeenv.Library{Needed: []string{"libb.so", "libd.so"}, RPath: "$ORIGIN/lib"}.Bytes())
	tr.File("/env/lib/libb.so", fakeenv.Library{Soname: "libb.so", Needed: []string{"libc9.so"}}.Bytes()) // by a's RPATH
	tr.File("/env/lib/libc9.so", fakeenv.Library{Soname: "libc9.so", Needed: []string{"alias.so"}}.Bytes())
	tr.File("/env/lib/libd.so", fakeenv.Library{Soname: "alias.so"}.Bytes()) // answers to alias.so
	r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"})
	if len(r.Missing) > 0 || r.Objects != 4 {
		t.Errorf("walked %d objects, missing %v", r.Objects, r.Missing)
	}
}

func TestWalkEndsOnCycles(t *testing.T) {
	tr := fakeenv.New(t)
	tr.File("/env/a.so", fakeenv.Library{Soname: "a.so", Needed: []string{"b.so"}, RPath: "$ORIGIN"}.Bytes())
	tr.File("/env/b.so", fakeenv.Library{Soname: "b.so", Needed: []string{"a.so"}, RPath: "$ORIGIN"}.Bytes())
	if r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"}); r.Objects != 2 {
		t.Errorf("walked %d objects, want 2", r.Objects)
	}
}

// TestBareTree: without any system library in view, those that every system
// has are not called missing.
func TestBareTree(t *testing.T) {
	tr := fakeenv.New(t)
	tr.File("/env/a.so", fakeenv.Library{Needed: []string{"libc.so.6", "libstdc++.so.6", "libcudnn.so.9"}}.Bytes())
	r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"})
	if len(r.Missing) != 1 || r.Missing[0].Library != "libcudnn.so.9" {
		t.Errorf("missing %v, want libcudnn.so.9 alone", r.Missing)
	}
}

// buildCache writes a cache with one library, with or without the old header.
func buildCache(old bool, name, file string) []byte {
	var b bytes.Buffer
	b.WriteString("glibc-ld.so.cache1.1")
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	put(uint32(1), uint32(len(name)+len(file)+2), [20]byte{})
	put(uint32(0x0303), uint32(72), uint32(72+len(name)+1), uint32(0), uint64(0))
	b.WriteString(name + "\x00" + file + "\x00")
	if !old {
		return b.Bytes()
	}
	head := append([]byte("ld.so-1.7.0\x00"), 0, 0, 0, 0)
	return append(head, b.Bytes()...)
}

func TestCache(t *testing.T) {
	for _, old := range []bool{false, true} {
		tr := fakeenv.New(t)
		tr.File("/etc/ld.so.cache", buildCache(old, "libz9.so", "/odd/place/libz9.so"))
		tr.File("/odd/place/libz9.so", fakeenv.Library{Soname: "libz9.so"}.Bytes())
		tr.File("/env/a.so", fakeenv.Library{Needed: []string{"libz9.so"}}.Bytes())
		if r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/a.so"}); len(r.Missing) > 0 {
			t.Errorf("old header %v: the cache's library was not found: %v", old, r.Missing)
		}
	}
}

// TestRealCache compares this machine's cache with what ldconfig prints.
func TestRealCache(t *testing.T) {
	data, err := os.ReadFile("/etc/ld.so.cache")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no cache of glibc here")
	}
	cache, err := elfdeps.ParseCache(data)
	if err != nil || len(cache) == 0 {
		t.Fatalf("ParseCache: %d entries, %v", len(cache), err)
	}
	out, err := exec.Command("/sbin/ldconfig", "-p").Output()
	if err != nil {
		t.Skip("no ldconfig: ", err)
	}
	want := strings.Count(string(out), " => ") - strings.Count(string(out), "hwcap")
	if len(cache) > want || len(cache) < want*9/10 {
		t.Errorf("%d entries, ldconfig prints %d", len(cache), want)
	}
}

// TestAgainstLoader lets the real loader judge libraries that gcc made.
func TestAgainstLoader(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if testing.Short() || err != nil || runtime.GOOS != "linux" {
		t.Skip("needs gcc")
	}
	dir := t.TempDir()
	build := func(out string, args ...string) {
		t.Helper()
		source := filepath.Join(dir, "x.c")
		if err := os.WriteFile(source, []byte("int f(void) { return 1; }\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, out)), 0o755)
		all := append([]string{"-shared", "-fPIC", "-Wl,--no-as-needed", "-o", filepath.Join(dir, out), source}, args...)
		if text, err := exec.Command(gcc, all...).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, text)
		}
	}
	build("libs/libgone9.so", "-Wl,-soname,libgone9.so")
	build("libs/libhere9.so", "-Wl,-soname,libhere9.so")
	build("pkg/root.so", "-L"+dir+"/libs", "-lhere9", "-lgone9", "-Wl,-rpath,$ORIGIN/../libs")
	if err := os.Remove(filepath.Join(dir, "libs/libgone9.so")); err != nil {
		t.Fatal(err)
	}
	target := &fact.Target{Root: "/", Env: map[string]string{}, OS: "linux", Arch: runtime.GOARCH}
	root := filepath.Join(dir, "pkg/root.so")
	r := elfdeps.NewLoader(target, "", []string{dir}, nil).Walk([]string{root})
	if len(r.Missing) != 1 || r.Missing[0].Library != "libgone9.so" || len(r.Unmet) > 0 {
		t.Fatalf("walk = %+v", r)
	}
	out, err := exec.Command("ldd", root).CombinedOutput()
	if err != nil {
		t.Skip("no ldd: ", err)
	}
	if !strings.Contains(string(out), "libgone9.so => not found") || strings.Contains(string(out), "libhere9.so => not found") {
		t.Errorf("ldd says otherwise:\n%s", out)
	}
}

func FuzzParseCache(f *testing.F) {
	f.Add(buildCache(false, "a", "b"))
	f.Add(buildCache(true, "a", "b"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = elfdeps.ParseCache(data) })
}

func FuzzRead(f *testing.F) {
	f.Add(fakeenv.Library{
		Soname: "a", Needed: []string{"b"}, RPath: "c", Wants: map[string][]string{"b": {"B_1"}}, Offers: []string{"A_1"},
	}.Bytes())
	dir := f.TempDir()
	target := &fact.Target{Root: dir, OS: "linux"}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "x.so"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = elfdeps.Read(target, "/x.so")
		_, _ = elfdeps.Defines(target, "/x.so")
	})
}
