// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Older forms of an install by setuptools. An egg is a directory or zip file that
// holds package and metadata, "six-1.16.0-py3.11.egg"; a link, "mylib.egg-link",
// is left by `setup.py develop` and names the source tree in its first line. Both
// are on sys.path by a line of easy-install.pth.
const (
	eggForm  = ".egg"
	linkForm = ".egg-link"
)

// dropLinks forgets links of which the directory has the distribution itself:
// pip leaves them behind when it takes an install over.
func (l *Listing) dropLinks() {
	own := map[string]bool{}
	for _, d := range l.Distributions {
		own[d.Key] = own[d.Key] || !strings.HasSuffix(d.Path, linkForm)
	}
	l.Distributions = slices.DeleteFunc(l.Distributions, func(d Distribution) bool {
		return own[d.Key] && strings.HasSuffix(d.Path, linkForm)
	})
}

// loadEgg reads the metadata of an egg that is a directory. Of a zip file its
// name has to do.
func (d *Distribution) loadEgg(t *fact.Target) {
	if d.EggFile {
		return
	}
	d.Metadata = parseHead(t, path.Join(d.Path, "EGG-INFO/PKG-INFO"), ParseMetadata)
	if len(d.Metadata.RequiresDist) == 0 {
		d.Metadata.RequiresDist = parseHead(t, path.Join(d.Path, "EGG-INFO/requires.txt"), ParseRequiresTxt)
	}
}

// maxLink bounds the text of a link, in bytes.
const maxLink = 8 << 10

// loadLinked reads the version in the source tree that a link names; "" where
// that may not be seen.
func (d *Distribution) loadLinked(t *fact.Target) {
	d.Editable = true
	tree := parseFile(t, d.Path, maxLink, nil, func(data []byte) string {
		line, _, _ := strings.Cut(string(data), "\n")
		return strings.TrimSpace(line)
	})
	if !path.IsAbs(tree) {
		return
	}
	entries, err := readDir(t, tree)
	if err != nil {
		return
	}
	for _, e := range entries {
		stem, egg := strings.CutSuffix(e.Name(), ".egg-info")
		if name, _ := splitStem(stem, true); egg && pep508.Normalize(name) == d.Key {
			d.Metadata = parseHead(t, path.Join(tree, e.Name(), "PKG-INFO"), ParseMetadata)
			d.Version = d.Metadata.Version
			return
		}
	}
}
