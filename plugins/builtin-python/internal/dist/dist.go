// SPDX-License-Identifier: Apache-2.0

// Package dist reads installed distributions from a directory of packages.
//
// The name of a metadata directory ("numpy-2.1.0.dist-info") already is name
// and version, so that one directory listing gives the inventory. METADATA and
// RECORD are read for the rest, many at a time, each with a bound on its size.
//
// Directories that start with "~" are what pip leaves when an uninstall is cut
// short; they are listed apart.
package dist

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Distribution is one installed distribution.
type Distribution struct {
	// Name as its metadata directory writes it; Key is the name by which names
	// are compared.
	Name, Key, Version string
	// Path is the metadata directory or file, Site the directory that holds it.
	Path, Site string
	// Egg marks the older egg-info form, which has no RECORD.
	Egg bool
	// EggFile marks egg-info that is one file and not a directory, and an egg that
	// is a zip file or a link.
	EggFile bool

	Metadata Metadata
	Record   *Record
	// Installer is the text of INSTALLER ("pip", "uv", "conda"), read for
	// distributions with native code and those without RECORD.
	Installer string
	// Tags are the platform tags in WHEEL, for distributions with native code.
	Tags []string
	// Editable marks an install that points into a source tree.
	Editable bool
	// Source is nil for a distribution from a package index.
	Source *Source
	// EntryPoints are the names of each group but those of scripts.
	EntryPoints map[string][]string
	// Unreadable says why METADATA or RECORD, which are there, cannot be read, by
	// path.
	Unreadable map[string]string
}

// Listing is what one directory of packages holds.
type Listing struct {
	Site          string
	Distributions []Distribution
	// Residues are names of entries that start with "~".
	Residues []string
	// Modules are the names of all entries.
	Modules map[string]bool
	// Cut tells that there are more entries or distributions than are read.
	Cut bool
}

// Bounds on one directory of packages.
const (
	maxEntries       = 200_000
	maxDistributions = 5000
)

// List reads a directory of packages: names only.
func List(t *fact.Target, site string) (Listing, error) {
	entries, err := readDir(t, site)
	out := Listing{Site: site, Modules: make(map[string]bool, len(entries)), Cut: len(entries) == maxEntries}
	links := false
	for _, e := range entries {
		out.add(e)
		links = links || strings.HasSuffix(e.Name(), linkForm)
	}
	if links {
		out.dropLinks()
	}
	return out, err
}

// readDir lists at most maxEntries of a directory in name order.
func readDir(t *fact.Target, name string) ([]fs.DirEntry, error) {
	entries, _, err := t.List(name, maxEntries)
	return entries, err
}

func (l *Listing) add(e fs.DirEntry) {
	name := e.Name()
	l.Modules[name] = true
	if strings.HasPrefix(name, "~") {
		l.Residues = append(l.Residues, name)
		return
	}
	stem, egg, ok := cutForm(name)
	if !ok {
		return
	}
	d := Distribution{Path: path.Join(l.Site, name), Site: l.Site, Egg: egg, EggFile: egg && !e.IsDir()}
	d.Name, d.Version = splitStem(stem, egg)
	d.Key = pep508.Normalize(d.Name)
	if len(l.Distributions) == maxDistributions {
		l.Cut = true
	} else if d.Key != "" {
		l.Distributions = append(l.Distributions, d)
	}
}

// cutForm cuts the ending of metadata off a name. Beside dist-info there are the
// older forms of setuptools, see egg.go.
func cutForm(name string) (stem string, egg, ok bool) {
	if stem, ok = strings.CutSuffix(name, ".dist-info"); ok {
		return stem, false, true
	}
	for _, form := range []string{".egg-info", eggForm, linkForm} {
		if stem, ok = strings.CutSuffix(name, form); ok {
			return stem, true, true
		}
	}
	return "", false, false
}

// splitStem cuts "numpy-2.1.0" and the egg form "six-1.16.0-py3.11".
func splitStem(stem string, egg bool) (name, version string) {
	name, version, _ = strings.Cut(stem, "-")
	if egg {
		version, _, _ = strings.Cut(version, "-py")
	}
	return name, version
}

// Load reads the files of a distribution. A file that is absent or cannot be
// read leaves its fields empty.
func (d *Distribution) Load(t *fact.Target) {
	d.loadMetadata(t)
	if d.Egg {
		return
	}
	if d.Metadata.Name == "" {
		d.note(t, "METADATA")
	}
	d.Record = readRecord(t, d.Path)
	if d.Record == nil {
		d.note(t, "RECORD")
		d.Installer = d.readInstaller(t)
		return
	}
	if len(d.Record.Natives) > 0 {
		d.Installer = d.readInstaller(t)
		d.Tags = parseHead(t, path.Join(d.Path, "WHEEL"), wheelTags)
	}
	if d.Record.HasDirectURL {
		if d.Source = parseFile(t, path.Join(d.Path, "direct_url.json"), maxHead, nil, ParseDirectURL); d.Source != nil {
			d.Editable = d.Source.Editable
		}
	}
	if d.Record.HasEntryPoints {
		d.EntryPoints = parseFile(t, path.Join(d.Path, "entry_points.txt"), maxHead, nil, ParseEntryPoints)
	}
}

// note records why a file that is there told nothing.
func (d *Distribution) note(t *fact.Target, name string) {
	file := path.Join(d.Path, name)
	reason := ""
	f, err := t.Open(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		reason = err.Error()
	default:
		defer f.Close()
		info, err := f.Stat()
		if err == nil && info.Size() == 0 {
			return // an install that was cut short, which Inspect tells of
		}
		reason = "it has no header line Name within its first 512 KiB"
		if err == nil && info.IsDir() {
			reason = "it is a directory"
		}
	}
	if d.Unreadable == nil {
		d.Unreadable = map[string]string{}
	}
	d.Unreadable[file] = reason
}

func (d *Distribution) loadMetadata(t *fact.Target) {
	name := path.Join(d.Path, "METADATA")
	switch {
	case strings.HasSuffix(d.Path, linkForm):
		d.loadLinked(t)
		return
	case strings.HasSuffix(d.Path, eggForm):
		d.loadEgg(t)
		return
	case d.EggFile:
		name = d.Path
	case d.Egg:
		name = path.Join(d.Path, "PKG-INFO")
	}
	d.Metadata = parseHead(t, name, ParseMetadata)
	if d.Egg && !d.EggFile && len(d.Metadata.RequiresDist) == 0 {
		d.Metadata.RequiresDist = parseHead(t, path.Join(d.Path, "requires.txt"), ParseRequiresTxt)
	}
	if d.Version == "" {
		d.Version = d.Metadata.Version
	}
	if d.Metadata.Name != "" && pep508.Normalize(d.Metadata.Name) == d.Key {
		d.Name = d.Metadata.Name
	}
}

func (d *Distribution) readInstaller(t *fact.Target) string {
	return t.ReadText(path.Join(d.Path, "INSTALLER"))
}

// FromPip reports whether a tool that writes true RECORD files installed the
// distribution. Conda rewrites paths inside files after RECORD was made, and
// Linux distributions strip and patch.
func (d *Distribution) FromPip(t *fact.Target) bool {
	installer := d.Installer
	if installer == "" {
		installer = d.readInstaller(t)
	}
	switch strings.ToLower(installer) {
	case "pip", "uv", "poetry", "pdm", "hatch", "installer":
		return true
	}
	return false
}
