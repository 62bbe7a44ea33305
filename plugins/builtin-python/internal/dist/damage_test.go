// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

// native is a distribution with a module, a root and a shared library.
func native() fakeenv.Dist {
	return fakeenv.Dist{Name: "fast", Version: "1.0", Files: map[string][]byte{
		"fast/__init__.py": []byte("x = 1\n"), "fast/sub/deep.py": []byte("y = 2\n"),
		"fast/libfast.so": fakeenv.Library{Soname: "libfast.so", Padding: 4096}.Bytes(), "fast_api.py": []byte("z = 3\n"),
	}}
}

// inspect installs a distribution, harms it, and looks.
func inspect(t *testing.T, d fakeenv.Dist, harm func(*fakeenv.Tree)) *Damage {
	t.Helper()
	tr := fakeenv.New(t)
	tr.Install(site, d)
	harm(tr)
	l, err := List(tr.Target, site)
	if err != nil || len(l.Distributions) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	l.Distributions[0].Load(tr.Target)
	return Inspect(tr.Target, &l.Distributions[0])
}

func TestInspect(t *testing.T) {
	library := native().Files["fast/libfast.so"]
	conda, pure := native(), native()
	conda.Installer = "conda"
	delete(pure.Files, "fast/libfast.so")
	for _, c := range []struct {
		name                        string
		dist                        fakeenv.Dist
		harm                        func(*fakeenv.Tree)
		missing, truncated, changed []string
	}{
		{"whole", native(), func(*fakeenv.Tree) {}, nil, nil, nil},
		{"library deleted", native(), func(tr *fakeenv.Tree) { tr.Remove(site + "/fast/libfast.so") }, []string{"fast/libfast.so"}, nil, nil},
		{"package deleted", native(), func(tr *fakeenv.Tree) { tr.Remove(site + "/fast") }, []string{"fast/libfast.so", "fast/__init__.py"}, nil, nil},
		{"module deleted", native(), func(tr *fakeenv.Tree) { tr.Remove(site + "/fast_api.py") }, []string{"fast_api.py"}, nil, nil},
		{"a file nobody looks at", native(), func(tr *fakeenv.Tree) { tr.Remove(site + "/fast/sub/deep.py") }, nil, nil, nil},
		{"metadata deleted", native(), func(tr *fakeenv.Tree) { tr.Remove(site + "/fast-1.0.dist-info/METADATA") }, []string{"fast-1.0.dist-info/METADATA"}, nil, nil},
		{"metadata emptied", native(), func(tr *fakeenv.Tree) { tr.Text(site+"/fast-1.0.dist-info/METADATA", "") }, nil, []string{"fast-1.0.dist-info/METADATA"}, nil},
		{"library cut", native(), func(tr *fakeenv.Tree) { tr.File(site+"/fast/libfast.so", library[:500]) }, nil, []string{"fast/libfast.so"}, nil},
		{"library cut within its header", native(), func(tr *fakeenv.Tree) { tr.File(site+"/fast/libfast.so", library[:20]) }, nil, []string{"fast/libfast.so"}, nil},
		{"library emptied", native(), func(tr *fakeenv.Tree) { tr.File(site+"/fast/libfast.so", nil) }, nil, []string{"fast/libfast.so"}, nil},
		{"library replaced by a longer one", native(), func(tr *fakeenv.Tree) {
			tr.File(site+"/fast/libfast.so", fakeenv.Library{Soname: "libfast.so", Padding: 8192}.Bytes())
		}, nil, nil, []string{"fast/libfast.so"}},
		{"root of zeros, of the same size", native(), func(tr *fakeenv.Tree) { tr.Text(site+"/fast/__init__.py", "\x00\x00\x00\x00\x00\x00") }, nil, nil, []string{"fast/__init__.py"}},
		{"root edited, in pure Python", pure, func(tr *fakeenv.Tree) { tr.Text(site+"/fast/__init__.py", "x = 9\n") }, nil, nil, nil},
		{"root grown, in pure Python", pure, func(tr *fakeenv.Tree) { tr.Text(site+"/fast/__init__.py", "x = 1 # patched\n") }, nil, nil, []string{"fast/__init__.py"}},
		{"conda rewrites files after RECORD was made", conda, func(tr *fakeenv.Tree) {
			tr.Text(site+"/fast/__init__.py", "x = '/opt/conda'\n")
			tr.File(site+"/fast/libfast.so", append(library, 0))
		}, nil, nil, nil},
		{"conda does not lose files", conda, func(tr *fakeenv.Tree) { tr.Remove(site + "/fast/libfast.so") }, []string{"fast/libfast.so"}, nil, nil},
		{"an editable install points elsewhere", native(), func(tr *fakeenv.Tree) {
			tr.Text(site+"/fast-1.0.dist-info/direct_url.json", `{"dir_info": {"editable": true}}`)
			tr.Text(site+"/fast-1.0.dist-info/RECORD", "fast/libfast.so,,9\nfast-1.0.dist-info/direct_url.json,,\n")
		}, nil, nil, nil},
		{"without RECORD nothing is promised", native(), func(tr *fakeenv.Tree) {
			tr.Remove(site + "/fast-1.0.dist-info/RECORD")
			tr.Remove(site + "/fast")
		}, nil, nil, nil},
		{"a size that is not told is not compared", native(), func(tr *fakeenv.Tree) {
			tr.Text(site+"/fast-1.0.dist-info/RECORD", "fast/libfast.so,,\nfast_api.py,sha256=x,-1\n")
		}, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := inspect(t, c.dist, c.harm)
			if got == nil {
				got = &Damage{}
			}
			if !reflect.DeepEqual(got.Missing, c.missing) || !reflect.DeepEqual(got.Truncated, c.truncated) || !reflect.DeepEqual(got.Modified, c.changed) {
				t.Errorf("missing %q, truncated %q, modified %q", got.Missing, got.Truncated, got.Modified)
			}
		})
	}
}

// TestDamageIsListedInPart: all are counted, few are listed.
func TestDamageIsListedInPart(t *testing.T) {
	d := fakeenv.Dist{Name: "many", Version: "1", Files: map[string][]byte{}}
	for i := range 40 {
		d.Files[fmt.Sprintf("many/l%02d.so", i)] = []byte("ELF")
	}
	got := inspect(t, d, func(tr *fakeenv.Tree) { tr.Remove(site + "/many") })
	if got == nil || got.MissingCount != 40 || len(got.Missing) != maxListed || got.Looked != 40 {
		t.Errorf("%+v", got)
	}
}

// TestInstallersThatWriteTrueRecords: only those are held to sizes and hashes.
func TestInstallersThatWriteTrueRecords(t *testing.T) {
	for installer, want := range map[string]bool{"pip": true, "uv": true, "Poetry": true, "pdm": true, "conda": false, "debian": false, "rpm": false} {
		tr := fakeenv.New(t)
		tr.Install(site, fakeenv.Dist{Name: "a", Version: "1", Installer: installer})
		l, _ := List(tr.Target, site)
		if got := l.Distributions[0].FromPip(tr.Target); got != want {
			t.Errorf("%s: %v", installer, got)
		}
	}
}
