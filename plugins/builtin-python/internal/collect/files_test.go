// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// get reads a field of /opt/env, which may be absent.
func get[T any](t *testing.T, set fact.Set, field string) T {
	t.Helper()
	v, _ := observed.Get[T](set, "/opt/env", field)
	return v
}

func TestPathFiles(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Text(site+"/distutils-precedence.pth", "import os; x = 1\n")
	tr.Text(site+"/easy-install.pth", "/srv/app/src\n../gone\n/unseen/dir\n")
	tr.Text(site+"/.hidden.pth", "/srv/app/src\n")
	tr.Text("/srv/app/src/app.egg-info/PKG-INFO", "Name: app\nVersion: 2.0\n")
	tr.Text("/srv/app/src/known.egg-info/PKG-INFO", "Name: known\nVersion: 1.0\n")
	tr.Install(site, fakeenv.Dist{Name: "known", Version: "1.0"})
	set := observe(t, tr.Target)
	var got []string
	for _, f := range get[[]observed.PathFile](t, set, observed.PathFiles) {
		for _, d := range f.Directories {
			got = append(got, fmt.Sprint(d.Path, " ", d.Line, " ", d.State))
		}
		if f.Imports > 0 {
			got = append(got, f.Path+": "+f.First)
		}
	}
	want := []string{
		site + "/distutils-precedence.pth: import os; x = 1",
		"/srv/app/src 1 ok", "/opt/env/lib/python3.11/gone 2 missing", "/unseen/dir 3 unseen",
	}
	if !slices.Equal(got, want) {
		t.Errorf("path files %q, want %q", got, want)
	}
	var names []string
	for _, p := range get[[]observed.Package](t, set, observed.Packages) {
		names = append(names, p.Name+" "+p.Scope)
	}
	if want := []string{"known env", "app path"}; !slices.Equal(names, want) {
		t.Errorf("packages %q, want %q", names, want)
	}
}

func TestEditables(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Install(site, fakeenv.Dist{Name: "my-app", Version: "1.0", Files: map[string][]byte{
		"my_app-1.0.dist-info/direct_url.json":   []byte(`{"url": "file:///srv/app", "dir_info": {"editable": true}}`),
		"my_app-1.0.dist-info/entry_points.txt":  []byte("[console_scripts]\na = b\n[jax_plugins]\nx = y\n"),
		"__editable__.my_app-1.0.pth":            []byte("import __editable___my_app_1_0_finder; __editable___my_app_1_0_finder.install()"),
		"__editable___my_app_1_0_finder.py":      []byte("MAPPING: dict[str, str] = {'app': '/srv/app/src/app'}\n"),
		"__editable___truncated_1_0_finder.py.x": nil,
	}})
	tr.Text("/srv/app/pyproject.toml", "")
	set := observe(t, tr.Target)
	want := []observed.Editable{
		{Distribution: "my-app", Target: "/srv/app", State: "ok", From: site + "/my_app-1.0.dist-info/direct_url.json"},
		{Distribution: "my-app", Module: "app", Target: "/srv/app/src/app", State: "unseen", From: site + "/__editable___my_app_1_0_finder.py"},
	}
	if got := get[[]observed.Editable](t, set, observed.Editables); !reflect.DeepEqual(got, want) {
		t.Errorf("editables %+v, want %+v", got, want)
	}
	p := get[[]observed.Package](t, set, observed.Packages)[0]
	if !p.Editable || !reflect.DeepEqual(p.Source, &dist.Source{URL: "file:///srv/app", Kind: "directory", Editable: true}) ||
		!reflect.DeepEqual(p.EntryPoints, map[string][]string{"jax_plugins": {"x"}}) {
		t.Errorf("package %+v", p)
	}
}

func TestWrongTags(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7") // with glibc 2.31
	for name, d := range map[string]struct{ tag, installer string }{
		"good": {"cp311-cp311-manylinux_2_28_x86_64", "pip"}, "older": {"cp310-cp310-manylinux_2_28_x86_64", "uv"},
		"newer": {"cp311-cp311-manylinux_2_34_x86_64", "pip"}, "mine": {"cp311-cp311-manylinux_2_34_x86_64", "conda"},
	} {
		tr.Install(site, fakeenv.Dist{Name: name, Version: "1.0", Tag: d.tag, Installer: d.installer, Files: map[string][]byte{name + "/x.so": fakeenv.Library{}.Bytes()}})
	}
	set := observe(t, tr.Target)
	var got []string
	for _, w := range get[[]observed.WrongTag](t, set, observed.WrongTags) {
		got = append(got, w.Distribution+" "+w.Reason+" "+w.Interpreter)
	}
	want := []string{"newer glibc cp311-cp311-manylinux_2_31_x86_64", "older python cp311-cp311-manylinux_2_31_x86_64"}
	if !slices.Equal(got, want) || get[string](t, set, observed.Glibc) != "2.31" {
		t.Errorf("wrong tags %q, want %q; glibc %q", got, want, get[string](t, set, observed.Glibc))
	}
}

func TestPythonPath(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	tr.Text("/opt/ros/lib/python3.8/site-packages/x-1.0.dist-info/METADATA", "")
	tr.Text("/srv/libs/fast/_fast.cpython-39-x86_64-linux-gnu.so", "")
	tr.Target.Env["PYTHONPATH"] = "/opt/ros/lib/python3.8/site-packages::/srv/libs:/gone:relative"
	got := get[[]observed.PythonPathEntry](t, observe(t, tr.Target), observed.PythonPath)
	want := []observed.PythonPathEntry{
		{Path: "/opt/ros/lib/python3.8/site-packages", Exists: true, Versions: []string{"3.8"}, Distributions: 1, Example: "/opt/ros/lib/python3.8/site-packages"},
		{Path: "/srv/libs", Exists: true, Versions: []string{"3.9"}, Example: "/srv/libs/fast/_fast.cpython-39-x86_64-linux-gnu.so"},
		{Path: "/gone"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestManyDistributions: the bound on distributions is told.
func TestManyDistributions(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 6,000 directories")
	}
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	for i := range 6000 {
		tr.Text(fmt.Sprintf("%s/p%d-1.0.dist-info/METADATA", site, i), "Name: p\n")
	}
	set := observe(t, tr.Target)
	if n := len(get[[]observed.Package](t, set, observed.Packages)); n != 5000 || !get[bool](t, set, observed.TooMany) {
		t.Errorf("%d packages, cut %v", n, get[bool](t, set, observed.TooMany))
	}
}

// TestUnreadableMetadata: what is there and tells nothing is told with its reason.
func TestUnreadableMetadata(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Install(site, fakeenv.Dist{Name: "good", Version: "1.0"})
	tr.Text(site+"/cut-1.0.dist-info/METADATA", "")
	tr.Text(site+"/none-1.0.dist-info/RECORD", "")
	tr.Text(site+"/zeros-1.0.dist-info/METADATA", strings.Repeat("\x00", 1000))
	tr.Text(site+"/dir-1.0.dist-info/METADATA/x", "")
	tr.Link(site+"/loop-1.0.dist-info/RECORD", "RECORD")
	got := get[map[string]string](t, observe(t, tr.Target), observed.Unreadable)
	for name, reason := range map[string]string{
		"zeros-1.0.dist-info/METADATA": "no header line", "dir-1.0.dist-info/METADATA": "directory", "loop-1.0.dist-info/RECORD": "too many symbolic links",
	} {
		if !strings.Contains(got[site+"/"+name], reason) {
			t.Errorf("%s: %q, want %q", name, got[site+"/"+name], reason)
		}
	}
	if len(got) != 3 {
		t.Errorf("unreadable %v", got)
	}
}

// TestPlaces: what is found beside the examined environments becomes facts with
// the file and line that say so.
func TestPlaces(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	tr.Target.ProjectDir = "/srv/app"
	tr.Conda("/home/ada/miniconda3/envs/ml", "3.12.4")
	tr.Kernel("/home/ada/.local/share/jupyter", "ml", "/home/ada/miniconda3/envs/ml/bin/python")
	tr.Text("/home/ada/.local/share/jupyter/kernels/bad/kernel.json", "{")
	tr.Text("/srv/app/.vscode/settings.json", "{\n\"python.defaultInterpreterPath\": \".venv/bin/python\"}")
	tr.Text("/srv/app/bad.code-workspace", "{")
	set := observe(t, tr.Target)
	if extra := undocumented(set); len(extra) > 0 {
		t.Errorf("facts without a description: %q", extra)
	}
	for address, line := range map[string]int{
		observed.Kernels: 3, observed.Editors: 2, observed.KernelFiles: 0, observed.EditorFiles: 0,
	} {
		if f, ok := set.Lookup(address); !ok || len(f.Evidence) != 1 || f.Evidence[0].Line != line || f.Evidence[0].Path == "" {
			t.Errorf("%s: %+v", address, f)
		}
	}
	others, _ := fact.Get[[]observed.OtherEnvironment](set, observed.Others)
	if !slices.ContainsFunc(others, func(o observed.OtherEnvironment) bool { return strings.HasSuffix(o.Prefix, "/envs/ml") && o.Visible }) {
		t.Errorf("others %+v", others)
	}
}
