// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// All, as one of Target.Pythons, asks for every environment that is found.
const All = "*"

// Bounds on what is found.
const (
	// maxEnvs are described in depth, maxAll when the user asks for all.
	maxEnvs = 8
	maxAll  = 64
	// maxOthers are listed beside them.
	maxOthers = 256
)

// Found is everything that was found on a target.
type Found struct {
	// Examined are to be described in depth, the one that a shell would use first.
	Examined []Env
	// Others are known by their prefix and version.
	Others []observed.OtherEnvironment
	// Cut tells that there are more than the bounds allow.
	Cut     bool
	Kernels []observed.Kernel
	// KernelFiles that cannot be read as kernelspecs, with the reason.
	KernelFiles map[string]string
	Editors     []observed.EditorInterpreter
	EditorFiles map[string]string
}

// Find lists the environments of a target that are examined in depth.
func Find(t *fact.Target) []Env { return Search(t).Examined }

// Search looks at all places.
func Search(t *fact.Target) Found {
	s := searcher{target: t, limit: maxEnvs, all: slices.Contains(t.Pythons, All)}
	if s.all {
		s.limit = maxAll
	}
	s.editors()
	for _, c := range candidates(t, s.found.Editors) {
		s.examine(c)
	}
	if len(s.found.Examined) == 0 && (len(t.Pythons) == 0 || s.all) {
		s.examine(candidate{path: "/usr/bin/python3", foundBy: "/usr/bin/python3"})
	}
	s.places()
	s.kernels()
	return s.found
}

// searcher gathers what one Search finds.
type searcher struct {
	target *fact.Target
	limit  int
	all    bool
	found  Found
	// venvPaths are directories of environments that an editor is told of.
	venvPaths []string
}

// examine adds an environment that is to be described in depth.
func (s *searcher) examine(c candidate) {
	env, ok := open(s.target, c)
	if !ok || s.known(env.Prefix) {
		return
	}
	if len(s.found.Examined) == s.limit {
		s.found.Cut = true
		return
	}
	env.describe(s.target)
	if c.ifVisible && !env.visible() {
		return // nothing true could be said of its packages
	}
	s.found.Examined = append(s.found.Examined, env)
}

// visible reports whether packages of the environment itself may be read.
func (e *Env) visible() bool {
	return slices.ContainsFunc(e.Sites, func(s Site) bool { return s.Scope == ScopeEnv })
}

func (s *searcher) known(prefix string) bool {
	return slices.ContainsFunc(s.found.Examined, func(e Env) bool { return e.Prefix == prefix })
}

// places goes through the directories in which tools keep environments.
func (s *searcher) places() {
	for _, p := range Places {
		for _, pattern := range patterns(s.target, p.Pattern) {
			s.directories(pattern, p.Pattern, p)
		}
	}
	for _, dir := range s.venvPaths {
		s.directories(path.Join(escapeGlob(dir), "*"), venvPathKey, Place{Manager: "virtualenv"})
	}
	for _, prefix := range condaEnvironments(s.target) {
		s.directories(escapeGlob(prefix), condaList, Place{Manager: "conda", Conda: true})
	}
	for _, pattern := range systemInterpreters {
		for _, python := range s.target.Glob(pattern) {
			if interpreterName().MatchString(path.Base(python)) {
				s.other(python, pattern, Place{Manager: "system"})
			}
		}
	}
}

// directories adds the environments whose prefixes match a pattern.
func (s *searcher) directories(pattern, foundBy string, p Place) {
	for _, prefix := range s.target.Glob(pattern) {
		if info, err := s.target.Stat(prefix); err == nil && info.IsDir() {
			s.other(prefix, foundBy, p)
		}
	}
}

// other adds an environment of a place: in depth when all are asked for.
func (s *searcher) other(file, foundBy string, p Place) {
	env, ok := open(s.target, candidate{path: file, foundBy: foundBy})
	if !ok || s.known(env.Prefix) {
		return
	}
	if s.all && len(s.found.Examined) < s.limit {
		if env.describe(s.target); env.visible() {
			s.found.Examined = append(s.found.Examined, env)
			return
		}
	}
	if len(s.found.Others) == maxOthers {
		s.found.Cut = true
		return
	}
	env.identify(s.target)
	o := observed.OtherEnvironment{
		Prefix: env.Prefix, Python: env.Python, Version: env.Version, Kind: env.Kind,
		Manager: p.Manager, Name: placeName(env, p), FoundBy: foundBy, Visible: env.hasPackages(s.target),
	}
	if !slices.ContainsFunc(s.found.Others, func(x observed.OtherEnvironment) bool {
		return x.Prefix == o.Prefix && x.Version == o.Version
	}) {
		s.found.Others = append(s.found.Others, o)
	}
}

// placeName is the name by which the manager knows an environment.
func placeName(e Env, p Place) string {
	name := path.Base(e.Prefix)
	switch {
	case p.Manager == "system" || p.Manager == "project":
		return ""
	case p.Conda && !strings.HasSuffix(p.Pattern, "/*") && p.Pattern != "":
		return "base"
	}
	return name
}
