// SPDX-License-Identifier: Apache-2.0

// Package staging puts together what the archive of a plugin holds, from what a
// build left in a directory.
//
// The directory has one of two layouts. In the first it is the plugin itself:
//
//	manifest.json   as the author wrote it
//	EXECUTABLE
//	...             further files
//
// In the second it holds the plugin for several platforms, each in a directory
// that is named after its platform (linux_amd64, or any for a plugin without
// machine code):
//
//	manifest.json           unless every platform has its own
//	LICENSE                 goes into every archive
//	linux_amd64/EXECUTABLE
//	windows_amd64/EXECUTABLE.exe
//
// What stands in a platform's directory goes before what stands beside it under
// the same name.
//
// The executable is the file that the manifest names, or the one that is called as
// the plugin or bulkhead-plugin-NAME, each with or without ".exe". Stage copies all
// files, without the names that package archive leaves out, and completes the
// manifest; nothing in the directory itself changes. Links and special files are
// refused: an archive holds none.
package staging

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Source is a plugin for one platform in a directory.
type Source struct {
	// Platform is GOOS_GOARCH or "any".
	Platform string
	// Dir holds the files of the platform.
	Dir string
	// Beside holds files of all platforms; "" when Dir is all.
	Beside string
}

// Find lists the plugins in a directory, by platform. In the first layout the
// platform is the one that is given; with "" it is "any" for a plugin that an
// interpreter runs, and that of this program otherwise.
func Find(dir, platform string) ([]Source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []Source
	for _, e := range entries {
		if e.IsDir() && release.CheckPlatform(e.Name()) == nil {
			found = append(found, Source{Platform: e.Name(), Dir: filepath.Join(dir, e.Name()), Beside: dir})
		}
	}
	if len(found) > 0 {
		return only(found, dir, platform)
	}
	if platform == "" {
		m, err := manifest.Load(dir)
		if err != nil {
			return nil, err
		}
		platform = release.Host()
		if m.Runtime != nil {
			platform = release.Any
		}
	}
	return []Source{{Platform: platform, Dir: dir}}, nil
}

// only keeps the platform that was asked for.
func only(found []Source, dir, platform string) ([]Source, error) {
	if platform == "" {
		return found, nil
	}
	i := slices.IndexFunc(found, func(s Source) bool { return s.Platform == platform })
	if i < 0 {
		return nil, fmt.Errorf("%s holds nothing for %s; it has %s", dir, platform, strings.Join(Platforms(found), ", "))
	}
	return found[i : i+1], nil
}

// Platforms names the platforms of plugins.
func Platforms(sources []Source) []string {
	var out []string
	for _, s := range sources {
		out = append(out, s.Platform)
	}
	return out
}

// Staged is a plugin that is ready to be packed.
type Staged struct {
	Manifest *manifest.Manifest
	// Executable is its path in the staging directory.
	Executable string
	// LeftOut are the files and directories that no archive holds, by their names
	// with slashes below the source's directories, sorted.
	LeftOut []string
}

// Stage copies the plugin to an empty directory and completes its manifest; a
// version that is not empty replaces the author's.
func (s Source) Stage(to, version string) (*Staged, error) {
	m, err := s.manifest()
	if err != nil {
		return nil, err
	}
	leftOut, err := s.copyTo(to)
	if err != nil {
		return nil, err
	}
	name, err := executable(to, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Dir, err)
	}
	if err := os.Chmod(name, 0o755); err != nil {
		return nil, err
	}
	if err := m.Stamp(name, version); err != nil {
		return nil, err
	}
	data, err := m.Encode()
	if err != nil {
		return nil, err
	}
	return &Staged{m, name, leftOut}, os.WriteFile(filepath.Join(to, manifest.FileName), data, 0o644)
}

// copyTo copies what an archive holds, and lists what it does not.
func (s Source) copyTo(to string) ([]string, error) {
	var leftOut []string
	for _, from := range []string{s.Beside, s.Dir} {
		if from == "" {
			continue
		}
		names, err := copyTree(from, to, from == s.Beside)
		if err != nil {
			return nil, err
		}
		leftOut = append(leftOut, names...)
	}
	slices.Sort(leftOut)
	return slices.Compact(leftOut), nil
}

// manifest is that of the platform, or else the one beside it.
func (s Source) manifest() (*manifest.Manifest, error) {
	m, err := manifest.Load(s.Dir)
	if errors.Is(err, fs.ErrNotExist) && s.Beside != "" {
		return manifest.Load(s.Beside)
	}
	return m, err
}

// executable finds the program of a plugin.
func executable(dir string, m *manifest.Manifest) (string, error) {
	var tried []string
	for _, name := range []string{m.Executable, m.Name, "bulkhead-plugin-" + m.Name} {
		for _, extension := range []string{"", ".exe"} {
			if name == "" || slices.Contains(tried, name+extension) {
				continue
			}
			tried = append(tried, name+extension)
			full := filepath.Join(dir, name+extension)
			if info, err := os.Lstat(full); err == nil && info.Mode().IsRegular() {
				return full, nil
			}
		}
	}
	return "", fmt.Errorf("the executable is not there; it would be %s. Build the plugin first, or name the executable in %s", strings.Join(tried, " or "), manifest.FileName)
}

// copyTree copies the files of a directory, and with beside not the directories of
// platforms in it. It lists the names that no archive holds.
func copyTree(from, to string, beside bool) (leftOut []string, err error) {
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == from {
			return err
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__":
			leftOut = append(leftOut, filepath.ToSlash(below))
			return skip(e)
		case beside && e.IsDir() && below == e.Name() && release.CheckPlatform(e.Name()) == nil:
			return skip(e)
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, below), 0o755)
		case !e.Type().IsRegular():
			return fmt.Errorf("%s is no regular file, and an archive holds nothing else; put a copy there", name)
		}
		return copyFile(name, filepath.Join(to, below))
	})
	return leftOut, err
}

func skip(e fs.DirEntry) error {
	if e.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// copyFile copies content and the right to execute.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Chmod(info.Mode().Perm()|0o600), dst.Close())
}
