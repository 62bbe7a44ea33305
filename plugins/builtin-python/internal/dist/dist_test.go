// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

func TestListReadsNames(t *testing.T) {
	tr := fakeenv.New(t)
	for _, name := range []string{
		"numpy-2.1.0.dist-info/METADATA", "zope.interface-6.0.dist-info/METADATA", "six-1.16.0-py3.11.egg-info",
		"old-1.0.egg-info/PKG-INFO", "~orch/x", "~umpy-1.0.dist-info/x", "numpy/__init__.py", "-1.dist-info/x",
	} {
		tr.Text("/site/"+name, "")
	}
	l, err := List(tr.Target, "/site")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range l.Distributions {
		got[d.Key] = d.Version
	}
	want := map[string]string{"numpy": "2.1.0", "zope-interface": "6.0", "six": "1.16.0", "old": "1.0"}
	if !reflect.DeepEqual(got, want) || len(l.Residues) != 2 || !l.Modules["numpy"] {
		t.Errorf("List = %v, residues %v", got, l.Residues)
	}
}

func TestListOfNothing(t *testing.T) {
	if _, err := List(fakeenv.New(t).Target, "/absent"); err == nil {
		t.Error("a directory that is absent should be an error")
	}
}

func TestLoad(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Install("/site", fakeenv.Dist{Name: "My-Pkg", Version: "1.0", RequiresPython: ">=3.9", Requires: []string{"numpy>=1"},
		Files: map[string][]byte{"my_pkg/x.so": []byte("x"), "My_Pkg-1.0.dist-info/direct_url.json": []byte(`{"dir_info":{"editable":true}}`)}})
	l, _ := List(tr.Target, "/site")
	d := &l.Distributions[0]
	d.Load(tr.Target)
	if d.Name != "My-Pkg" || d.Key != "my-pkg" || !d.Editable || d.Metadata.RequiresPython != ">=3.9" ||
		!reflect.DeepEqual(d.Metadata.RequiresDist, []string{"numpy>=1"}) || len(d.Tags) != 1 || !d.FromPip(tr.Target) {
		t.Errorf("Load = %+v", d)
	}
}

func TestLoadEgg(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Text("/site/old.egg-info/PKG-INFO", "Name: old\nVersion: 1.5\n\n")
	tr.Text("/site/old.egg-info/requires.txt", "six>=1.0\n\n[dev]\npytest\n\n[:python_version < \"3\"]\nenum34\n\n[x:os_name == \"nt\"]\ny\n")
	l, _ := List(tr.Target, "/site")
	d := &l.Distributions[0]
	d.Load(tr.Target)
	want := []string{"six>=1.0", `pytest; extra == "dev"`, `enum34; (python_version < "3")`, `y; extra == "x" and (os_name == "nt")`}
	if d.Version != "1.5" || !reflect.DeepEqual(d.Metadata.RequiresDist, want) {
		t.Errorf("Load = %q %q", d.Version, d.Metadata.RequiresDist)
	}
}

func TestParseMetadata(t *testing.T) {
	m := ParseMetadata([]byte("name: a\r\nVersion:1\r\nRequires-Dist: b\r\nDescription: x\n  Requires-Dist: folded\r\n\r\nRequires-Dist: body\n"))
	if m.Name != "a" || m.Version != "1" || !reflect.DeepEqual(m.RequiresDist, []string{"b"}) {
		t.Errorf("ParseMetadata = %+v", m)
	}
}

// TestLongHeader: a header longer than the first read is read to its end.
func TestLongHeader(t *testing.T) {
	tr := fakeenv.New(t)
	var requires []string
	for range 2000 {
		requires = append(requires, "package-with-a-long-name>=1.0.0")
	}
	tr.Install("/site", fakeenv.Dist{Name: "big", Version: "1", Requires: requires})
	l, _ := List(tr.Target, "/site")
	d := &l.Distributions[0]
	d.Load(tr.Target)
	if len(d.Metadata.RequiresDist) != len(requires) {
		t.Errorf("read %d requirements of %d", len(d.Metadata.RequiresDist), len(requires))
	}
}

func TestParseRecord(t *testing.T) {
	r := ParseRecord([]byte(strings.Join([]string{
		"torch/__init__.py,sha256=aa,10", "torch/lib/libc10.so,sha256=bb,20", "torch/sub/__init__.py,,", `"torch/a,b.so",sha256=cc,5`,
		"six.py,sha256=dd,7", "../../../bin/torchrun,sha256=ee,9", "torch-1.dist-info/direct_url.json,,", "nvidia/x/libx.so.12,sha256=ff,1",
		"torch/data.so.txt,,3", "", "garbage",
	}, "\n")))
	var natives, roots []string
	for _, e := range r.Natives {
		natives = append(natives, e.Path)
	}
	for _, e := range r.Roots {
		roots = append(roots, e.Path)
	}
	if !reflect.DeepEqual(natives, []string{"torch/lib/libc10.so", "torch/a,b.so", "nvidia/x/libx.so.12"}) {
		t.Errorf("natives %q", natives)
	}
	if !reflect.DeepEqual(roots, []string{"torch/__init__.py", "six.py"}) || !r.HasDirectURL {
		t.Errorf("roots %q, direct URL %v", roots, r.HasDirectURL)
	}
	if !reflect.DeepEqual(r.Tops, []string{"torch", "nvidia"}) {
		t.Errorf("tops %q", r.Tops)
	}
	if got := r.Under("nvidia"); len(got) != 1 || got[0] != (Entry{"nvidia/x/libx.so.12", "sha256=ff", 1}) {
		t.Errorf("Under(nvidia) = %v", got)
	}
}

// TestRecordCannotLeaveTheSite: lines that climb out are never looked at.
func TestRecordCannotLeaveTheSite(t *testing.T) {
	r := ParseRecord([]byte("../../../etc/x.so,sha256=aa,1\n/etc/y.so,sha256=aa,1\n"))
	if len(r.Natives)+len(r.Roots) != 0 {
		t.Errorf("entries outside: %v %v", r.Natives, r.Roots)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("a/b.so,sha256=x,1\n\"q,\"\"r.so\",,\n../x,,\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		r := ParseRecord(data)
		for _, top := range r.Tops {
			r.Under(top)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte("Name: a\nRequires-Dist: b\n\nbody"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		ParseMetadata(data)
		ParseRequiresTxt(data)
		wheelTags(data)
		ParseDirectURL(data)
		ParseEntryPoints(data)
		ParsePathFile(data)
		ParseFinder(data)
	})
}
