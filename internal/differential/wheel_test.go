// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// wheel is a distribution that a test writes; see the binary distribution
// format of the Python packaging user guide.
type wheel struct {
	name, version string
	// tag of the wheel; empty for any Python and platform.
	tag string
	// requires are lines of Requires-Dist, python is Requires-Python.
	requires []string
	python   string
	// files by their path below the directory of packages.
	files map[string]string
}

// install lets pip install wheels of our own, in one go, without what they
// require: an environment can be wrong on purpose.
func (s *stage) install(wheels ...wheel) {
	s.t.Helper()
	var paths []string
	for _, w := range wheels {
		paths = append(paths, s.pack(w))
	}
	s.installFiles(paths...)
}

// pack writes a wheel and returns its path.
func (s *stage) pack(w wheel) string {
	s.t.Helper()
	if w.tag == "" {
		w.tag = "py3-none-any"
	}
	stem := strings.ReplaceAll(w.name, "-", "_") + "-" + w.version
	info := stem + ".dist-info/"
	files := maps.Clone(w.files)
	if files == nil {
		files = map[string]string{}
	}
	files[info+"METADATA"] = w.metadata()
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: bulkhead\nRoot-Is-Purelib: false\nTag: " + w.tag + "\n"
	files[info+"RECORD"] = record(files, info+"RECORD")
	name := filepath.Join(s.dir, "build", stem+"-"+w.tag+".whl")
	s.write(name, s.zipped(files))
	return name
}

func (w wheel) metadata() string {
	text := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", w.name, w.version)
	if w.python != "" {
		text += "Requires-Python: " + w.python + "\n"
	}
	for _, r := range w.requires {
		text += "Requires-Dist: " + r + "\n"
	}
	return text
}

func record(files map[string]string, self string) string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256([]byte(files[name]))
		fmt.Fprintf(&lines, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(files[name]))
	}
	return lines.String() + self + ",,\n"
}

func (s *stage) zipped(files map[string]string) string {
	s.t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		s.t.Fatal(err)
	}
	return out.String()
}

// installFiles lets pip install wheels from files.
func (s *stage) installFiles(paths ...string) {
	s.t.Helper()
	s.pip(append([]string{"install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--force-reinstall", "--ignore-requires-python"}, paths...)...)
}

// uninstall lets pip remove a distribution.
func (s *stage) uninstall(name string) { s.pip("uninstall", "--quiet", "--yes", name) }

func (s *stage) pip(args ...string) {
	s.t.Helper()
	s.must(basePython(s.t), append([]string{"-m", "pip", "--disable-pip-version-check", "--python", s.prefix}, args...)...)
}

// pipCheck is what pip says of the requirements in the environment.
func (s *stage) pipCheck() said {
	return s.witness(basePython(s.t), "-m", "pip", "--disable-pip-version-check", "--python", s.prefix, "check")
}
