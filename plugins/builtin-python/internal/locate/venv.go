// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// VenvConfig is what pyvenv.cfg says; its presence makes a virtual environment.
type VenvConfig struct {
	Path string
	// Home is the directory of the interpreter that the environment was made
	// from.
	Home string
	// Version as written, "3.11.7"; virtualenv's "3.11.7.final.0" is cut.
	Version string
	// SystemSite is include-system-site-packages.
	SystemSite     bool
	Implementation string
	// Tool is "uv", "virtualenv" or "venv".
	Tool string
}

func readVenvConfig(t *fact.Target, prefix string) *VenvConfig {
	name := path.Join(prefix, "pyvenv.cfg")
	data, err := t.ReadFile(name)
	if err != nil {
		return nil
	}
	c := ParseVenvConfig(data)
	c.Path = name
	return &c
}

// ParseVenvConfig reads pyvenv.cfg: lines "key = value", keys in any case.
// Lines of any other form are skipped, as the interpreter does.
func ParseVenvConfig(data []byte) VenvConfig {
	c := VenvConfig{Tool: KindVenv}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(line, "=")
		if ok {
			c.set(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value))
		}
	}
	return c
}

func (c *VenvConfig) set(key, value string) {
	switch key {
	case "home":
		c.Home = value
	case "version", "version_info":
		if c.Version == "" {
			c.Version = threeNumbers(value)
		}
	case "include-system-site-packages":
		c.SystemSite = strings.EqualFold(value, "true")
	case "implementation":
		c.Implementation = value
	case "uv":
		c.Tool = KindUV
	case "virtualenv":
		c.Tool = KindVirtualenv
	}
}

// threeNumbers cuts "3.11.7.final.0" to "3.11.7".
func threeNumbers(version string) string {
	parts := strings.SplitN(version, ".", 4)
	return strings.Join(parts[:min(3, len(parts))], ".")
}

// LinkState says what became of the interpreter of an environment.
type LinkState string

// The states of a Link. Unseen means that the target may be there, in a place
// that this plugin has no grant for.
const (
	LinkOK       LinkState = "ok"
	LinkDangling LinkState = "dangling"
	LinkMissing  LinkState = "missing"
	LinkUnseen   LinkState = "unseen"
)

// Link is the interpreter of an environment, followed to its end.
type Link struct {
	State LinkState `json:"state"`
	// Path is the environment's interpreter, Target the last path of the chain
	// of links: the one that is not there when State is not "ok".
	Path   string `json:"path"`
	Target string `json:"target,omitempty"`
}

// follow walks the links from the environment's interpreter to a file.
func (e *Env) follow(t *fact.Target) Link {
	if e.Python == "" {
		return Link{State: LinkMissing, Path: path.Join(e.Prefix, "bin/python3")}
	}
	link := Link{Path: e.Python, Target: e.Python}
	const maxLinks = 40
	for range maxLinks {
		next, err := t.Readlink(link.Target)
		if err != nil {
			break
		}
		if !path.IsAbs(next) {
			next = path.Join(path.Dir(link.Target), next)
		}
		link.Target = path.Clean(next)
	}
	switch {
	case t.Exists(e.Python):
		link.State = LinkOK
	case e.covers(t, link.Target):
		link.State = LinkDangling
	default:
		link.State = LinkUnseen
	}
	return link
}

// BasePlaces are the directories in which this plugin may see interpreters
// that environments were made from. What is absent here is really absent; "~/"
// is the user's home. The plugin's manifest grants each of them.
var BasePlaces = []string{
	"/usr/bin", "/usr/local/bin", "~/.pyenv/versions", "~/.local/share/uv/python",
	"/opt/conda/bin", "~/miniconda3/bin", "~/miniforge3/bin", "~/mambaforge/bin", "~/anaconda3/bin",
}

// covers reports whether absence of a file proves that it is gone. For an
// environment that the user named or activated, the grant of the plugin takes
// in the environment and the prefix of the interpreter that it was made from.
func (e *Env) covers(t *fact.Target, file string) bool {
	if t.Exists(path.Dir(file)) || below(file, e.Prefix) {
		return true
	}
	if e.Config != nil && e.FoundBy != foundInProject && path.IsAbs(e.Config.Home) && below(file, path.Dir(e.Config.Home)) {
		return true
	}
	return coveredByPlaces(t, file)
}

// coveredByPlaces reports whether a file lies where everything may be seen.
func coveredByPlaces(t *fact.Target, file string) bool {
	for _, place := range BasePlaces {
		if rest, ok := strings.CutPrefix(place, "~/"); ok {
			place = path.Join(t.Home, rest)
		}
		if below(file, place) {
			return true
		}
	}
	return false
}

func below(file, dir string) bool { return strings.HasPrefix(file, dir+"/") }
