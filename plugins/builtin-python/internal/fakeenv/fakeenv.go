// SPDX-License-Identifier: Apache-2.0

// Package fakeenv builds machines with Python environments as directory trees,
// for tests: interpreters that are empty files, distributions with true
// METADATA and RECORD, shared libraries with true headers.
package fakeenv

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Tree is a machine below a temporary directory.
type Tree struct {
	tb   testing.TB
	root string
	// Target of the machine; tests may change it before they observe.
	Target *fact.Target
}

// New makes an empty Linux machine with a home directory.
func New(tb testing.TB) *Tree {
	tb.Helper()
	root := tb.TempDir()
	return &Tree{tb: tb, root: root, Target: &fact.Target{
		Root: root, Env: map[string]string{}, Home: "/home/ada", OS: "linux", Arch: "amd64",
	}}
}

func (tr *Tree) host(name string) string { return filepath.Join(tr.root, filepath.FromSlash(name)) }

func (tr *Tree) check(err error) {
	tr.tb.Helper()
	if err != nil {
		tr.tb.Fatal(err)
	}
}

// File writes a file and the directories above it.
func (tr *Tree) File(name string, data []byte) {
	tr.tb.Helper()
	tr.check(os.MkdirAll(filepath.Dir(tr.host(name)), 0o755))
	tr.check(os.WriteFile(tr.host(name), data, 0o644))
}

// Text writes a file of text.
func (tr *Tree) Text(name, text string) {
	tr.tb.Helper()
	tr.File(name, []byte(text))
}

// Link makes a symbolic link with the text target.
func (tr *Tree) Link(name, target string) {
	tr.tb.Helper()
	tr.check(os.MkdirAll(filepath.Dir(tr.host(name)), 0o755))
	tr.check(os.Symlink(target, tr.host(name)))
}

// Remove deletes a file or a directory with all that is in it.
func (tr *Tree) Remove(name string) {
	tr.tb.Helper()
	tr.check(os.RemoveAll(tr.host(name)))
}

// System installs /usr/bin/python3.MINOR with its standard library and glibc.
func (tr *Tree) System(minor string) {
	tr.tb.Helper()
	tr.Text("/usr/bin/python3."+minor, "")
	tr.Link("/usr/bin/python3", "python3."+minor)
	tr.Text("/usr/lib/python3."+minor+"/os.py", "")
	tr.Glibc("GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.28", "GLIBC_2.31")
}

// Glibc installs the C library with symbol versions, and what wheels expect
// beside it.
func (tr *Tree) Glibc(versions ...string) {
	tr.tb.Helper()
	const dir = "/lib/x86_64-linux-gnu/"
	tr.File(dir+"libc.so.6", Library{Soname: "libc.so.6", Offers: versions}.Bytes())
	for _, name := range []string{"libm.so.6", "libdl.so.2", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"} {
		tr.File(dir+name, Library{Soname: name}.Bytes())
	}
}

// Venv makes a virtual environment of /usr/bin/python3 and activates it. The
// result is its directory of packages.
func (tr *Tree) Venv(prefix, version string) string {
	tr.tb.Helper()
	parts := strings.SplitN(version, ".", 3)
	minor := parts[0] + "." + parts[1]
	if _, err := os.Lstat(tr.host("/usr/bin/python3")); err != nil { // Target remembers what it asked for
		tr.System(parts[1])
	}
	tr.Text(prefix+"/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\nversion = "+version+"\n")
	tr.Link(prefix+"/bin/python3", "/usr/bin/python3")
	tr.Link(prefix+"/bin/python", "python3")
	site := prefix + "/lib/python" + minor + "/site-packages"
	tr.Text(site+"/README.txt", "")
	tr.Target.Env["VIRTUAL_ENV"] = prefix
	return site
}

// Dist is a distribution to install.
type Dist struct {
	Name, Version  string
	Requires       []string
	RequiresPython string
	// Files by path relative to the directory of packages. Nil installs one
	// package named like the distribution.
	Files map[string][]byte
	// Installer defaults to "pip".
	Installer string
	// Tag in WHEEL defaults to "cp311-cp311-manylinux_2_28_x86_64".
	Tag string
	// NoRecord leaves RECORD out.
	NoRecord bool
}

// Install writes the files of a distribution and its metadata.
func (tr *Tree) Install(site string, d Dist) {
	tr.tb.Helper()
	module := strings.ReplaceAll(strings.ToLower(d.Name), "-", "_")
	files := maps.Clone(d.Files)
	if files == nil {
		files = map[string][]byte{module + "/__init__.py": []byte("# " + d.Name + "\n")}
	}
	info := strings.ReplaceAll(d.Name, "-", "_") + "-" + d.Version + ".dist-info"
	files[info+"/METADATA"] = []byte(d.metadata())
	files[info+"/INSTALLER"] = []byte(cmpOr(d.Installer, "pip") + "\n")
	files[info+"/WHEEL"] = []byte("Wheel-Version: 1.0\nTag: " + cmpOr(d.Tag, "cp311-cp311-manylinux_2_28_x86_64") + "\n")
	var record strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		tr.File(path.Join(site, name), files[name])
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[name]))
	}
	if !d.NoRecord {
		fmt.Fprintf(&record, "%s/RECORD,,\n", info)
		tr.Text(path.Join(site, info, "RECORD"), record.String())
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (d Dist) metadata() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", d.Name, d.Version)
	if d.RequiresPython != "" {
		fmt.Fprintf(&b, "Requires-Python: %s\n", d.RequiresPython)
	}
	for _, r := range d.Requires {
		fmt.Fprintf(&b, "Requires-Dist: %s\n", r)
	}
	b.WriteString("\nLong description.\nRequires-Dist: not-a-header\n")
	return b.String()
}
