// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// load reads an archive; parts are named "parts/NAME.txtar".
func load(t testing.TB, archive string, parts ...string) (*Machine, error) {
	t.Helper()
	dir := fstest.MapFS{"m.txtar": {Data: []byte(archive)}}
	for i := 0; i+1 < len(parts); i += 2 {
		dir["parts/"+parts[i]+".txtar"] = &fstest.MapFile{Data: []byte(parts[i+1])}
	}
	return Load(dir, "m.txtar")
}

func mustLoad(t testing.TB, archive string, parts ...string) *Machine {
	t.Helper()
	m, err := load(t, archive, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// text is the content of a file of the machine.
func (m *Machine) text(t testing.TB, name string) string {
	t.Helper()
	e, ok := m.Tree.Entry(name)
	if !ok || !e.Mode.IsRegular() {
		t.Fatalf("%s is no file; there are %q", name, m.Tree.Paths())
	}
	return string(e.Data)
}

func TestSimpleRecipes(t *testing.T) {
	m := mustLoad(t, `Two words about it.
-- root.dirs --
var/empty
-- root.links --
lib -> usr/lib
etc/localtime -> /usr/share/zoneinfo/UTC
-- root.hex --
sys/firmware/efi/efivars/SecureBoot-8be4df61: 0600000001
sys/config: 0abb 00x3 ff
-- root.base64 --
bin/data: AAEC
-- root.append --
proc/modules: nouveau 1 0
-- root.modes --
0600 dev/nvidia0
-- root/proc/modules --
ext4 1 1
-- root/dev/nvidia0 --
-- root/lib/x.conf --
through the link
-- expect.json --
{}
`)
	for name, want := range map[string]string{
		"sys/firmware/efi/efivars/SecureBoot-8be4df61": "\x06\x00\x00\x00\x01", "/sys/config": "\x0a\xbb\x00\x00\x00\xff", "bin/data": "\x00\x01\x02",
		"proc/modules": "ext4 1 1\nnouveau 1 0\n", "usr/lib/x.conf": "through the link\n", "lib/x.conf": "through the link\n",
	} {
		if got := m.text(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if e, _ := m.Tree.Entry("dev/nvidia0"); e.Mode.Perm() != 0o600 {
		t.Errorf("mode %v", e.Mode)
	}
	if e, _ := m.Tree.Entry("etc/localtime"); e.Target != "/usr/share/zoneinfo/UTC" {
		t.Errorf("%+v", e)
	}
	if e, ok := m.Tree.Entry("var/empty"); !ok || !e.Mode.IsDir() {
		t.Errorf("%+v", e)
	}
	if m.Comment != "Two words about it." || string(m.Other["expect.json"].Data) != "{}\n" || m.Other["expect.json"].Line != 22 {
		t.Errorf("%q, %+v", m.Comment, m.Other)
	}
}

func TestPartsAndDescription(t *testing.T) {
	m := mustLoad(t, `-- include --
base
gpu
-- machine.json --
{"env": {"B": "3", "GONE": null}, "filesystems": {"/x": null}}
-- kernel_log --
[1.0] a
[2.0] b
-- root.absent --
etc/base.conf
`, "base", `-- machine.json --
{"home": "/home/ada", "env": {"A": "1", "B": "2", "GONE": "x"}, "filesystems": {"/": {"total_bytes": 1}, "/x": {"total_bytes": 2}}}
-- root/etc/base.conf --
-- root/etc/hostname --
one
`, "gpu", "-- include --\nbase\n-- root/etc/hostname --\ntwo\n")
	for _, want := range []string{`"A": "1"`, `"B": "3"`, `"home": "/home/ada"`, `"kernel_log": "[1.0] a\n[2.0] b\n"`, `"total_bytes": 1`} {
		if got := m.text(t, machineFile); !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	for _, bad := range []string{"GONE", `"/x"`} {
		if got := m.text(t, machineFile); strings.Contains(got, bad) {
			t.Errorf("%s in %s", bad, got)
		}
	}
	if _, there := m.Tree.Entry("etc/base.conf"); there || m.text(t, "etc/hostname") != "two\n" {
		t.Errorf("%q", m.Tree.Paths())
	}
}

// Every mistake names the file and the line.
func TestMistakes(t *testing.T) {
	for archive, want := range map[string]string{
		"-- root.links --\n\na b\n":                                        "m.txtar:3: ",
		"-- root.links --\na -> b\na/c -> d\nx -> x\n-- root/x/y --\n":     "m.txtar:5: ",
		"c\n-- root.modes --\n9 x\n":                                       "m.txtar:3: ",
		"-- root.modes --\n0644 x\n":                                       "m.txtar:2: ",
		"-- root.hex --\nx: 0\n":                                           "m.txtar:2: ",
		"-- root.hex --\nx: 00x99999999\n":                                 "m.txtar:2: ",
		"-- root.base64 --\nx: ?\n":                                        "m.txtar:2: ",
		"-- root.append --\nx\n":                                           "m.txtar:2: ",
		"-- root.absent --\nx\n":                                           "m.txtar:2: ",
		"-- root/../x --\n":                                                "m.txtar:1: ",
		"-- root.dirs --\na/../../b\n":                                     "m.txtar:2: ",
		"-- root/a --\n-- root/a/b --\n":                                   "m.txtar:2: ",
		"-- root/a --\n-- root/a --\n":                                     "m.txtar:2: a second file",
		"-- root.elf --\nx.so\n  nedeed y\n":                               "m.txtar:3: ",
		"-- root.elf --\nx.so\n  size 999999999\n":                         "m.txtar:3: ",
		"-- root.elf --\nx.so\n  machine vax\n":                            "m.txtar:3: ",
		"-- root.ldcache --\nlibc.so.6\n":                                  "m.txtar:2: ",
		"-- root.pci --\n01:00.0 device=1\n":                               "m.txtar:2: ",
		"-- root.pci --\n0000:01:00.0 color=red\n":                         "m.txtar:2: ",
		"-- root.pci --\n0000:01:00.0 width=4\n":                           "m.txtar:2: ",
		"-- root.pci --\n0000:01:00.0 model=\"x\n":                         "m.txtar:2: ",
		"-- root.driver --\n535\n":                                         "m.txtar:2: ",
		"-- root.driver --\n535 closed\n":                                  "m.txtar:2: for which kernel",
		"-- root.driver --\n535 closed without=x\n":                        "m.txtar:2: ",
		"-- root.driver --\n535 closed kernel=1 nodes=1000\n":              "m.txtar:2: ",
		"-- root.python --\nvenv /v\n":                                     "m.txtar:2: ",
		"-- root.python --\nvenv\n":                                        "m.txtar:2: ",
		"-- root.python --\nsnake /v version=3.1.1\n":                      "m.txtar:2: ",
		"-- root.python --\ndist a==1\n":                                   "m.txtar:2: no environment",
		"-- root.python --\nsite /s\ndist a\n":                             "m.txtar:3: ",
		"-- root.python --\nsite /s\ndist a==1\n  requries b\n":            "m.txtar:4: ",
		"-- root.python --\nsite /s\ndist a==1\n  elf x.so\n    neded y\n": "m.txtar:5: ",
		"-- root.python --\nuse nothing\n":                                 "m.txtar:2: no part",
		"-- root.python --\nsite /s\ntorch 2 with=nothing\n":               "m.txtar:3: no part",
		"-- root.python --\nsite /s\nfill 100000\n":                        "m.txtar:3: ",
		"-- python/a --\nuse a\n-- root.python --\nuse a\n":                "m.txtar:2: use within",
		"-- include --\nnone\n":                                            "m.txtar:2: the part none: there is none",
		"-- include --\n../x\n":                                            "m.txtar:2: ",
		"-- include --\nbad\n":                                             "parts/bad.txtar:2: ",
		"c\nc\n-- machine.json --\n{\n\"env\": 3x\n":                       "m.txtar:5: ",
		"-- machine.json --\n{} {}\n":                                      "m.txtar:2: ",
		"-- machine.json --\n{\"arch\": \"vax\"}\n":                        "m.txtar: machine",
	} {
		_, err := load(t, archive, "bad", "-- root.links --\nx\n")
		var e *Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", archive, err, want)
		}
	}
	if _, err := Load(fstest.MapFS{}, "m.txtar"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links and modes of Unix")
	}
	m := mustLoad(t, `-- root.links --
lib -> usr/lib
out -> /../../../tmp
loop -> loop
-- root.modes --
0500 closed
0640 etc/x
-- root/lib/a --
text
-- root/etc/x --
-- root/closed/y --
-- root/dev/null --
`)
	dir := t.TempDir()
	if err := m.Tree.Write(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o700) })
	data, err := os.ReadFile(filepath.Join(dir, "lib", "a"))
	if err != nil || string(data) != "text\n" {
		t.Errorf("%q, %v", data, err)
	}
	for name, want := range map[string]fs.FileMode{"closed": 0o500, "etc/x": 0o640, "dev/null": 0o666, "etc": 0o755} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "out")); err != nil || to != "/../../../tmp" {
		t.Errorf("%q, %v", to, err)
	}
	if err := m.Tree.Write(dir); err == nil {
		t.Error("a second machine was written over the first")
	}
	if err := m.Tree.Write(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there was written to")
	}
}

func TestBounds(t *testing.T) {
	tr := NewTree()
	tr.bytes = maxTreeBytes
	if err := tr.text("a", "xx"); err == nil {
		t.Error("a tree has no bound")
	}
	if err := NewTree().link("a", ""); err == nil {
		t.Error("a link to nothing")
	}
	if _, err := load(t, strings.Repeat("x", maxArchiveBytes+1)); err == nil {
		t.Error("an archive has no bound")
	}
	many, parts := "-- include --\n", []string{}
	for i := range maxIncludes + 1 {
		name := "p" + strings.Repeat("x", i)
		many += name + "\n"
		parts = append(parts, name, "")
	}
	if _, err := load(t, many, parts...); err == nil {
		t.Error("parts have no bound")
	}
}

// Whatever an archive says: no crash, nothing outside of the directory, and a
// mistake has a place.
func FuzzLoad(f *testing.F) {
	f.Add("-- root.links --\na -> ..\nb -> a/b\n-- root/a/x --\ny\n")
	f.Add("-- root.elf --\nx.so\n  needed y\n  want z V1\n  offer W\n  use a@V1 b\n  define c@W\n")
	f.Add("-- root.python --\nvenv /v version=3.1.2\ndist a==1\n  file x y\n  missing z\ntorch 2 cuda=12\nfill 2 files=1\n")
	f.Add("-- root.pci --\n0000:01:00.0 device=2684 driver=nvidia\n-- root.driver --\n535 open kernel=6\n-- root.hex --\na: 00x9\n")
	f.Add("-- include --\np\n-- machine.json --\n{\"env\": {}}\n-- root.append --\na: b\n-- root.modes --\n0 a\n")
	base := f.TempDir()
	f.Fuzz(func(t *testing.T, archive string) {
		m, err := load(t, archive, "p", "-- root/etc/x --\n")
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.File == "" {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if runtime.GOOS == "windows" {
			return
		}
		parent, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(parent)
		dir := filepath.Join(parent, "machine")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = m.Tree.Write(dir) // a name may be too long for the disk
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Fatalf("written beside the directory: %v, %v", entries, err)
		}
	})
}
