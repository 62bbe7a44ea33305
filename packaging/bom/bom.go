// SPDX-License-Identifier: Apache-2.0

// Package bom makes the bill of materials of one file of a release: what is in it,
// by digest, and which libraries each executable was built from.
//
// The libraries are read from the executables themselves, where Go's linker wrote
// them, so that the bill cannot say other than the build did. That holds for the
// plugins too, which lie compressed inside of the host, where no general tool
// would look.
//
// A bill is written in two forms, SPDX 2.3 and CycloneDX 1.6, both as JSON. It
// holds nothing that differs between two builds of the same source: identifiers
// are made of digests, the time is SOURCE_DATE_EPOCH.
package bom

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Bill is what a file of a release contains.
type Bill struct {
	Name    string // of the file
	Digest  string // SHA-256 of the file, in hex
	Version string // of Bulkhead
	Time    time.Time
	Parts   []Executable
}

// Executable is a program in the file.
type Executable struct {
	Name    string
	Digest  string // SHA-256, in hex
	Go      string // version of the compiler and the standard library, such as 1.26.8
	Cgo     bool   // whether a C compiler had a part in it, which Modules do not name yet
	Modules []Module
}

// Module is a library of an executable.
type Module struct {
	Path, Version string
	Licence       string // SPDX expression
	// Project is the project on PyPI that a part comes from which is no module
	// of Go; "" for a module of Go.
	Project string
}

// URL is the package URL of the library, see github.com/package-url/purl-spec.
func (m Module) URL() string {
	switch {
	case m.Project == "":
		return "pkg:golang/" + strings.ToLower(m.Path) + "@" + m.Version
	case m.Project == m.Path:
		return "pkg:pypi/" + m.Path + "@" + m.Version
	}
	return "pkg:pypi/" + m.Project + "@" + m.Version + "#" + m.Path
}

// Licences gives the SPDX expression of a library.
type Licences func(path, version string) (string, error)

// File describes an executable on disk.
func File(name string, licences Licences) (Executable, error) {
	f, err := os.Open(name)
	if err != nil {
		return Executable{}, err
	}
	defer f.Close()
	return Read(filepath.Base(name), f, licences)
}

// Content is a file as Read needs it.
type Content interface {
	io.Reader
	io.ReaderAt
}

// Read describes an executable.
func Read(name string, content Content, licences Licences) (Executable, error) {
	info, err := buildinfo.Read(content)
	if err != nil {
		return Executable{}, fmt.Errorf("%s: %w", name, err)
	}
	digest, err := Digest(content)
	if err != nil {
		return Executable{}, err
	}
	e := Executable{Name: name, Digest: digest, Go: strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")}
	e.Cgo = slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		licence, err := licences(m.Path, m.Version)
		if err != nil {
			return Executable{}, fmt.Errorf("%s: %w", name, err)
		}
		e.Modules = append(e.Modules, Module{Path: m.Path, Version: m.Version, Licence: licence})
	}
	e.Modules = append(e.Modules, Module{Path: "stdlib", Version: e.Go, Licence: "BSD-3-Clause"})
	return e, nil
}

// Digest is the SHA-256 of what is left to read, in hex.
func Digest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// modules are the libraries of all parts, once each, in order.
func (b Bill) modules() []Module {
	var out []Module
	for _, p := range b.Parts {
		out = append(out, p.Modules...)
	}
	slices.SortFunc(out, func(a, c Module) int { return strings.Compare(a.URL(), c.URL()) })
	return slices.Compact(out)
}

// stamp is the time of the bill as both forms write it.
func (b Bill) stamp() string { return b.Time.UTC().Format(time.RFC3339) }

// self is Bulkhead's own package URL.
func (b Bill) self() string { return "pkg:golang/github.com/bulkhead-ml/bulkhead@v" + b.Version }

const (
	supplier = "The Bulkhead authors"
	own      = "Apache-2.0"
	tool     = "bulkhead-mkbom"
)
