// SPDX-License-Identifier: Apache-2.0

// Package lock is bulkhead.lock.hcl, the record of the plugins that a project
// or a user has: which versions, why these, and by which digests they are
// recognised on every platform.
//
//	version = 1
//
//	plugin "acme/scaler" {
//	  registry    = "default"
//	  version     = "1.4.2"
//	  constraints = "~> 1.2"
//	  pinned      = true
//	  grants      = ["read /data"]
//
//	  platform "linux_amd64" {
//	    h1         = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
//	    executable = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
//	    archive    = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
//	    known      = ["signed", "logged", "unpacked"]
//	  }
//	}
//
// # Format
//
// The file is HCL in its native syntax, UTF-8, at most [MaxBytes] long. All values
// are literals: an expression, a reference and a template are errors, and so is
// every block and attribute that is not named here.
//
// version comes first and is 1. A file with a greater number was written by a
// newer Bulkhead and is refused whole.
//
// Each plugin block is labelled with the plugin's ID and stands once:
//
//	registry     the name of the registry that it came from, as in the configuration
//	version      the version, as package release defines it
//	constraints  what was asked for when it was chosen; left out when nothing was
//	pinned       true when an upgrade leaves it alone; left out when it does not
//	grants       what the user consented to, each as "KIND VALUE"
//
// Each platform block in it is labelled with a platform of package release and
// stands once; there is at least one:
//
//	h1          the digest of the unpacked files
//	executable  the SHA-256 of the executable
//	archive     the SHA-256 of the archive
//	known       how the digests are known, in the order of [HowKnown]
//
// # Normal form
//
// Encode writes one spelling: a comment that names the program, version, then
// the plugins by ID, in each the attributes in the order above and the platforms by
// name. Lists are sorted (known in its own order) and hold nothing twice; texts are
// in Unicode's form NFC, as all texts of HCL are.
// Whatever parses may be encoded, and the encoding of that parses to the same file.
//
// # Trust
//
// A lock file is a record of what was trusted on first use. For a version that
// is locked, [File.Admit] accepts no other digests than the locked ones, and the
// digests of another platform only together with proof that the release is the
// same.
package lock

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// FileName is the name of the lock file of a project.
const FileName = "bulkhead.lock.hcl"

// Version is that of the format.
const Version = 1

// Bounds on a lock file.
const (
	MaxBytes     = 4 << 20 // of the file
	maxPlugins   = 10_000
	maxGrants    = 1000 // of one plugin
	maxText      = 4200 // bytes of one text: a grant's path and its kind
	maxRegistry  = 63   // bytes of a registry's name
	maxConstrain = 1000 // bytes of a plugin's constraints
)

// How digests are known.
const (
	Signed   = "signed"   // the registry's metadata, signed by enough keys, name them
	Logged   = "logged"   // the transparency log holds the release
	Hashed   = "hashed"   // the archive was fetched and had this digest
	Unpacked = "unpacked" // the files were unpacked here and had this digest
	Embedded = "embedded" // they came with the host
	Local    = "local"    // a person vouched for them: an archive of no registry
)

// HowKnown lists what "known" may hold, in its order.
func HowKnown() []string { return []string{Signed, Logged, Hashed, Unpacked, Embedded, Local} }

// File is a lock file. Its zero value is an empty one.
type File struct {
	Plugins []Plugin // in order of ID
}

// Plugin is what is locked of one plugin.
type Plugin struct {
	ID       string // "acme/scaler"
	Registry string // the name of the registry that it came from
	Version  string
	// Constraints that the version was chosen by, as they were written; empty
	// when there were none.
	Constraints string
	// Pinned keeps upgrades away.
	Pinned bool
	// Grants that the user consented to, each as "KIND VALUE", sorted.
	Grants []string
	// Platforms by GOOS_GOARCH or "any".
	Platforms map[string]Platform
}

// Platform is how a plugin is recognised on one platform.
type Platform struct {
	H1         string   // "h1:...", of the unpacked files
	Executable string   // "sha256:..."
	Archive    string   // "sha256:..."
	Known      []string // how, some of [HowKnown] in its order
}

// Same reports whether two platforms hold the same digests, however they are known.
func (p Platform) Same(other Platform) bool {
	return p.H1 == other.H1 && p.Executable == other.Executable && p.Archive == other.Archive
}

// Lookup returns a copy of what is locked of a plugin.
func (f *File) Lookup(id string) (Plugin, bool) {
	i, ok := f.find(id)
	if !ok {
		return Plugin{}, false
	}
	return f.Plugins[i].clone(), true
}

// Set adds a plugin or replaces it.
func (f *File) Set(p Plugin) {
	p = p.normal()
	i, ok := f.find(p.ID)
	if ok {
		f.Plugins[i] = p
		return
	}
	f.Plugins = append(f.Plugins, p)
	slices.SortFunc(f.Plugins, byID)
}

// Remove takes a plugin out and reports whether it was there.
func (f *File) Remove(id string) bool {
	i, ok := f.find(id)
	if ok {
		f.Plugins = slices.Delete(f.Plugins, i, i+1)
	}
	return ok
}

// Consented reports whether a grant, as "KIND VALUE", is one that the user
// consented to.
func (p Plugin) Consented(grant string) bool {
	return slices.Contains(p.normal().Grants, norm.NFC.String(grant))
}

// Versions are the locked versions by ID, as package solve takes them.
func (f *File) Versions() map[string]string {
	out := map[string]string{}
	for _, p := range f.Plugins {
		out[p.ID] = p.Version
	}
	return out
}

// Clone is a copy that shares nothing.
func (f *File) Clone() *File {
	out := &File{}
	for _, p := range f.Plugins {
		out.Plugins = append(out.Plugins, p.clone())
	}
	return out
}

// find does not need the order, which a caller may not have kept.
func (f *File) find(id string) (int, bool) {
	i := slices.IndexFunc(f.Plugins, func(p Plugin) bool { return p.ID == id })
	return i, i >= 0
}

func byID(a, b Plugin) int { return cmp.Compare(a.ID, b.ID) }

func (p Plugin) clone() Plugin {
	p.Grants = slices.Clone(p.Grants)
	p.Platforms = maps.Clone(p.Platforms)
	for key, platform := range p.Platforms {
		platform.Known = slices.Clone(platform.Known)
		p.Platforms[key] = platform
	}
	return p
}

// normal is a copy with lists in order, nothing in them twice, and no list
// where there is nothing.
func (p Plugin) normal() Plugin {
	p = p.clone()
	for i, g := range p.Grants {
		p.Grants[i] = norm.NFC.String(g)
	}
	slices.Sort(p.Grants)
	p.Grants = orNil(slices.Compact(p.Grants))
	p.Constraints = strings.TrimSpace(p.Constraints)
	for key, platform := range p.Platforms {
		platform.Known = orderKnown(platform.Known)
		p.Platforms[key] = platform
	}
	return p
}

func orNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// orderKnown puts the ways of knowing in their order; those that nobody knows
// last, where Validate finds them.
func orderKnown(known []string) []string {
	order := HowKnown()
	rank := func(s string) int {
		if i := slices.Index(order, s); i >= 0 {
			return i
		}
		return len(order)
	}
	known = slices.Clone(known)
	slices.SortFunc(known, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return orNil(slices.Compact(known))
}
