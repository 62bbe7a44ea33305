// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseDirectURL(t *testing.T) {
	for _, c := range []struct {
		text string
		want *Source
	}{
		{`{"url": "file:///srv/my%20app", "dir_info": {"editable": true}}`, &Source{URL: "file:///srv/my%20app", Kind: "directory", Editable: true}},
		{`{"url": "file:///srv/app", "dir_info": {}}`, &Source{URL: "file:///srv/app", Kind: "directory"}},
		{`{"url": "https://ada:secret@git.example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"}}`,
			&Source{URL: "https://git.example.org/x.git", Kind: "vcs", VCS: "git", Commit: "abc"}},
		{`{"url": "https://example.org/x-1.0-py3-none-any.whl?token=secret", "archive_info": {"hash": "sha256=x"}}`,
			&Source{URL: "https://example.org/x-1.0-py3-none-any.whl", Kind: "archive"}},
		{`{"url": "https://ada:p%zz@example.org/x", "archive_info": {}}`, &Source{URL: "https://", Kind: "archive"}},
		{`{"dir_info": {"editable": true}}`, &Source{Kind: "directory", Editable: true}},
		{`{"vcs_info": {}}`, nil},
		{`[1]`, nil},
		{"\x00", nil},
		{"", nil},
	} {
		if got := ParseDirectURL([]byte(c.text)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.text, got, c.want)
		}
	}
	if dir := ParseDirectURL([]byte(`{"url": "file:///srv/my%20app", "dir_info": {}}`)).Directory(); dir != "/srv/my app" {
		t.Errorf("directory %q", dir)
	}
}

func TestParseEntryPoints(t *testing.T) {
	text := "[console_scripts]\nf2py = numpy:main\n\n[jax_plugins]\n# a comment = x\nxla_cuda12 = jax_plugins.xla_cuda12\n[torch.backends]\n a=b\n c = d [extra]\n[gui_scripts]\nx = y\n"
	want := map[string][]string{"jax_plugins": {"xla_cuda12"}, "torch.backends": {"a", "c"}}
	if got := ParseEntryPoints([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, none := range []string{"", "[console_scripts]\na = b\n", "a = b\n", "[x]\n"} {
		if got := ParseEntryPoints([]byte(none)); got != nil {
			t.Errorf("%q: %v", none, got)
		}
	}
	if got := ParseEntryPoints([]byte("[g]\n" + strings.Repeat("a = b\n", 1000))); len(got["g"]) != maxEntryPoints {
		t.Errorf("%d names", len(got["g"]))
	}
}

func TestParsePathFile(t *testing.T) {
	p := ParsePathFile([]byte("\xef\xbb\xbf/srv/app/src\r\n# a comment\n\n  \nimport os; print()\nimportant\n../lib  \nimport\tx\n\x00\n"))
	want := []PathLine{{"/srv/app/src", 1}, {"important", 6}, {"../lib", 7}}
	if !reflect.DeepEqual(p.Directories, want) || p.Imports != 2 || p.First != "import os; print()" || p.Cut {
		t.Errorf("%+v", p)
	}
	if dir := p.Directories[2].Under("/env/lib/python3.11/site-packages"); dir != "/env/lib/python3.11/lib" {
		t.Errorf("directory %q", dir)
	}
	if p := ParsePathFile([]byte(strings.Repeat("x\n", 5000))); !p.Cut || len(p.Directories) != maxPathLines {
		t.Errorf("%d directories of 5000, cut %v", len(p.Directories), p.Cut)
	}
}

func TestParseFinder(t *testing.T) {
	text := "from __future__ import annotations\nMAPPING: dict[str, str] = {'app': '/srv/app/src/app', 'tool': '/srv/app/tool.py'}\nNAMESPACES: dict[str, list[str]] = {}\n"
	want := map[string]string{"app": "/srv/app/src/app", "tool": "/srv/app/tool.py"}
	if got := ParseFinder([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := ParseFinder([]byte("MAPPING = {'a': 'C:\\\\src'}")); got["a"] != `C:\src` {
		t.Errorf("%v", got)
	}
	if got := ParseFinder([]byte("MAPPING = 1")); got != nil {
		t.Errorf("%v", got)
	}
}

func TestMisfit(t *testing.T) {
	linux := Interpreter{Minor: 11, OS: "linux", Machine: "x86_64", Glibc: 31}
	arm := Interpreter{Minor: 11, OS: "linux", Machine: "aarch64", Glibc: 35}
	musl := Interpreter{Minor: 11, OS: "linux", Machine: "x86_64", Musl: true}
	mac := Interpreter{Minor: 12, OS: "darwin", Machine: "arm64"}
	windows := Interpreter{Minor: 12, OS: "windows", Machine: "AMD64"}
	pypy := Interpreter{Minor: 10, PyPy: true, OS: "linux", Machine: "x86_64", Glibc: 31}
	for _, c := range []struct {
		of   Interpreter
		tags []string
		want Misfit
	}{
		{linux, []string{"cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"}, Fits},
		{linux, []string{"cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"}, Fits},
		{linux, []string{"py2.py3-none-any"}, Fits},
		{linux, []string{"cp38-abi3-manylinux1_x86_64"}, Fits},
		{linux, []string{"cp311-cp311-linux_x86_64"}, Fits},
		{linux, []string{"py3-none-manylinux_2_28_x86_64"}, Fits},
		{linux, []string{"cp310-cp310-manylinux_2_17_x86_64"}, MisfitPython},
		{linux, []string{"cp312-abi3-manylinux_2_17_x86_64"}, MisfitPython},
		{linux, []string{"py2-none-any"}, MisfitPython},
		{linux, []string{"pp310-pypy310_pp73-manylinux_2_17_x86_64"}, MisfitPython},
		{linux, []string{"py3-cp310-linux_x86_64"}, MisfitABI},
		{linux, []string{"cp311-cp311-manylinux_2_17_aarch64"}, MisfitPlatform},
		{linux, []string{"cp311-cp311-macosx_11_0_arm64"}, MisfitPlatform},
		{linux, []string{"cp311-cp311-win_amd64"}, MisfitPlatform},
		{linux, []string{"cp311-cp311-musllinux_1_2_x86_64"}, MisfitPlatform},
		{linux, []string{"cp311-cp311-manylinux_2_34_x86_64"}, MisfitGlibc},
		{linux, []string{"cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_34_x86_64"}, MisfitGlibc},
		{linux, []string{"odd"}, Fits},
		{linux, []string{"graalpy311-graalpy242_311_native-linux_x86_64"}, MisfitABI},
		{linux, nil, Fits},
		{arm, []string{"cp311-cp311-manylinux_2_28_aarch64"}, Fits},
		{arm, []string{"cp311-cp311-manylinux2014_x86_64"}, MisfitPlatform},
		{musl, []string{"cp311-cp311-musllinux_1_2_x86_64"}, Fits},
		{musl, []string{"cp311-cp311-manylinux_2_17_x86_64"}, MisfitPlatform},
		{mac, []string{"cp312-cp312-macosx_11_0_universal2"}, Fits},
		{mac, []string{"cp312-cp312-manylinux_2_17_aarch64"}, MisfitPlatform},
		{windows, []string{"cp312-cp312-win_amd64"}, Fits},
		{pypy, []string{"pp310-pypy310_pp73-manylinux_2_17_x86_64"}, Fits},
		{pypy, []string{"cp310-cp310-manylinux_2_17_x86_64"}, MisfitPython},
		{Interpreter{Minor: 13, OS: "linux", Machine: "x86_64"}, []string{"cp313-cp313t-manylinux_2_99_x86_64"}, Fits},
		{Interpreter{Minor: 7, OS: "linux", Machine: "x86_64"}, []string{"cp37-cp37m-manylinux2010_x86_64"}, Fits},
	} {
		if got := c.of.Misfit(c.tags); got != c.want {
			t.Errorf("%+v with %q: %q, want %q", c.of, c.tags, got, c.want)
		}
	}
}
