// SPDX-License-Identifier: Apache-2.0

package locate_test

import (
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
)

// pyenv installs two versions with a global one.
func pyenv(tr *fakeenv.Tree) {
	for _, v := range []string{"3.10.13", "3.11.7", "3.11.9"} {
		tr.Text("/home/ada/.pyenv/versions/"+v+"/bin/python"+v[:4], "")
		tr.Link("/home/ada/.pyenv/versions/"+v+"/bin/python3", "python"+v[:4])
		tr.Text("/home/ada/.pyenv/versions/"+v+"/lib/python"+v[:4]+"/site-packages/README.txt", "")
	}
	tr.Text("/home/ada/.pyenv/shims/python3", "#!/usr/bin/env bash\n")
	tr.Text("/home/ada/.pyenv/version", "3.10.13\n")
	tr.Target.Env["PATH"] = "/home/ada/.pyenv/shims:/usr/bin:/bin"
}

// cases say which environment comes first.
var cases = []struct {
	name                                   string
	build                                  func(*fakeenv.Tree)
	prefix, version, kind, foundBy, python string
}{
	{"system", func(tr *fakeenv.Tree) { tr.System("11") }, "/usr", "3.11", "system", "/usr/bin/python3", "/usr/bin/python3"},
	{"system with headers", func(tr *fakeenv.Tree) {
		tr.System("11")
		tr.Text("/usr/include/python3.11/patchlevel.h", "#define PY_MAJOR_VERSION 3\n#define PY_VERSION      \t\"3.11.2+\"\n")
		tr.Target.Env["PATH"] = "/usr/local/bin:/usr/bin"
	}, "/usr", "3.11.2", "system", "PATH", "/usr/bin/python3"},
	{"venv", func(tr *fakeenv.Tree) { tr.Venv("/v", "3.12.1") }, "/v", "3.12.1", "venv", "VIRTUAL_ENV", "/v/bin/python3"},
	{"uv", func(tr *fakeenv.Tree) {
		tr.Venv("/v", "3.12.1")
		tr.Text("/v/pyvenv.cfg", "home = /usr/bin\nimplementation = CPython\nuv = 0.8.0\nversion_info = 3.12.1\n")
	}, "/v", "3.12.1", "uv", "VIRTUAL_ENV", "/v/bin/python3"},
	{"virtualenv", func(tr *fakeenv.Tree) {
		tr.Venv("/v", "3.12.1")
		tr.Text("/v/pyvenv.cfg", "home = /usr/bin\nversion_info = 3.12.1.final.0\nvirtualenv = 20.25.0\n")
	}, "/v", "3.12.1", "virtualenv", "VIRTUAL_ENV", "/v/bin/python3"},
	{"pyenv global", pyenv, "/home/ada/.pyenv/versions/3.10.13", "3.10.13", "pyenv", "PATH", "/home/ada/.pyenv/versions/3.10.13/bin/python3"},
	{"pyenv by variable", func(tr *fakeenv.Tree) {
		pyenv(tr)
		tr.Target.Env["PYENV_VERSION"] = "3.11"
	}, "/home/ada/.pyenv/versions/3.11.9", "3.11.9", "pyenv", "PATH", "/home/ada/.pyenv/versions/3.11.9/bin/python3"},
	{"pyenv by project", func(tr *fakeenv.Tree) {
		pyenv(tr)
		tr.Target.ProjectDir = "/srv/app/sub"
		tr.Text("/srv/app/.python-version", "3.11.7\n")
	}, "/home/ada/.pyenv/versions/3.11.7", "3.11.7", "pyenv", "PATH", "/home/ada/.pyenv/versions/3.11.7/bin/python3"},
	{"pyenv system", func(tr *fakeenv.Tree) {
		pyenv(tr)
		tr.System("9")
		tr.Text("/home/ada/.pyenv/version", "system\n")
	}, "/usr", "3.9", "system", "PATH", "/usr/bin/python3"},
	{"conda", func(tr *fakeenv.Tree) {
		tr.Text("/opt/c/conda-meta/python-3.10.4-h12debd9_0.json", "{}")
		tr.Text("/opt/c/bin/python3.10", "")
		tr.Link("/opt/c/bin/python3", "python3.10")
		tr.Target.Env["CONDA_PREFIX"] = "/opt/c"
	}, "/opt/c", "3.10.4", "conda", "CONDA_PREFIX", "/opt/c/bin/python3"},
	{"named directory", func(tr *fakeenv.Tree) {
		tr.Venv("/v", "3.12.1")
		tr.Venv("/w", "3.12.1")
		tr.Target.Pythons = []string{"/v"}
	}, "/v", "3.12.1", "venv", "--python", "/v/bin/python3"},
	{"named interpreter", func(tr *fakeenv.Tree) {
		tr.Venv("/v", "3.12.1")
		tr.Target.Pythons = []string{"/v/bin/python"}
	}, "/v", "3.12.1", "venv", "--python", "/v/bin/python"},
	{"project", func(tr *fakeenv.Tree) {
		tr.Venv("/srv/app/.venv", "3.12.1")
		tr.Target.Env = map[string]string{}
		tr.Target.ProjectDir = "/srv/app"
	}, "/srv/app/.venv", "3.12.1", "venv", "project", "/srv/app/.venv/bin/python3"},
	{"project of pixi", func(tr *fakeenv.Tree) {
		tr.Conda("/srv/app/.pixi/envs/default", "3.11.9")
		tr.Target.ProjectDir = "/srv/app"
	}, "/srv/app/.pixi/envs/default", "3.11.9", "conda", "project", "/srv/app/.pixi/envs/default/bin/python3"},
	{"standalone by uv", func(tr *fakeenv.Tree) {
		const dir = "/home/ada/.local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu"
		tr.Text(dir+"/bin/python3.13", "")
		tr.Target.Pythons = []string{"~/.local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu/bin/python3.13"}
	}, "/home/ada/.local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu", "3.13.0", "standalone", "--python", "/home/ada/.local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu/bin/python3.13"},
}

func TestFind(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			c.build(tr)
			envs := locate.Find(tr.Target)
			if len(envs) == 0 {
				t.Fatal("found nothing")
			}
			e := envs[0]
			if e.Prefix != c.prefix || e.Version != c.version || e.Kind != c.kind || e.FoundBy != c.foundBy || e.Python != c.python {
				t.Errorf("found %s %s %s by %s, python %s", e.Prefix, e.Version, e.Kind, e.FoundBy, e.Python)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Target.Pythons = []string{"/absent"}
	tr.Target.Env["VIRTUAL_ENV"] = "/gone"
	if envs := locate.Find(tr.Target); len(envs) != 0 {
		t.Errorf("found %+v", envs)
	}
}

func TestFindOnce(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/v", "3.12.1")
	tr.Target.Env["PATH"] = "/v/bin:/usr/bin"
	if envs := locate.Find(tr.Target); len(envs) != 1 {
		t.Errorf("found %d environments, want 1", len(envs))
	}
}

func TestSites(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/v", "3.11.7")
	tr.Text("/home/ada/.local/lib/python3.11/site-packages/x", "")
	tr.Text("/usr/lib/python3/dist-packages/x", "")
	tr.Text("/usr/local/lib/python3.11/dist-packages/x", "")
	tr.Link("/v/lib64", "lib")
	paths := func() (out []string) {
		for _, s := range locate.Find(tr.Target)[0].Sites {
			out = append(out, s.Path+" "+s.Scope)
		}
		return out
	}
	if got, want := paths(), []string{site + " env"}; !slices.Equal(got, want) {
		t.Errorf("isolated: %q, want %q", got, want)
	}
	tr.Text("/v/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.7\n")
	want := []string{
		site + " env", "/home/ada/.local/lib/python3.11/site-packages user",
		"/usr/local/lib/python3.11/dist-packages base", "/usr/lib/python3/dist-packages base",
	}
	if got := paths(); !slices.Equal(got, want) {
		t.Errorf("with the system's: %q, want %q", got, want)
	}
	tr.Target.Env["PYTHONNOUSERSITE"] = "1"
	if got := paths(); len(got) != 3 {
		t.Errorf("without the user's: %q", got)
	}
}

func FuzzParseVenvConfig(f *testing.F) {
	f.Add([]byte("home = /usr/bin\nversion = 3.11.7\n= \nuv\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { locate.ParseVenvConfig(data) })
}
