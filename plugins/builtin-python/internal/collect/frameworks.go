// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// frameworks records the builds of frameworks, the closure of their shared
// libraries and what they need beside those.
func (o *observer) frameworks(ctx context.Context, inv *inventory) {
	o.headers()
	o.generated(ctx, inv)
	if dir, ok := inv.module("torch"); ok {
		o.torch(path.Join(dir, "torch"))
	}
	loader := elfdeps.NewLoader(o.target, o.target.Env["LD_LIBRARY_PATH"], o.inside(inv), o.preloads(inv))
	if o.env.Kind == locate.KindConda {
		loader.SetProgram(path.Join(o.env.Prefix, "lib"))
	}
	o.builds(ctx, inv, loader)
	if o.target.OS != "linux" {
		return // other systems have other loaders
	}
	loader.SetSystem(o.system())
	loads := o.imports(inv, loader)
	if len(loads) > 0 {
		o.add(observed.Loads, loads)
	}
	o.cudnn(inv, loader)
	o.symbols(ctx, inv, loader, loads)
}

// inside lists the directories whose libraries belong to the environment.
func (o *observer) inside(inv *inventory) []string {
	var out []string
	for i := range inv.sites {
		out = append(out, inv.sites[i].Path)
	}
	if o.env.Kind != "system" && o.env.Config == nil {
		out = append(out, path.Join(o.env.Prefix, "lib"))
	}
	return out
}

// escapeGlob makes a directory name literal in a pattern of path.Match.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}

// torch records torch/version.py.
func (o *observer) torch(dir string) {
	name := path.Join(dir, "version.py")
	data, err := o.target.ReadFile(name)
	if err != nil {
		return
	}
	build, lines := ParseTorchVersion(data)
	if build.Version == "" {
		o.unknown(observed.Torch, "version.py has no line __version__ = '...'", fact.File(name, 0, ""))
		return
	}
	build.Path = dir
	var evidence []fact.Evidence
	for _, l := range lines {
		evidence = append(evidence, fact.File(name, l.number, l.text))
	}
	o.add(observed.Torch, build, evidence...)
}

type sourceLine struct {
	number int
	text   string
}

var versionAssignment = pattern(`^(__version__|cuda|hip)\s*(?::[^=]*)?=\s*(?:(None)|'([^']*)'|"([^"]*)")`)

// ParseTorchVersion reads the assignments of torch/version.py as text:
// __version__ = '2.5.1+cu124', cuda = '12.4' or None, hip = None.
func ParseTorchVersion(data []byte) (observed.TorchBuild, []sourceLine) {
	var build observed.TorchBuild
	var lines []sourceLine
	for i, line := range strings.Split(string(data), "\n") {
		m := versionAssignment().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		lines = append(lines, sourceLine{i + 1, strings.TrimSpace(line)})
		value := m[3] + m[4]
		switch m[1] {
		case "__version__":
			build.Version = value
		case "cuda":
			build.CUDA = value
		case "hip":
			build.HIP = value
		}
	}
	return build, lines
}
