// SPDX-License-Identifier: Apache-2.0

package locate_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

const home = "/home/ada"

// managerCases put one environment where a tool keeps it; want is its row of
// the others: "prefix version kind manager name".
var managerCases = []struct {
	name  string
	build func(*fakeenv.Tree)
	want  string
}{
	{"conda base", func(tr *fakeenv.Tree) { tr.Conda(home+"/miniconda3", "3.12.4") }, home + "/miniconda3 3.12.4 conda conda base"},
	{"conda, named", func(tr *fakeenv.Tree) { tr.Conda(home+"/miniforge3/envs/ml", "3.11.9") }, home + "/miniforge3/envs/ml 3.11.9 conda conda ml"},
	{"conda of root", func(tr *fakeenv.Tree) { tr.Conda("/opt/conda/envs/ml", "3.11.9") }, "/opt/conda/envs/ml 3.11.9 conda conda ml"},
	{"conda by its list", func(tr *fakeenv.Tree) {
		tr.Conda("/data/envs/llm", "3.11.9")
		tr.Text(home+"/.conda/environments.txt", "\nrelative\n/absent\n/data/envs/llm\n")
	}, "/data/envs/llm 3.11.9 conda conda llm"},
	{"conda by variable", func(tr *fakeenv.Tree) {
		tr.Conda("/scratch/e/x", "3.10.1")
		tr.Target.Env["CONDA_ENVS_PATH"] = "/scratch/none:/scratch/e"
	}, "/scratch/e/x 3.10.1 conda conda x"},
	{"conda without Python in it", func(tr *fakeenv.Tree) { tr.Text(home+"/miniconda3/envs/tools/conda-meta/history", "") },
		home + "/miniconda3/envs/tools  conda conda tools"},
	{"micromamba", func(tr *fakeenv.Tree) { tr.Conda(home+"/micromamba/envs/ml", "3.11.9") }, home + "/micromamba/envs/ml 3.11.9 conda micromamba ml"},
	{"pixi", func(tr *fakeenv.Tree) {
		tr.Conda("/srv/app/.pixi/envs/gpu", "3.11.9")
		tr.Target.ProjectDir = "/srv/app"
	}, "/srv/app/.pixi/envs/gpu 3.11.9 conda pixi gpu"},
	{"pyenv", func(tr *fakeenv.Tree) { tr.Interpreter(home+"/.pyenv/versions/3.9.18", "3.9.18") }, home + "/.pyenv/versions/3.9.18 3.9.18 pyenv pyenv 3.9.18"},
	{"pyenv elsewhere", func(tr *fakeenv.Tree) {
		tr.Interpreter("/opt/pyenv/versions/3.9.18", "3.9.18")
		tr.Target.Env["PYENV_ROOT"] = "/opt/pyenv"
	}, "/opt/pyenv/versions/3.9.18 3.9.18 pyenv pyenv 3.9.18"},
	{"uv's Python", func(tr *fakeenv.Tree) { tr.UVPython("3.13.1") },
		home + "/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu 3.13.1 standalone uv cpython-3.13.1-linux-x86_64-gnu"},
	{"uv tool", func(tr *fakeenv.Tree) { tr.UVVenv(home+"/.local/share/uv/tools/ruff", "3.12.1") }, home + "/.local/share/uv/tools/ruff 3.12.1 uv uv tool ruff"},
	{"pipx", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.local/share/pipx/venvs/black", "3.11.2") }, home + "/.local/share/pipx/venvs/black 3.11.2 venv pipx black"},
	{"pipx before 1.3", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.local/pipx/venvs/black", "3.11.2") }, home + "/.local/pipx/venvs/black 3.11.2 venv pipx black"},
	{"poetry", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.cache/pypoetry/virtualenvs/app-x1-py3.11", "3.11.2") },
		home + "/.cache/pypoetry/virtualenvs/app-x1-py3.11 3.11.2 venv poetry app-x1-py3.11"},
	{"hatch", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.local/share/hatch/env/virtual/app/Ab1/dev", "3.11.2") },
		home + "/.local/share/hatch/env/virtual/app/Ab1/dev 3.11.2 venv hatch dev"},
	{"pdm", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.local/share/pdm/venvs/app-1-3.11", "3.11.2") }, home + "/.local/share/pdm/venvs/app-1-3.11 3.11.2 venv pdm app-1-3.11"},
	{"pipenv", func(tr *fakeenv.Tree) { tr.VenvAt(home+"/.local/share/virtualenvs/app-1", "3.11.2") }, home + "/.local/share/virtualenvs/app-1 3.11.2 venv pipenv app-1"},
	{"virtualenvwrapper", func(tr *fakeenv.Tree) { tr.VenvAt("/work/on/ml", "3.11.2"); tr.Target.Env["WORKON_HOME"] = "/work/on" }, "/work/on/ml 3.11.2 venv virtualenvwrapper ml"},
	{"tox", func(tr *fakeenv.Tree) { tr.VenvAt("/srv/app/.tox/py311", "3.11.2"); tr.Target.ProjectDir = "/srv/app" }, "/srv/app/.tox/py311 3.11.2 venv tox py311"},
	{"VS Code's directory of environments", func(tr *fakeenv.Tree) {
		tr.VenvAt("/data/venvs/ml", "3.11.2")
		tr.Target.ProjectDir = "/srv/app"
		tr.Text("/srv/app/.vscode/settings.json", `{"python.venvPath": "/data/venvs"}`)
	}, "/data/venvs/ml 3.11.2 venv virtualenv ml"},
}

func TestManagers(t *testing.T) {
	for _, c := range managerCases {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			tr.Venv("/active", "3.12.1")
			c.build(tr)
			found := locate.Search(tr.Target)
			var got []string
			for _, o := range found.Others {
				got = append(got, fmt.Sprint(o.Prefix, " ", o.Version, " ", o.Kind, " ", o.Manager, " ", o.Name))
			}
			if !slices.Contains(got, c.want) {
				t.Errorf("others %q, want %q", got, c.want)
			}
			if len(found.Examined) != 1 || found.Examined[0].Prefix != "/active" {
				t.Errorf("examined %d environments", len(found.Examined))
			}
		})
	}
}

// TestNoEnvironments: directories that hold something else are not listed.
func TestNoEnvironments(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/active", "3.12.1")
	tr.Text(home+"/.virtualenvs/postactivate", "#!/bin/sh\n")
	tr.Text(home+"/.virtualenvs/notes/readme.txt", "")
	tr.Text(home+"/.local/share/uv/python/.lock", "")
	tr.Text("/opt/python-docs/index.html", "")
	for _, o := range locate.Search(tr.Target).Others {
		if o.Manager != "system" || o.Prefix != "/usr" {
			t.Errorf("listed %+v", o)
		}
	}
}

// TestAll: "*" asks for all environments, besides what is named.
func TestAll(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/active", "3.12.1")
	tr.Conda(home+"/miniconda3", "3.12.4")
	tr.Conda(home+"/miniconda3/envs/ml", "3.11.9")
	tr.Text(home+"/.local/share/pipx/venvs/seen/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n") // packages may not be read
	prefixes := func(pythons ...string) (out []string) {
		tr.Target.Pythons = pythons
		found := locate.Search(tr.Target)
		for _, e := range found.Examined {
			out = append(out, e.Prefix)
		}
		if i := slices.IndexFunc(found.Others, func(o observed.OtherEnvironment) bool { return o.Manager == "pipx" }); i < 0 || found.Others[i].Visible {
			t.Errorf("the environment that cannot be read is not among the others: %+v", found.Others)
		}
		return out
	}
	if got, want := prefixes(locate.All), []string{"/active", home + "/miniconda3", home + "/miniconda3/envs/ml"}; !slices.Equal(got, want) {
		t.Errorf("all: %q, want %q", got, want)
	}
	if got := prefixes(home+"/miniconda3/envs/ml", locate.All); len(got) != 2 || got[0] != home+"/miniconda3/envs/ml" {
		t.Errorf("one and all: %q", got)
	}
	if got := prefixes("/active"); len(got) != 1 {
		t.Errorf("one: %q", got)
	}
}

func TestAllIsBounded(t *testing.T) {
	tr := fakeenv.New(t)
	tr.System("12")
	for i := range 400 {
		prefix := fmt.Sprintf("%s/.virtualenvs/e%03d", home, i)
		tr.Text(prefix+"/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n")
		tr.Text(prefix+"/lib/python3.12/site-packages/x.py", "")
	}
	tr.Target.Pythons = []string{locate.All}
	found := locate.Search(tr.Target)
	if len(found.Examined) != 64 || len(found.Others) != 256 || !found.Cut {
		t.Errorf("examined %d, others %d, cut %v", len(found.Examined), len(found.Others), found.Cut)
	}
}
