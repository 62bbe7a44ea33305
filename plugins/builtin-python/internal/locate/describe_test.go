// SPDX-License-Identifier: Apache-2.0

package locate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
)

// first is the first environment of a machine; it ends the test without one.
func first(t *testing.T, build func(*fakeenv.Tree)) locate.Env {
	t.Helper()
	tr := fakeenv.New(t)
	build(tr)
	envs := locate.Find(tr.Target)
	if len(envs) == 0 {
		t.Fatal("found nothing")
	}
	return envs[0]
}

func TestParseVenvConfig(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       locate.VenvConfig
	}{
		{"venv", "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\nexecutable = /usr/bin/python3.11\n",
			locate.VenvConfig{Home: "/usr/bin", Version: "3.11.2", Tool: "venv"}},
		{"uv", "home = /x/bin\nimplementation = CPython\nuv = 0.8.3\nversion_info = 3.12.4\n",
			locate.VenvConfig{Home: "/x/bin", Version: "3.12.4", Implementation: "CPython", Tool: "uv"}},
		{"virtualenv writes five numbers", "home = /x/bin\nversion_info = 3.9.18.final.0\nvirtualenv = 20.1\n",
			locate.VenvConfig{Home: "/x/bin", Version: "3.9.18", Tool: "virtualenv"}},
		{"the first version stands", "version = 3.10.1\nversion_info = 3.9.0.final.0\n", locate.VenvConfig{Version: "3.10.1", Tool: "venv"}},
		{"keys in any case, values kept", "HOME = /Home/Ada/bin\nInclude-System-Site-Packages = TRUE\n",
			locate.VenvConfig{Home: "/Home/Ada/bin", SystemSite: true, Tool: "venv"}},
		{"Windows line ends", "home = C:\\Python311\r\nversion = 3.11.4\r\n", locate.VenvConfig{Home: `C:\Python311`, Version: "3.11.4", Tool: "venv"}},
		{"a value with an equals sign", "home = /opt/a=b/bin\n", locate.VenvConfig{Home: "/opt/a=b/bin", Tool: "venv"}},
		{"only true is true", "include-system-site-packages = yes\n", locate.VenvConfig{Tool: "venv"}},
		{"no spaces", "home=/usr/bin\nversion=3.8\n", locate.VenvConfig{Home: "/usr/bin", Version: "3.8", Tool: "venv"}},
		{"lines of another form", "# comment\nhome\n\n= x\nversion = 3.7.1", locate.VenvConfig{Version: "3.7.1", Tool: "venv"}},
		{"nothing", "", locate.VenvConfig{Tool: "venv"}},
	} {
		if got := locate.ParseVenvConfig([]byte(c.text)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestLink: an interpreter that is gone is told from one that may not be seen,
// and the end of the chain of links is named.
func TestLink(t *testing.T) {
	for _, c := range []struct {
		name   string
		build  func(*fakeenv.Tree)
		state  locate.LinkState
		target string
	}{
		{"through three links", func(tr *fakeenv.Tree) {
			tr.Venv("/v", "3.11.7")
			tr.Target.Pythons = []string{"/v/bin/python"}
		}, locate.LinkOK, "/usr/bin/python3.11"},
		{"the base was removed", func(tr *fakeenv.Tree) {
			tr.Venv("/v", "3.11.7")
			tr.Remove("/usr/bin/python3.11")
		}, locate.LinkDangling, "/usr/bin/python3.11"},
		{"a base in a place without a grant", func(tr *fakeenv.Tree) {
			tr.Text("/srv/app/.venv/pyvenv.cfg", "home = /nix/store/p/bin\n")
			tr.Link("/srv/app/.venv/bin/python3", "/nix/store/p/bin/python3")
			tr.Target.ProjectDir = "/srv/app"
		}, locate.LinkUnseen, "/nix/store/p/bin/python3"},
		{"the same base, and the user named the environment", func(tr *fakeenv.Tree) {
			tr.Text("/srv/app/.venv/pyvenv.cfg", "home = /nix/store/p/bin\n")
			tr.Link("/srv/app/.venv/bin/python3", "/nix/store/p/bin/python3")
			tr.Target.Pythons = []string{"/srv/app/.venv"}
		}, locate.LinkDangling, "/nix/store/p/bin/python3"},
		{"a pyenv version that was uninstalled", func(tr *fakeenv.Tree) {
			tr.Text("/srv/app/.venv/pyvenv.cfg", "home = /home/ada/.pyenv/versions/3.11.1/bin\n")
			tr.Link("/srv/app/.venv/bin/python3", "/home/ada/.pyenv/versions/3.11.1/bin/python3.11")
			tr.Target.ProjectDir = "/srv/app"
		}, locate.LinkDangling, "/home/ada/.pyenv/versions/3.11.1/bin/python3.11"},
		{"a relative link inside the environment", func(tr *fakeenv.Tree) {
			tr.Text("/v/pyvenv.cfg", "home = /usr/bin\n")
			tr.Link("/v/bin/python3", "python3.11")
			tr.Target.Env["VIRTUAL_ENV"] = "/v"
		}, locate.LinkDangling, "/v/bin/python3.11"},
		{"no interpreter", func(tr *fakeenv.Tree) {
			tr.Text("/v/pyvenv.cfg", "home = /usr/bin\n")
			tr.Target.Env["VIRTUAL_ENV"] = "/v"
		}, locate.LinkMissing, ""},
		{"links in a circle", func(tr *fakeenv.Tree) {
			tr.Text("/v/pyvenv.cfg", "home = /usr/bin\n")
			tr.Link("/v/bin/python3", "python")
			tr.Link("/v/bin/python", "python3")
			tr.Target.Env["VIRTUAL_ENV"] = "/v"
		}, locate.LinkDangling, "/v/bin/python3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := first(t, c.build).Link; got.State != c.state || got.Target != c.target {
				t.Errorf("link %+v, want %s at %s", got, c.state, c.target)
			}
		})
	}
}

// TestDescribed: what follows from the prefix, where several places say it.
func TestDescribed(t *testing.T) {
	for _, c := range []struct {
		name                          string
		build                         func(*fakeenv.Tree)
		version, implementation, base string
		stdlib                        string
	}{
		{"venv of the system", func(tr *fakeenv.Tree) { tr.Venv("/v", "3.11.7") }, "3.11.7", "CPython", "/usr", "/usr/lib/python3.11"},
		{"venv without a version takes the base's", func(tr *fakeenv.Tree) {
			tr.Venv("/v", "3.11.7")
			tr.Text("/v/pyvenv.cfg", "home = /usr/bin\n")
		}, "3.11", "CPython", "/usr", "/usr/lib/python3.11"},
		{"venv of a venv leads to the first base", func(tr *fakeenv.Tree) {
			tr.Venv("/v", "3.11.7")
			tr.Text("/w/pyvenv.cfg", "home = /v/bin\nversion = 3.11.7\n")
			tr.Link("/w/bin/python3", "/v/bin/python3")
			tr.Target.Env["VIRTUAL_ENV"] = "/w"
		}, "3.11.7", "CPython", "/usr", "/usr/lib/python3.11"},
		{"conda's record has the micro version", func(tr *fakeenv.Tree) {
			tr.Text("/opt/c/conda-meta/python-3.12.3-h955ad1f_1.json", "{}")
			tr.Text("/opt/c/conda-meta/python-dateutil-2.9.0-py312.json", "{}")
			tr.Text("/opt/c/bin/python3.12", "")
			tr.Link("/opt/c/bin/python3", "python3.12")
			tr.Text("/opt/c/lib/python3.12/os.py", "")
			tr.Target.Env["CONDA_PREFIX"] = "/opt/c"
		}, "3.12.3", "CPython", "/opt/c", "/opt/c/lib/python3.12"},
		{"a record of another minor version is not believed", func(tr *fakeenv.Tree) {
			tr.Text("/opt/c/conda-meta/python-3.9.1-h955ad1f_1.json", "{}")
			tr.Text("/opt/c/bin/python3.12", "")
			tr.Link("/opt/c/bin/python3", "python3.12")
			tr.Target.Env["CONDA_PREFIX"] = "/opt/c"
		}, "3.12", "CPython", "/opt/c", ""},
		{"PyPy by its file", func(tr *fakeenv.Tree) {
			tr.Text("/opt/p/bin/pypy3.10", "")
			tr.Link("/opt/p/bin/python3", "pypy3.10")
			tr.Text("/opt/p/lib/pypy3.10/os.py", "")
			tr.Target.Pythons = []string{"/opt/p"}
		}, "3.10", "PyPy", "/opt/p", "/opt/p/lib/pypy3.10"},
		{"PyPy by pyvenv.cfg", func(tr *fakeenv.Tree) {
			tr.Text("/v/pyvenv.cfg", "home = /usr/bin\nimplementation = PyPy\nversion_info = 3.10.14\n")
			tr.Target.Env["VIRTUAL_ENV"] = "/v"
		}, "3.10.14", "PyPy", "/usr", ""},
		{"two standard libraries decide nothing", func(tr *fakeenv.Tree) {
			tr.Text("/opt/p/bin/python3", "")
			tr.Text("/opt/p/lib/python3.9/os.py", "")
			tr.Text("/opt/p/lib/python3.10/os.py", "")
			tr.Target.Pythons = []string{"/opt/p"}
		}, "", "CPython", "/opt/p", ""},
		{"one standard library decides", func(tr *fakeenv.Tree) {
			tr.Text("/opt/p/bin/python3", "")
			tr.Text("/opt/p/lib/python3.10/os.py", "")
			tr.Target.Pythons = []string{"/opt/p/bin/python3"}
		}, "3.10", "CPython", "/opt/p", "/opt/p/lib/python3.10"},
		{"free-threaded", func(tr *fakeenv.Tree) {
			tr.Text("/opt/p/bin/python3.13t", "")
			tr.Target.Pythons = []string{"/opt/p/bin/python3.13t"}
		}, "3.13", "CPython", "/opt/p", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := first(t, c.build)
			if e.Version != c.version || e.Implementation != c.implementation || e.BasePrefix != c.base || e.Stdlib != c.stdlib {
				t.Errorf("version %q, %s, base %q, library %q", e.Version, e.Implementation, e.BasePrefix, e.Stdlib)
			}
		})
	}
}

// TestOrder: who comes first, and what is not looked at.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*fakeenv.Tree)
		want  string
	}{
		{"active, then the path, then the project", func(tr *fakeenv.Tree) {
			tr.Venv("/srv/app/.venv", "3.11.7")
			tr.Venv("/srv/app/venv", "3.11.7")
			tr.Venv("/active", "3.11.7")
			tr.Target.Env["PATH"] = "/usr/bin"
			tr.Target.ProjectDir = "/srv/app"
		}, "/active=VIRTUAL_ENV /usr=PATH /srv/app/.venv=project /srv/app/venv=project"},
		{"a named one alone", func(tr *fakeenv.Tree) {
			tr.Venv("/active", "3.11.7")
			tr.Venv("/named", "3.11.7")
			tr.Target.Env["PATH"] = "/usr/bin"
			tr.Target.Pythons = []string{"/named"}
		}, "/named=--python"},
		{"named twice, by two paths", func(tr *fakeenv.Tree) {
			tr.Venv("/v", "3.11.7")
			tr.Target.Pythons = []string{"/v", "/v/bin/python", "/v/"}
		}, "/v=--python"},
		{"named relative to the project and the home", func(tr *fakeenv.Tree) {
			tr.Venv("/srv/app/env", "3.11.7")
			tr.Venv("/home/ada/env", "3.11.7")
			tr.Target.ProjectDir = "/srv/app"
			tr.Target.Pythons = []string{"env", "~/env"}
		}, "/srv/app/env=--python /home/ada/env=--python"},
		{"a path that is relative is passed over", func(tr *fakeenv.Tree) {
			tr.System("11")
			tr.Text("/srv/bin/python3", "")
			tr.Target.Env["PATH"] = "srv/bin::./bin:/usr/bin"
			tr.Target.Env["VIRTUAL_ENV"] = "srv"
		}, "/usr=PATH"},
		{"python3 of the second directory before python of the first", func(tr *fakeenv.Tree) {
			tr.System("11")
			tr.Text("/opt/two/bin/python", "")
			tr.Target.Env["PATH"] = "/opt/two/bin:/usr/bin"
		}, "/usr=PATH"},
		{"a directory named python3 is no interpreter", func(tr *fakeenv.Tree) {
			tr.System("11")
			tr.Text("/opt/odd/bin/python3/README", "")
			tr.Target.Env["PATH"] = "/opt/odd/bin:/usr/bin"
		}, "/usr=PATH"},
		{"/bin is /usr/bin", func(tr *fakeenv.Tree) {
			tr.System("11")
			tr.Link("/bin", "usr/bin")
			tr.Target.Env["PATH"] = "/bin"
		}, "/usr=PATH"},
		{"nothing but the system's", func(tr *fakeenv.Tree) { tr.System("11") }, "/usr=/usr/bin/python3"},
		{"a variable left over from a removed environment", func(tr *fakeenv.Tree) {
			tr.System("11")
			tr.Target.Env["VIRTUAL_ENV"] = "/gone"
			tr.Target.Env["CONDA_PREFIX"] = "/gone/too"
		}, "/usr=/usr/bin/python3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			c.build(tr)
			var got []string
			for _, e := range locate.Find(tr.Target) {
				got = append(got, e.Prefix+"="+e.FoundBy)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

// TestBounded: a long list of names is cut.
func TestBounded(t *testing.T) {
	tr := fakeenv.New(t)
	for _, letter := range strings.Split("abcdefghijkl", "") {
		tr.Venv("/"+letter, "3.11.7")
		tr.Target.Pythons = append(tr.Target.Pythons, "/"+letter)
	}
	if n := len(locate.Find(tr.Target)); n != 8 {
		t.Errorf("%d environments are described, want 8", n)
	}
}

// TestPyenvChoosesAsPyenvDoes covers names that need a decision.
func TestPyenvChoosesAsPyenvDoes(t *testing.T) {
	for _, c := range []struct{ name, wish, want string }{
		{"exact", "3.11.7", "3.11.7"},
		{"newest of a minor version, by number", "3.11", "3.11.9"},
		{"with the word python", "python-3.10.13", "3.10.13"},
		{"the first that is installed", "3.8.1:3.11.7:3.10.13", "3.11.7"},
		{"one a line", "3.8.1\n3.10.13", "3.10.13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := first(t, func(tr *fakeenv.Tree) {
				pyenv(tr)
				tr.Text("/home/ada/.pyenv/version", c.wish+"\n")
			})
			if e.Version != c.want || e.Kind != locate.KindPyenv {
				t.Errorf("%s %s, want %s", e.Kind, e.Version, c.want)
			}
		})
	}
	for _, wish := range []string{"../../../etc", "3.8.1", "system", ""} {
		tr := fakeenv.New(t)
		pyenv(tr)
		tr.Text("/home/ada/.pyenv/version", wish+"\n")
		if envs := locate.Find(tr.Target); len(envs) != 0 {
			t.Errorf("wish %q: found %+v", wish, envs)
		}
	}
}

// TestUserSite: the user's directory comes first for an ordinary interpreter,
// follows PYTHONUSERBASE, and never shows in an isolated environment.
func TestUserSite(t *testing.T) {
	const user, other = "/home/ada/.local/lib/python3.11/site-packages", "/data/base/lib/python3.11/site-packages"
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"default", nil, []string{user, "/usr/lib/python3/dist-packages"}},
		{"another base", map[string]string{"PYTHONUSERBASE": "/data/base"}, []string{other, "/usr/lib/python3/dist-packages"}},
		{"a relative base is not followed", map[string]string{"PYTHONUSERBASE": "base"}, []string{user, "/usr/lib/python3/dist-packages"}},
		{"switched off", map[string]string{"PYTHONNOUSERSITE": "1"}, []string{"/usr/lib/python3/dist-packages"}},
	} {
		e := first(t, func(tr *fakeenv.Tree) {
			tr.System("11")
			for _, dir := range []string{user, other, "/usr/lib/python3/dist-packages"} {
				tr.Text(dir+"/x.py", "")
			}
			for name, value := range c.env {
				tr.Target.Env[name] = value
			}
		})
		var got []string
		for _, s := range e.Sites {
			got = append(got, s.Path)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
