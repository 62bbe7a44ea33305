// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

// processTree is an environment with torch, which brings libcudart.so.13, and the
// library of an older release that only a preload would find.
func processTree(t *testing.T) *fakeenv.Tree {
	t.Helper()
	tr := fakeenv.New(t)
	tr.File("/lib/x86_64-linux-gnu/libc.so.6", fakeenv.Library{Soname: "libc.so.6"}.Bytes())
	tr.File("/env/torch/torch.so", fakeenv.Library{Needed: []string{"libcudart.so.13", "libc.so.6"}, RunPath: "/env/cu13"}.Bytes())
	tr.File("/env/cu13/libcudart.so.13", fakeenv.Library{Soname: "libcudart.so.13"}.Bytes())
	tr.File("/env/cu12/libcudart.so.12", fakeenv.Library{Soname: "libcudart.so.12"}.Bytes())
	tr.File("/env/fits.so", fakeenv.Library{Needed: []string{"libcudart.so.13", "libc.so.6"}}.Bytes())
	tr.File("/env/older.so", fakeenv.Library{Needed: []string{"libcudart.so.12", "libc.so.6"}}.Bytes())
	return tr
}

// TestSession: what torch loaded answers for extensions without a search path, and
// a process of its own has nothing of it; forks know nothing of each other.
func TestSession(t *testing.T) {
	tr := processTree(t)
	preloads := []elfdeps.Preload{{Prefix: "libcudart", Dir: "/env/cu12"}}
	l := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, preloads)
	torch := l.Start(true)
	if r := torch.Load([]string{"/env/torch/torch.so"}); len(r.Missing) > 0 || r.Objects != 2 {
		t.Fatalf("torch: %+v", r)
	}
	if r := torch.Fork().Load([]string{"/env/fits.so"}); len(r.Missing) > 0 || r.Objects != 1 {
		t.Errorf("after torch: %+v", r)
	}
	for range 2 {
		r := torch.Fork().Load([]string{"/env/older.so"})
		if len(r.Missing) != 1 || r.Missing[0].Library != "libcudart.so.12" {
			t.Errorf("an older extension: %+v", r.Missing)
		}
	}
	if r := l.Start(false).Load([]string{"/env/fits.so"}); len(r.Missing) != 1 {
		t.Errorf("without torch: %+v", r.Missing)
	}
	preloads[0].Always = true
	l = elfdeps.NewLoader(tr.Target, "", []string{"/env"}, preloads)
	torch = l.Start(true)
	torch.Load([]string{"/env/torch/torch.so"})
	if r := torch.Fork().Load([]string{"/env/older.so"}); len(r.Missing) > 0 {
		t.Errorf("one that is always opened: %+v", r.Missing)
	}
}

// TestSystemOfStore: the loader of an interpreter of Nix looks neither into its
// cache nor into the system's directories, and what cannot be seen is not missing.
func TestSystemOfStore(t *testing.T) {
	for _, c := range []struct {
		name, libraryPath, runPath string
		prepare                    func(*fakeenv.Tree)
		missing                    bool
	}{
		{name: "of the system only", missing: true},
		{name: "in LD_LIBRARY_PATH", libraryPath: "/nix/store/g-gcc-lib/lib", prepare: func(tr *fakeenv.Tree) {
			tr.File("/nix/store/g-gcc-lib/lib/libstdc++.so.6", fakeenv.Library{}.Bytes())
		}},
		{name: "LD_LIBRARY_PATH without it", libraryPath: "/extra", missing: true, prepare: func(tr *fakeenv.Tree) { tr.Text("/extra/x", "") }},
		{name: "LD_LIBRARY_PATH that is not seen", libraryPath: "/nix/store/g-gcc-lib/lib"},
		{name: "a link into what is not seen", libraryPath: "/profile", prepare: func(tr *fakeenv.Tree) {
			tr.Link("/profile/libstdc++.so.6", "/nix/store/g-gcc-lib/lib/libstdc++.so.6")
		}},
		{name: "a path into the store", runPath: "/nix/store/g-gcc-lib/lib"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			tr.File("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", fakeenv.Library{}.Bytes())
			tr.File("/env/a.so", fakeenv.Library{Needed: []string{"libstdc++.so.6", "libm.so.6"}, RunPath: c.runPath}.Bytes())
			if c.prepare != nil {
				c.prepare(tr)
			}
			l := elfdeps.NewLoader(tr.Target, c.libraryPath, []string{"/env"}, nil)
			l.SetSystem(elfdeps.SystemOfStore)
			if r := l.Walk([]string{"/env/a.so"}); (len(r.Missing) == 1) != c.missing {
				t.Errorf("missing %+v, want %v", r.Missing, c.missing)
			}
			l = elfdeps.NewLoader(tr.Target, c.libraryPath, []string{"/env"}, nil)
			l.SetSystem(elfdeps.SystemUnseen)
			if r := l.Walk([]string{"/env/a.so"}); len(r.Missing) != 0 {
				t.Errorf("of a system that is not seen: %+v", r.Missing)
			}
		})
	}
}
