// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// process is the word for the directory of the examined process.
const process = "${process}"

// words translates between the paths of a machine and those of manifests.
type words struct{ *target.Machine }

// expand returns the patterns of the machine that a granted path stands for.
func (w words) expand(granted string) []string {
	if granted == manifest.Python {
		return w.pythons()
	}
	first, rest, _ := strings.Cut(granted, "/")
	var dirs []string
	switch {
	case first == "":
		return []string{granted}
	case first == "~":
		dirs = []string{w.Home}
	case first == ".":
		dirs = []string{w.ProjectDir}
	case first == process:
		dirs = []string{w.ProcessDir}
	default:
		dirs = filepath.SplitList(w.Env[strings.TrimPrefix(first, "$")])
	}
	var out []string
	for _, dir := range dirs {
		if path.IsAbs(dir) {
			out = append(out, path.Join(escape.Replace(path.Clean(dir)), rest))
		}
	}
	return out
}

// escape makes a path a pattern that matches nothing else.
var escape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// pythons are the environments that the user named, with where they lead, and the
// search path of interpreters there.
func (w words) pythons() []string {
	var out []string
	for _, p := range w.Pythons {
		out = append(out, escape.Replace(p))
		if real, err := filepath.EvalSymlinks(p); err == nil && real != p {
			out = append(out, escape.Replace(real))
		}
	}
	return out
}

// covers reports whether a granted path holds a path of the machine.
func (w words) covers(granted, p string) bool {
	return slices.ContainsFunc(w.expand(granted), func(pattern string) bool { return holds(pattern, p) })
}

// holds reports whether p matches the pattern or lies in what does.
func holds(pattern, p string) bool { return within(segments(pattern), segments(p)) }

func segments(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// fold writes a path of the machine in the words of a manifest, so that it means
// the same on other machines.
func (w words) fold(p string) string {
	if slices.ContainsFunc(w.pythons(), func(dir string) bool { return holds(dir, p) }) {
		return manifest.Python
	}
	type place struct{ word, dir string }
	places := []place{{process, w.ProcessDir}, {".", w.ProjectDir}, {"~", w.Home}}
	for _, name := range w.directories() {
		places = append(places, place{"$" + name, path.Clean(w.Env[name])})
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(len(b.dir), len(a.dir)) })
	for _, at := range places {
		if at.dir != "" && at.dir != "/" && below(p, at.dir) {
			return at.word + strings.TrimPrefix(p, at.dir)
		}
	}
	return p
}

// directories are the variables of the examined process that name one directory
// and are meant to: it would be chance that another one is a part of a path.
func (w words) directories() (out []string) {
	for name, value := range w.Env {
		meant := slices.ContainsFunc([]string{"_HOME", "_DIR", "_PATH", "_ROOT", "_PREFIX"}, func(end string) bool { return strings.HasSuffix(name, end) })
		if !meant || strings.HasPrefix(name, "XDG_") || strings.HasPrefix(name, "BULKHEAD_") || len(segments(value)) < 2 || !path.IsAbs(value) {
			continue
		}
		if info, err := os.Stat(value); err == nil && info.IsDir() {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// below reports whether p is dir or lies in it; both are clean.
func below(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

func compare(a, b string, i, j int) int { return cmp.Or(cmp.Compare(a, b), cmp.Compare(i, j)) }
