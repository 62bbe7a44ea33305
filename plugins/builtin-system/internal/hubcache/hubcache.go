// SPDX-License-Identifier: Apache-2.0

// Package hubcache looks into the cache of the Hugging Face hub: how large it
// is, which downloads were broken off, and how large its models are.
//
// The cache has one directory for each repository, models--ORG--NAME,
// datasets--ORG--NAME or spaces--ORG--NAME. Below it blobs/ holds the files by
// their digest, *.incomplete while they are downloaded, and
// snapshots/REVISION/ links from their names to the blobs.
//
// A cache may hold a hundred thousand files on a slow disk, so that the number
// of entries looked at is bounded, as is the time by the context. What was left
// out is said: Survey.Partial.
//
// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
package hubcache

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// MaxEntries bounds the directory entries that are looked at.
const MaxEntries = 20_000

// Survey is what was seen.
type Survey struct {
	// Repositories by kind: models, datasets and spaces together.
	Repositories int
	// Files and Bytes of all blobs, those that are incomplete too.
	Files int
	Bytes int64
	// Incomplete downloads, in the order of their paths.
	Incomplete []Incomplete
	// Partial is true when the cache has more than was looked at.
	Partial bool
}

// Incomplete is a download that has not ended.
type Incomplete struct {
	Path  string
	Bytes int64
	// Modified is when something was last written to it.
	Modified time.Time
}

// Repositories lists the directories of repositories of a cache, sorted, and
// whether there are more than limit.
func Repositories(t *fact.Target, cache string, limit int) (dirs []string, more bool) {
	names, more := list(t, cache, limit)
	for _, name := range names {
		kind, rest, ok := strings.Cut(name, "--")
		if ok && rest != "" && slices.Contains([]string{"models", "datasets", "spaces"}, kind) {
			dirs = append(dirs, path.Join(cache, name))
		}
	}
	return dirs, more
}

// Model returns the name of a model from the directory of its repository,
// "org/name"; "" for another kind.
func Model(repository string) string {
	name, ok := strings.CutPrefix(path.Base(repository), "models--")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(name, "--", "/")
}

// Look surveys a cache.
func Look(ctx context.Context, t *fact.Target, cache string) Survey {
	var s Survey
	dirs, more := Repositories(t, cache, MaxEntries)
	s.Partial = more
	s.Repositories = len(dirs)
	left := MaxEntries
	for _, dir := range dirs {
		if ctx.Err() != nil || left <= 0 {
			s.Partial = true
			return s
		}
		left -= s.blobs(t, path.Join(dir, "blobs"), left)
	}
	return s
}

// blobs adds the files of one repository and returns how many entries it took.
func (s *Survey) blobs(t *fact.Target, dir string, limit int) int {
	names, more := list(t, dir, limit)
	s.Partial = s.Partial || more
	for _, name := range names {
		file := path.Join(dir, name)
		info, err := t.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s.Files++
		s.Bytes += info.Size()
		if strings.HasSuffix(name, ".incomplete") {
			s.Incomplete = append(s.Incomplete, Incomplete{Path: file, Bytes: info.Size(), Modified: info.ModTime()})
		}
	}
	return len(names)
}

// list returns at most limit names of a directory, sorted, and whether there are
// more.
func list(t *fact.Target, dir string, limit int) (names []string, more bool) {
	info, err := t.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	entries, more, err := t.List(dir, limit)
	if err != nil {
		return nil, !errors.Is(err, fs.ErrPermission)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, more
}
