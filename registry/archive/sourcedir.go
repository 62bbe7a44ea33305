// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// sourceDir is a directory that can be packed.
type sourceDir struct {
	root         *os.Root
	files        []entry // in order
	leftOut      []string
	manifestData []byte
	manifest     *manifest.Manifest

	names *names
	bytes int64
}

// openSourceDir lists a directory and refuses what no archive may have.
func openSourceDir(dir string) (*sourceDir, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &sourceDir{root: root, names: newNames()}
	if err := d.readManifest(dir); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := fs.WalkDir(root.FS(), ".", d.visit); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	slices.SortFunc(d.files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return d, nil
}

func (d *sourceDir) readManifest(dir string) (err error) {
	d.manifestData, err = manifest.ReadFile(filepath.Join(dir, manifest.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(RuleManifest, "", "it has no %s", manifest.FileName)
	}
	if err != nil {
		return err
	}
	d.manifest, err = readManifest(d.manifestData)
	return err
}

func (d *sourceDir) visit(name string, entry fs.DirEntry, err error) error {
	switch {
	case err != nil || name == ".":
		return err
	case leftOut(path.Base(name)):
		d.leftOut = append(d.leftOut, name)
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir():
		return nil
	}
	if err := CheckName(name); err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	return d.add(name, info)
}

func (d *sourceDir) add(name string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		return refuse(RuleLink, name, "is a link; pack a copy of what it leads to")
	case !mode.IsRegular():
		return refuse(RuleSpecial, name, "is no regular file")
	case mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		return refuse(RuleMode, name, "has a set-id bit, which no plugin gets")
	}
	e := entry{name: name, size: info.Size(), exec: mode&0o100 != 0 && name != manifest.FileName || name == d.manifest.Executable}
	if name == manifest.FileName {
		e.size = int64(len(d.manifestData))
	}
	d.files = append(d.files, e)
	d.bytes += e.size
	switch {
	case len(d.files) > MaxFiles:
		return refuse(RuleLimit, "", "it has more than %d files", MaxFiles)
	case e.size > MaxFile:
		return refuse(RuleLimit, name, "has %d bytes, more than %d", e.size, int64(MaxFile))
	case d.bytes > MaxUnpacked:
		return refuse(RuleLimit, "", "its files have more than %d bytes", int64(MaxUnpacked))
	}
	return d.names.add(name)
}
