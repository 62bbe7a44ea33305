// SPDX-License-Identifier: Apache-2.0

package target

import (
	"slices"
	"testing"
)

// An interpreter of the system that the user names is given with its library.
func TestNamedSystemPython(t *testing.T) {
	m := machineWith(t, "/usr/bin/python3.11", "/usr/bin/passwd", "/usr/lib/python3.11/os.py", "/usr/lib/python3/dist-packages/numpy/x.py")
	link(t, "python3.11", m.Root+"/usr/bin/python3")
	m.Pythons = []string{"/usr/bin/python3"}
	want := []string{"/usr/bin/python3", "/usr/bin/python3.11", "/usr/lib/python3.11", "/usr/lib/python3/dist-packages"}
	got := granted(m, "${python}")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	link(t, "/usr/bin/passwd", m.Root+"/usr/local/bin/python3")
	m.Pythons = []string{"/usr/local/bin/python3"}
	if got := granted(m, "${python}"); len(got) != 0 {
		t.Errorf("an interpreter that is none: %q", got)
	}
}

func TestAllPythons(t *testing.T) {
	m := machineWith(t,
		"/root/.virtualenvs/train/bin/python", "/root/miniconda3/bin/python3", "/root/miniconda3/envs/rapids/bin/python3.12",
		"/root/.pyenv/versions/3.11.7/bin/python3.11", "/srv/conda-elsewhere/bin/python", "/root/venvs/empty/README",
		"/root/project/.venv/bin/python3", "/srv/other/bin/python")
	writeFile(t, m.Root, "/root/.conda/environments.txt", "/srv/conda-elsewhere\nrelative\n/etc\n/\n")
	m.ProjectDir = "/root/project"
	if got := granted(m, "${python}"); len(got) != 0 {
		t.Errorf("nothing was named: %q", got)
	}
	m.Pythons = []string{AllPythons}
	want := []string{
		"/root/.pyenv/versions/3.11.7", "/root/.virtualenvs/train", "/root/miniconda3", "/root/project/.venv", "/srv/conda-elsewhere",
	}
	if got := granted(m, "${python}"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
