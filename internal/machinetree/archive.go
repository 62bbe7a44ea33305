// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// Machine is what an archive and its parts make.
type Machine struct {
	// Comment of the archive: what the machine is.
	Comment string
	// Tree of its files, /bulkhead-machine.json among them.
	Tree *Tree
	// Other are the archive's own files that are no recipe, by name.
	Other map[string]Section
}

// Section is one file of an archive.
type Section struct {
	Line int // of its first line in the archive, from 1
	Data []byte
}

// Bounds of archives.
const (
	maxArchiveBytes = 4 << 20
	maxIncludes     = 64
	partsDir        = "parts"
)

// Load reads the archive name of a directory; parts come from its directory
// "parts". A wrong archive is an *Error.
func Load(dir fs.FS, name string) (*Machine, error) {
	b := &builder{dir: dir, tree: NewTree(), machine: elf.EM_X86_64, description: map[string]any{}, python: map[string][]line{}}
	comment, own, err := b.read(name)
	if err != nil {
		return nil, err
	}
	if err := b.archive(own); err != nil {
		return nil, named(err, name)
	}
	if err := b.describe(); err != nil {
		return nil, &Error{File: name, Err: err}
	}
	m := &Machine{Comment: strings.TrimSpace(comment), Tree: b.tree, Other: map[string]Section{}}
	for name, s := range own {
		if !isRecipe(name) {
			m.Other[name] = s
		}
	}
	return m, nil
}

// builder is the state of one Load.
type builder struct {
	dir         fs.FS
	tree        *Tree
	machine     elf.Machine
	description map[string]any
	python      map[string][]line // of python/NAME
	included    []string
}

// named tells which archive a wrong line stands in.
func named(err error, name string) error {
	var e *Error
	if err == nil {
		return nil
	}
	if !errors.As(err, &e) {
		return &Error{File: name, Err: err}
	}
	if e.File == "" {
		e.File = name
	}
	return err
}

// read parses an archive, with the line where each file of it starts.
func (b *builder) read(name string) (string, map[string]Section, error) {
	data, err := readBounded(b.dir, name)
	if err != nil {
		return "", nil, &Error{File: name, Err: err}
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	a := txtar.Parse(data)
	out := map[string]Section{}
	at := bytes.Count(a.Comment, []byte("\n")) + 2
	for _, f := range a.Files {
		if _, twice := out[f.Name]; twice {
			return "", nil, &Error{File: name, Line: at - 1, Err: fmt.Errorf("a second file %.80q", f.Name)}
		}
		out[f.Name] = Section{Line: at, Data: f.Data}
		at += bytes.Count(f.Data, []byte("\n")) + 1
	}
	return string(a.Comment), out, nil
}

func readBounded(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxArchiveBytes {
		return nil, fmt.Errorf("not a file of at most %d MiB", maxArchiveBytes>>20)
	}
	return fs.ReadFile(dir, name)
}

// recipe is what a file of an archive makes.
type recipe struct {
	name string
	make func(*builder, []line) error
}

// recipes in the order in which they are made.
func recipes() []recipe {
	return []recipe{
		{"root.absent", absentRecipe}, {"root.dirs", dirsRecipe}, {"root.links", linksRecipe},
		{"root.elf", elfRecipe}, {"root.hex", hexRecipe}, {"root.base64", base64Recipe},
		{"root.ldcache", cacheRecipe}, {"root.pci", pciRecipe}, {"root.driver", driverRecipe},
		{"root.python", pythonRecipe},
	}
}

// later recipes act on files that stand in the archive.
func later() []recipe {
	return []recipe{{"root.append", appendRecipe}, {"root.modes", modesRecipe}}
}

func isRecipe(name string) bool {
	known := func(r recipe) bool { return r.name == name }
	return slices.ContainsFunc(recipes(), known) || slices.ContainsFunc(later(), known) ||
		slices.Contains([]string{"include", "machine.json", "kernel_log"}, name) ||
		strings.HasPrefix(name, "root/") || strings.HasPrefix(name, "python/")
}

// archive adds one archive to the machine.
func (b *builder) archive(files map[string]Section) error {
	if s, ok := files["include"]; ok {
		if err := b.include(lines(s.Line, s.Data)); err != nil {
			return err
		}
	}
	if err := b.describeMore(files); err != nil {
		return err
	}
	if err := b.addPython(files); err != nil {
		return err
	}
	if err := b.makeAll(recipes(), files); err != nil {
		return err
	}
	if err := b.addFiles(files); err != nil {
		return err
	}
	return b.makeAll(later(), files)
}

func (b *builder) include(ls []line) error {
	for _, l := range ls {
		for _, part := range strings.Fields(l.text) {
			if err := b.part(part); err != nil {
				return l.at(err)
			}
		}
	}
	return nil
}

// part adds a part once, however often it is included.
func (b *builder) part(name string) error {
	if slices.Contains(b.included, name) {
		return nil
	}
	if b.included = append(b.included, name); len(b.included) > maxIncludes {
		return fmt.Errorf("more than %d parts", maxIncludes)
	}
	file := path.Join(partsDir, name+".txtar")
	if !fs.ValidPath(file) || path.Dir(file) != partsDir {
		return fmt.Errorf("%.80q is no name of a part", name)
	}
	_, files, err := b.read(file)
	if err != nil {
		return fmt.Errorf("the part %s: %w", name, reason(err))
	}
	return named(b.archive(files), file)
}

// reason drops the place of an error that the caller's place stands for.
func reason(err error) error {
	var e *Error
	if errors.As(err, &e) && errors.Is(e.Err, os.ErrNotExist) {
		return errors.New("there is none of that name in the directory parts")
	}
	return err
}

func (b *builder) makeAll(list []recipe, files map[string]Section) error {
	for _, r := range list {
		s, ok := files[r.name]
		if !ok {
			continue
		}
		if err := r.make(b, lines(s.Line, s.Data)); err != nil {
			return line{number: s.Line}.at(err)
		}
	}
	return nil
}

// addFiles adds what stands under root/, in order of name.
func (b *builder) addFiles(files map[string]Section) error {
	var names []string
	for name := range files {
		if strings.HasPrefix(name, "root/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if err := b.tree.file(strings.TrimPrefix(name, "root/"), files[name].Data); err != nil {
			return line{number: files[name].Line - 1}.at(err)
		}
	}
	return nil
}

// addPython keeps the lines of python/NAME for `use NAME`.
func (b *builder) addPython(files map[string]Section) error {
	for name, s := range files {
		if short, ok := strings.CutPrefix(name, "python/"); ok {
			b.python[short] = lines(s.Line, s.Data)
		}
	}
	return nil
}
