// SPDX-License-Identifier: Apache-2.0

// Package collect observes Python environments from outside. Nothing is
// executed and nothing imported, so an environment whose torch does not load is
// described as well as a healthy one.
//
// The work is bounded: metadata is read up to its first empty line, RECORD is
// read once, shared libraries and package roots are the only files compared
// with it, and the closure of libraries is walked for a few frameworks only.
// All of it runs in parallel. An environment of 250 distributions takes a few
// milliseconds of a warm machine. What is there and cannot be read (a pipe, a
// loop of links, a file without a header) is told with its reason.
package collect

import (
	"context"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Environments is the collector.
var Environments = fact.Collector{
	TTL:     10 * time.Minute,
	Name:    "environments",
	Summary: "Python environments, their packages and what their native libraries need",
	Facts:   slices.Concat(descriptions, frameworkDescriptions, placeDescriptions, symbolDescriptions, fileDescriptions),
	Collect: collect,
}

var descriptions = []fact.Description{
	{Address: observed.Envs, Type: "list", Summary: "Environments found: prefix, python, version, implementation, kind, found_by."},
	field(observed.Python, "string", "Path of the interpreter."),
	field(observed.Version, "string", "Version of Python, without the micro number where it is not on disk."),
	field(observed.Implementation, "string", "CPython or PyPy."),
	field(observed.Kind, "string", "venv, virtualenv, uv, conda, pyenv, system or standalone."),
	field(observed.FoundBy, "string", "How the environment was found: --python, VIRTUAL_ENV, CONDA_PREFIX, PATH, project, VS Code, PyCharm, or the place where a tool keeps it."),
	field(observed.Base, "object", "Interpreter behind the environment: prefix, file, home, home_seen."),
	field(observed.Link, "object", "The interpreter followed to its end: state (ok, dangling, missing, unseen), path, target."),
	field(observed.Loader, "object", "Loader that the interpreter names and the system lacks: path, link."),
	field(observed.Venv, "object", "What pyvenv.cfg says: home, version, include_system_site_packages, tool."),
	field(observed.Sites, "list", "Directories of packages in search order: path, scope (env, user, base, path)."),
	field(observed.Managed, "string", "Path of EXTERNALLY-MANAGED (PEP 668); absent where pip may install."),
	field(observed.Packages, "list", "Installed distributions with the requirements that apply on this interpreter."),
	field(observed.Conda, "list", "Packages in conda-meta: name, version, path."),
	field(observed.Residues, "list", "Paths of directories that start with ~, left by an uninstall that was cut short."),
	field(observed.Damaged, "list", "Distributions whose libraries or roots are missing, truncated or changed against RECORD."),
	field(observed.Clobbered, "list", "Files that two distributions claim with different content."),
	field(observed.Shadows, "list", "Files in the project or on PYTHONPATH that hide an installed package."),
	field(observed.Torch, "object", "torch/version.py: version, cuda, hip, path."),
	field(observed.Loads, "list", "For each framework, the closure of its shared libraries: missing, unmet, hijacks."),
	field(observed.StrayCuDNN, "object", "Library that the environment's cuDNN opens by name and gets of another release: library, path, release, opened_by, distribution, version."),
	field(observed.Unparsed, "list", "Requirement lines that PEP 508 does not allow; they are not judged."),
}

func field(name, typ, summary string) fact.Description {
	return fact.Description{Address: observed.Group + "." + name, Type: typ, Summary: summary}
}

func collect(ctx context.Context, t *fact.Target, record *fact.Recorder) error {
	found := locate.Search(t)
	places(record, &found)
	machineFacts(t, record)
	envs := found.Examined
	libc := sync.OnceValue(func() elfdeps.Libc { return elfdeps.FindLibc(t) })
	summary := make([]observed.Environment, 0, len(envs))
	var wg sync.WaitGroup
	for i := range envs {
		env := &envs[i]
		summary = append(summary, observed.Environment{
			Prefix: env.Prefix, Python: env.Python, Version: env.Version,
			Implementation: env.Implementation, Kind: env.Kind, FoundBy: env.FoundBy,
		})
		o := &observer{target: t, record: record, env: env, libc: libc}
		wg.Go(func() { o.observe(ctx) })
	}
	wg.Wait()
	record.Add(observed.Envs, summary)
	return ctx.Err()
}

// observer records the facts of one environment.
type observer struct {
	target *fact.Target
	record *fact.Recorder
	env    *locate.Env
	// libc describes the C library of the system.
	libc func() elfdeps.Libc
}

func (o *observer) add(field string, value any, evidence ...fact.Evidence) {
	o.record.Add(observed.At(o.env.Prefix, field), value, evidence...)
}

func (o *observer) unknown(field, reason string, evidence ...fact.Evidence) {
	o.record.Unknown(observed.At(o.env.Prefix, field), reason, evidence...)
}

func (o *observer) observe(ctx context.Context) {
	o.identity()
	inv := o.list(ctx)
	var wg sync.WaitGroup
	for _, part := range []func(context.Context, *inventory){
		o.frameworks, o.packages, o.conda, o.integrity, o.clobbers, o.shadows, o.wrongTags, o.pythonPath,
	} {
		wg.Go(func() { part(ctx, inv) })
	}
	wg.Wait()
}

// identity records what the environment is.
func (o *observer) identity() {
	e := o.env
	o.add(observed.Python, e.Python)
	o.version()
	o.add(observed.Implementation, e.Implementation)
	o.add(observed.Kind, e.Kind)
	o.add(observed.FoundBy, e.FoundBy)
	o.link()
	o.loader()
	o.add(observed.Sites, e.Sites)
	base := observed.BaseInterpreter{Prefix: e.BasePrefix, File: e.Link.Target}
	if c := e.Config; c != nil {
		base.Home, base.HomeSeen = c.Home, o.target.Exists(c.Home)
		o.add(observed.Venv, observed.VirtualEnv{
			Path: c.Path, Home: c.Home, Version: c.Version, SystemSite: c.SystemSite, Tool: c.Tool,
		}, fact.File(c.Path, 0, "home = "+c.Home))
	}
	o.add(observed.Base, base)
	o.externallyManaged()
}

func (o *observer) version() {
	e := o.env
	if e.Version == "" {
		o.unknown(observed.Version, "neither pyvenv.cfg, file names nor headers give the version")
		return
	}
	evidence := fact.Evidence{Path: e.BasePrefix, Value: e.Version}
	if e.Config != nil && e.Config.Version != "" {
		evidence.Path = e.Config.Path
	}
	o.add(observed.Version, e.Version, evidence)
}

func (o *observer) link() {
	l := o.env.Link
	evidence := fact.File(l.Path, 0, "-> "+l.Target)
	if l.State == locate.LinkUnseen {
		o.unknown(observed.Link, "the link leads to "+l.Target+", which this plugin may not see", evidence)
		return
	}
	o.add(observed.Link, l, evidence)
}

// externallyManaged looks for the marker of PEP 668, which a virtual
// environment is not bound by.
func (o *observer) externallyManaged() {
	if o.env.Config != nil || o.env.Stdlib == "" {
		return
	}
	marker := path.Join(o.env.Stdlib, "EXTERNALLY-MANAGED")
	if o.target.Exists(marker) {
		o.add(observed.Managed, marker, fact.File(marker, 0, ""))
	}
}
