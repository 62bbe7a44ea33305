// SPDX-License-Identifier: Apache-2.0

//go:build unix

package collect_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	hostileHome = "/home/ada"
	hostileSite = "/opt/env/lib/python3.11/site-packages"
)

// hostileFiles are the files that a collector opens.
var hostileFiles = []string{
	"/opt/env/pyvenv.cfg", hostileSite + "/a-1.0.dist-info/METADATA", hostileSite + "/a-1.0.dist-info/RECORD",
	hostileSite + "/a-1.0.dist-info/WHEEL", hostileSite + "/a-1.0.dist-info/direct_url.json",
	hostileSite + "/a-1.0.dist-info/entry_points.txt", hostileSite + "/a-1.0.dist-info/INSTALLER",
	hostileSite + "/b-1.0.egg-info", hostileSite + "/c.egg-info/requires.txt",
	hostileSite + "/x.pth", hostileSite + "/__editable___a_1_0_finder.py",
	hostileSite + "/torch/version.py", hostileSite + "/torch/lib/libc10.so", hostileSite + "/torch/_C.x.so",
	hostileSite + "/torch/lib/libtorch_global_deps.so", hostileSite + "/numpy/_core/_multiarray_umath.x.so", hostileSite + "/a/x.so",
	"/etc/ld.so.cache", "/lib/x86_64-linux-gnu/libc.so.6", "/opt/env/conda-meta/a-1.0-0.json",
	hostileHome + "/.conda/environments.txt", hostileHome + "/.local/share/jupyter/kernels/k/kernel.json",
	"/srv/app/.vscode/settings.json", "/srv/app/a.code-workspace", "/srv/app/.idea/misc.xml", "/srv/app/.idea/a.iml",
	hostileHome + "/.config/JetBrains/P/options/jdk.table.xml", "/srv/app/.python-version", hostileHome + "/.pyenv/version",
	"/opt/env/share/jupyter/kernels/k/kernel.json", "/srv/app/pyproject.toml", "/srv/app/requirements.txt",
}

// hostileDirs are the directories that a collector lists.
var hostileDirs = []string{
	hostileSite, "/opt/env/conda-meta", hostileHome + "/.virtualenvs", hostileHome + "/.local/share/jupyter/kernels",
	hostileHome + "/.pyenv/versions", "/srv/app", hostileHome + "/miniconda3/envs", "/usr/bin", "/opt/env/bin", "/extra",
}

// hostiles put something else where a file is expected.
var hostiles = []struct {
	name string
	put  func(t *testing.T, file string)
}{
	{"a pipe", func(t *testing.T, file string) { must(t, syscall.Mkfifo(file, 0o644)) }},
	{"a link to itself", func(t *testing.T, file string) { must(t, os.Symlink(filepath.Base(file), file)) }},
	{"a directory", func(t *testing.T, file string) { must(t, os.Mkdir(file, 0o755)) }},
	{"zeros", func(t *testing.T, file string) { must(t, os.WriteFile(file, make([]byte, 1<<20), 0o644)) }},
	{"a hole of eight gigabytes", func(t *testing.T, file string) {
		must(t, os.WriteFile(file, []byte("\x7fELF\x02\x01\x01"), 0o644))
		must(t, os.Truncate(file, 8<<30))
	}},
	{"Latin-1", func(t *testing.T, file string) {
		must(t, os.WriteFile(file, []byte("Name: caf\xe9\n\xff\xfe,\xe9,\n"), 0o644))
	}},
	{"a deep nest", func(t *testing.T, file string) {
		must(t, os.WriteFile(file, []byte(strings.Repeat("[({<", 1<<16)), 0o644))
	}},
	{"no permission", func(t *testing.T, file string) { must(t, os.WriteFile(file, []byte("x"), 0)) }},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hostileMachine(t *testing.T) *fakeenv.Tree {
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	tr.Target.ProjectDir = "/srv/app"
	tr.Target.Env["PYTHONPATH"] = "/extra"
	tr.Target.Env["PATH"] = hostileHome + "/.pyenv/shims:/usr/bin"
	tr.Target.Env["LD_LIBRARY_PATH"] = "/extra"
	tr.Text(hostileHome+"/.pyenv/shims/python3", "")
	return tr
}

// TestHostileFiles: whatever stands where a file is expected, the collector
// comes to an end soon, without a panic and with facts that the wire carries.
func TestHostileFiles(t *testing.T) {
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			tr := hostileMachine(t)
			for _, name := range hostileFiles {
				tr.Remove(name)
				tr.Text(filepath.Dir(name)+"/.keep", "")
				h.put(t, filepath.Join(tr.Target.Root, name))
			}
			endsSoon(t, tr)
		})
	}
}

func TestHostileDirectories(t *testing.T) {
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			tr := hostileMachine(t)
			for _, name := range hostileDirs {
				tr.Remove(name)
				tr.Text(filepath.Dir(name)+"/.keep", "")
				h.put(t, filepath.Join(tr.Target.Root, name))
			}
			endsSoon(t, tr)
		})
	}
}

func endsSoon(t *testing.T, tr *fakeenv.Tree) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		facts, diags := fact.Observe(t.Context(), tr.Target, collect.Environments)
		if len(diags) > 0 {
			done <- fmt.Errorf("%v", diags[0].Detail)
			return
		}
		_, err := fact.FromProto(fact.ToProto(facts))
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the collector did not come to an end in two minutes")
	}
}

// TestHugeSite: a directory with thirty thousand distributions is read in part.
func TestHugeSite(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 30,000 directories")
	}
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	host := filepath.Join(tr.Target.Root, site)
	for i := range 30_000 {
		must(t, os.Mkdir(fmt.Sprintf("%s/p%d-1.0.dist-info", host, i), 0o755))
	}
	set := observe(t, tr.Target)
	cut, _ := observed.Get[bool](set, "/opt/env", observed.TooMany)
	if list, _ := observed.Get[[]observed.Package](set, "/opt/env", observed.Packages); !cut || len(list) != 5000 {
		t.Errorf("cut %v after %d", cut, len(list))
	}
}
