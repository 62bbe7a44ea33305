// SPDX-License-Identifier: Apache-2.0

package dist_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

// TestEggs: the older forms of setuptools are distributions too, and a link that
// pip left behind is none.
func TestEggs(t *testing.T) {
	const site = "/env/lib/python3.10/site-packages"
	tr := fakeenv.New(t)
	tr.Text(site+"/zipped-1.4-py3.10.egg", "PK")
	tr.Text(site+"/open_dir-2.0-py3.10.egg/EGG-INFO/PKG-INFO", "Name: open-dir\nVersion: 2.0\nRequires-Dist: six\n\n")
	tr.Text(site+"/linked.egg-link", "/src/linked\n../\n")
	tr.Text("/src/linked/linked.egg-info/PKG-INFO", "Name: linked\nVersion: 0.3\n\n")
	tr.Text(site+"/unseen.egg-link", "/elsewhere\n../\n")
	tr.Text(site+"/taken.egg-link", "/src/taken\n")
	tr.Text(site+"/taken-1.0.dist-info/METADATA", "Name: taken\nVersion: 1.0\n\n")
	listing, err := dist.List(tr.Target, site)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range listing.Distributions {
		d := &listing.Distributions[i]
		d.Load(tr.Target)
		got[d.Key] += d.Version + ";"
	}
	want := map[string]string{"zipped": "1.4;", "open-dir": "2.0;", "linked": "0.3;", "unseen": ";", "taken": "1.0;"}
	for key, version := range want {
		if got[key] != version {
			t.Errorf("%s is %q, want %q", key, got[key], version)
		}
	}
	if len(got) != len(want) {
		t.Errorf("distributions %v", got)
	}
}

// TestLinksOutOfSight: a file that is a link to where nobody may look is not
// called missing; one into uv's cache, which may be seen, is.
func TestLinksOutOfSight(t *testing.T) {
	const site = "/env/lib/python3.10/site-packages"
	for target, missing := range map[string]int{
		"/spack/opt/idna/__init__.py": 0, "/home/ada/.cache/uv/archive-v0/a/idna/__init__.py": 1, "/env/gone.py": 1, "gone.py": 1,
	} {
		tr := fakeenv.New(t)
		tr.Text(site+"/idna-3.10.dist-info/METADATA", "Name: idna\nVersion: 3.10\n\n")
		tr.Text(site+"/idna-3.10.dist-info/RECORD", "idna/__init__.py,,0\n")
		tr.Link(site+"/idna/__init__.py", target)
		listing, err := dist.List(tr.Target, site)
		if err != nil || len(listing.Distributions) != 1 {
			t.Fatal(listing, err)
		}
		d := &listing.Distributions[0]
		d.Load(tr.Target)
		got := 0
		if damage := dist.Inspect(tr.Target, d); damage != nil {
			got = damage.MissingCount
		}
		if got != missing {
			t.Errorf("link to %s: %d missing, want %d", target, got, missing)
		}
	}
}
