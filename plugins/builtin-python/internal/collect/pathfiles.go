// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var fileDescriptions = []fact.Description{
	field(observed.PathFiles, "list", "Files *.pth: path, directories that they add, lines that they execute."),
	field(observed.Editables, "list", "What editable installs point at: distribution, module, target, state (ok, missing, unseen), from."),
	field(observed.PythonPath, "list", "Directories of PYTHONPATH: path, exists, versions of Python that they are for, distributions, example."),
	field(observed.WrongTags, "list", "Wheels with native code that were made for another interpreter: distribution, tags, reason (python, abi, platform, glibc)."),
	field(observed.Glibc, "string", "Version of glibc of the system, by the symbol versions of libc.so.6; absent where it is not seen."),
	field(observed.Unreadable, "object", "METADATA and RECORD files that are there and cannot be read, with the reason."),
	field(observed.TooMany, "bool", "There are more distributions than are read."),
}

// Bounds on the .pth files of one environment.
const (
	maxPathFiles       = 200
	maxPathDirectories = 64
)

// pathFiles reads the .pth files of the directories of packages, and lists the
// distributions in the directories that they add, but for those that are
// installed already: an editable install has metadata in both places.
func (o *observer) pathFiles(inv *inventory) {
	var files []observed.PathFile
	var evidence []fact.Evidence
	var added []string
	for _, s := range slices.Clone(inv.sites) {
		if s.Scope == locate.ScopeBase {
			continue
		}
		for _, name := range pathFileNames(s.Modules) {
			if len(files) == maxPathFiles {
				break
			}
			file, dirs := o.pathFile(s.Path, name)
			files = append(files, file)
			evidence = append(evidence, fact.File(file.Path, 0, file.First))
			added = append(added, dirs...)
		}
	}
	if len(files) > 0 {
		o.add(observed.PathFiles, files, evidence...)
	}
	for _, dir := range added[:min(maxPathDirectories, len(added))] {
		o.follow(inv, dir)
	}
}

func pathFileNames(modules map[string]bool) []string {
	var out []string
	for name := range modules {
		if strings.HasSuffix(name, ".pth") && !strings.HasPrefix(name, ".") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// pathFile describes one file and returns the directories that are there.
func (o *observer) pathFile(site, name string) (observed.PathFile, []string) {
	file := path.Join(site, name)
	p := dist.ReadPathFile(o.target, file)
	out := observed.PathFile{Path: file, Imports: p.Imports, First: p.First, Cut: p.Cut}
	var there []string
	for _, line := range p.Directories {
		dir := line.Under(site)
		entry := observed.PathEntry{Path: dir, Line: line.Line, State: o.stateOf(dir)}
		if entry.State == observed.InterpreterOK {
			there = append(there, dir)
		}
		if len(out.Directories) < maxPathDirectories {
			out.Directories = append(out.Directories, entry)
		} else {
			out.Cut = true
		}
	}
	return out, there
}

// stateOf tells whether a file of an install is there. Only inside the
// environment and the project everything may be seen.
func (o *observer) stateOf(file string) string {
	switch {
	case o.target.Exists(file):
		return observed.InterpreterOK
	case strings.HasPrefix(file, o.env.Prefix+"/"):
		return observed.InterpreterMissing
	}
	return observed.InterpreterUnseen
}

// follow adds a directory of a .pth file to the directories of packages.
func (o *observer) follow(inv *inventory, dir string) {
	if slices.ContainsFunc(inv.sites, func(s site) bool { return s.Path == dir }) {
		return
	}
	listing, err := dist.List(o.target, dir)
	if err != nil {
		return
	}
	known := map[string]bool{}
	for i := range inv.sites {
		for _, d := range inv.sites[i].Distributions {
			known[d.Key] = true
		}
	}
	listing.Distributions = slices.DeleteFunc(listing.Distributions, func(d dist.Distribution) bool { return known[d.Key] })
	listing.Residues = nil // of a source tree, not of pip
	inv.sites = append(inv.sites, site{locate.Site{Path: dir, Scope: locate.ScopePath}, listing})
}

// editables records what editable installs lead to.
func (o *observer) editables(inv *inventory) {
	var list []observed.Editable
	var evidence []fact.Evidence
	add := func(e observed.Editable) {
		e.State = o.stateOf(e.Target)
		list = append(list, e)
		evidence = append(evidence, fact.File(e.From, 0, e.Target))
	}
	for _, d := range inv.all {
		if d.Source != nil && d.Source.Editable && d.Source.Directory() != "" {
			add(observed.Editable{Distribution: d.Name, Target: d.Source.Directory(), From: path.Join(d.Path, "direct_url.json")})
		}
	}
	for _, s := range inv.sites {
		for _, name := range finderNames(s.Modules) {
			file := path.Join(s.Path, name)
			for module, target := range dist.ReadFinder(o.target, file) {
				add(observed.Editable{Distribution: finderOwner(inv, name), Module: module, Target: target, From: file})
			}
		}
	}
	if len(list) > 0 {
		o.add(observed.Editables, list, evidence...)
	}
}

const (
	finderPrefix = "__editable___"
	finderSuffix = "_finder.py"
)

func finderNames(modules map[string]bool) []string {
	var out []string
	for name := range modules {
		if strings.HasPrefix(name, finderPrefix) && strings.HasSuffix(name, finderSuffix) && len(out) < maxPathFiles {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// finderOwner is the distribution of "__editable___my_app_1_0_finder.py".
func finderOwner(inv *inventory, name string) string {
	stem := strings.TrimSuffix(strings.TrimPrefix(name, finderPrefix), finderSuffix)
	for _, d := range inv.all {
		if plain.Replace(d.Key+"_"+d.Version) == plain.Replace(stem) {
			return d.Name
		}
	}
	return stem
}

var plain = strings.NewReplacer("-", "_", ".", "_", "+", "_")
