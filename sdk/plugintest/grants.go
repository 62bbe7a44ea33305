// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// Grant is one line of a plugin's manifest: a path to read, a device node or an
// environment variable that the sandbox lets through.
type Grant struct {
	// Kind is "read", "device" or "env".
	Kind string `json:"kind"`
	// Path of a read or device grant: absolute, or with "~", "." (the project),
	// "${process}" or "$NAME" as its first word; "*" stands for a part of one word.
	Path string `json:"path"`
	// Name of an env grant; a "*" at its end stands for any rest.
	Name string `json:"name"`
	// Why is what the person who decides reads.
	Why string `json:"why"`
}

// Grants reads the grants of a manifest. One that has no reason, no subject or
// an unknown kind, or that stands twice, fails the test.
func Grants(tb testing.TB, manifest string) []Grant {
	tb.Helper()
	data, err := os.ReadFile(manifest)
	if err != nil {
		tb.Fatal(err)
	}
	var m struct{ Grants []Grant }
	if err := json.Unmarshal(data, &m); err != nil {
		tb.Fatalf("%s: %v", manifest, err)
	}
	seen := map[string]bool{}
	for _, g := range m.Grants {
		key := g.Kind + " " + g.Path + g.Name
		if !g.wellFormed() || seen[key] {
			tb.Errorf("%s: grant %+v is malformed or stands twice", manifest, g)
		}
		seen[key] = true
	}
	return m.Grants
}

func (g Grant) wellFormed() bool {
	subject, other := g.Path, g.Name
	if g.Kind == "env" {
		subject, other = g.Name, g.Path
	}
	return g.Why != "" && subject != "" && other == "" && slices.Contains([]string{"read", "device", "env"}, g.Kind)
}

// GrantsSuffice observes a machine twice, whole and through the grants of a
// manifest. A fact that differs fails the test: in the sandbox the plugin would
// be blind to something. Grants of "${python}" are not resolved.
func GrantsSuffice(tb testing.TB, manifest string, whole *fact.Target, collectors ...fact.Collector) {
	tb.Helper()
	want := values(Observe(tb, whole, collectors...))
	got := values(Observe(tb, Granted(tb, whole, Grants(tb, manifest)), collectors...))
	for address, value := range want {
		if got[address] != value {
			tb.Errorf("%s\n  whole          %s\n  through grants %s", address, value, got[address])
		}
	}
	for address, value := range got {
		if _, ok := want[address]; !ok {
			tb.Errorf("%s is %s through the grants only", address, value)
		}
	}
}

func values(facts []fact.Fact) map[string]string {
	out := map[string]string{}
	for _, f := range facts {
		out[f.Address] = string(f.Value) + f.Unknown
	}
	return out
}

// Granted is a machine as the sandbox shows it: a copy of what the grants name,
// and nothing else.
func Granted(tb testing.TB, whole *fact.Target, grants []Grant) *fact.Target {
	tb.Helper()
	root := tb.TempDir()
	env := map[string]string{}
	for _, g := range grants {
		if g.Kind == "env" {
			copyVariables(env, whole.Env, g.Name)
			continue
		}
		if err := g.show(whole, root); err != nil {
			tb.Fatal(err)
		}
	}
	return &fact.Target{
		Root: root, ProcessDir: whole.ProcessDir, Env: env, Pythons: whole.Pythons, ProjectDir: whole.ProjectDir,
		Home: whole.Home, Filesystems: whole.Filesystems, KernelLog: whole.KernelLog,
		KernelLogUnknown: whole.KernelLogUnknown, OpenFiles: whole.OpenFiles, OS: whole.OS, Arch: whole.Arch,
	}
}

func copyVariables(to, from map[string]string, pattern string) {
	for name, value := range from {
		if match, _ := path.Match(pattern, name); match { // names hold no "/"
			to[name] = value
		}
	}
}

// resolve puts the target's directory for the first word of a granted path; ""
// when the target has none.
func (g Grant) resolve(target *fact.Target) string {
	first, rest, _ := strings.Cut(g.Path, "/")
	dir := first
	switch {
	case first == "":
		return g.Path
	case first == "~":
		dir = target.Home
	case first == ".":
		dir = target.ProjectDir
	case first == "${process}":
		dir = target.ProcessDir
	case strings.HasPrefix(first, "$"):
		dir = target.Env[first[1:]]
	}
	if !path.IsAbs(dir) {
		return ""
	}
	return path.Join(dir, rest)
}

// show binds everything that a path grant matches.
func (g Grant) show(whole *fact.Target, root string) error {
	pattern := g.resolve(whole)
	if pattern == "" {
		return nil
	}
	for _, name := range whole.Glob(pattern) {
		if err := bind(whole, root, name); err != nil {
			return err
		}
	}
	return nil
}

// bind shows name below root as a bind mount does: the granted path itself is
// what its links lead to, and links below it stay links. A link that leads
// nowhere shows nothing.
func bind(whole *fact.Target, root, name string) error {
	real, err := whole.Resolve(name)
	if err != nil {
		return nil
	}
	from := filepath.Join(whole.Root, filepath.FromSlash(real))
	return filepath.WalkDir(from, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		return copyEntry(file, filepath.Join(root, filepath.FromSlash(name), below), e)
	})
}

// copyEntry copies one entry unless an overlapping grant brought it already.
func copyEntry(from, to string, e fs.DirEntry) error {
	if e.IsDir() {
		return os.MkdirAll(to, 0o755)
	}
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if e.Type()&fs.ModeSymlink != 0 {
		text, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(text, to)
	}
	return os.Link(from, to) // with the mode that the machine gave it
}

// ManifestAgrees fails the test unless a manifest has the name and the version
// that the plugin tells: the host refuses a plugin whose two differ.
func ManifestAgrees(tb testing.TB, manifest string, info plugin.Info) {
	tb.Helper()
	data, err := os.ReadFile(manifest)
	if err != nil {
		tb.Fatal(err)
	}
	var m struct{ Name, Version string }
	if err := json.Unmarshal(data, &m); err != nil {
		tb.Fatalf("%s: %v", manifest, err)
	}
	if m.Name != info.Name || m.Version != info.Version {
		tb.Errorf("%s is of %s %s, and the plugin says that it is %s %s", manifest, m.Name, m.Version, info.Name, info.Version)
	}
}
