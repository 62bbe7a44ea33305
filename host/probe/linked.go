// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// Bounds of what is read of an environment's links.
const (
	maxLinkFile = 64 << 10
	maxLinked   = 256
)

// linked are the directories that the packages of an environment lead to:
// packages that are developed in place, and the lines of its .pth files. Without
// them an import would fail here that works for the user.
func linked(i *plugin.Interpreter, home string) []string {
	var out []string
	for _, site := range sites(i, home) {
		for _, name := range glob(globQuoted(site) + "/*.pth") {
			out = append(out, slices.DeleteFunc(pathLines(readLinks(name), site), without(isModule))...)
		}
		for _, name := range glob(globQuoted(site) + "/*.dist-info/direct_url.json") {
			out = append(out, slices.DeleteFunc(inPlace(readLinks(name)), without(isProject))...)
		}
	}
	return out[:min(len(out), maxLinked)]
}

// without tells the directories that hold nothing wanted: a line of a package
// from anybody opens no directory of keys.
func without(wanted func(os.DirEntry, string) bool) func(dir string) bool {
	return func(dir string) bool { return len(listed(dir, wanted)) == 0 }
}

func isProject(e os.DirEntry, _ string) bool {
	return slices.Contains([]string{"pyproject.toml", "setup.py", "setup.cfg"}, e.Name())
}

// sites are the directories with packages.
func sites(i *plugin.Interpreter, home string) []string {
	lib := "lib/python" + i.Version
	out := []string{filepath.Join(home, ".local", lib, "site-packages")}
	for _, dir := range append(i.Libraries, i.Optional...) {
		out = append(out, filepath.Join(dir, lib, "site-packages"))
		if filepath.Base(dir) == "lib" {
			out = append(out, filepath.Join(filepath.Dir(dir), lib, "site-packages"))
		}
	}
	return out
}

// globQuoted is a path as a pattern that matches it alone.
func globQuoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// pathLines are the directories of a .pth file. A line that begins with import is
// code.
func pathLines(text []byte, site string) []string {
	var out []string
	for line := range bytes.Lines(text) {
		dir := strings.TrimSpace(string(line))
		if dir == "" || dir[0] == '#' || strings.HasPrefix(dir, "import ") || strings.HasPrefix(dir, "import\t") || strings.ContainsRune(dir, 0) {
			continue
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(site, dir)
		}
		out = append(out, filepath.Clean(dir))
	}
	return out
}

// inPlace is the source of a package that was installed with --editable, by
// PEP 610.
func inPlace(text []byte) []string {
	var d struct {
		URL string `json:"url"`
		Dir struct {
			Editable bool `json:"editable"`
		} `json:"dir_info"`
	}
	if json.Unmarshal(text, &d) != nil || !d.Dir.Editable {
		return nil
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.Scheme != "file" || !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
		return nil
	}
	return []string{filepath.Clean(u.Path)}
}

// readLinks is the beginning of a file, if it is one.
func readLinks(name string) []byte {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil // a FIFO would never open
	}
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, maxLinkFile)) // what was read before an error counts
	return text
}
