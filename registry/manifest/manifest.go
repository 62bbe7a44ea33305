// SPDX-License-Identifier: Apache-2.0

// Package manifest is the file that stands beside a plugin's executable and
// says what it is before anything of it runs.
//
// A manifest is one JSON object in a file named manifest.json:
//
//	{
//	  "name": "gpu",
//	  "version": "0.1.0",
//	  "summary": "GPUs, drivers and CUDA toolkits",
//	  "licence": "Apache-2.0",
//	  "protocols": [1],
//	  "executable": "bulkhead-plugin-gpu",
//	  "digest": "sha256:9f86d0...",
//	  "grants": [{"kind": "read", "path": "/sys/module/nvidia", "why": "driver version"}]
//	}
//
// An author writes name, summary, licence and grants; packing fills in version,
// protocols, executable and digest. Unknown keys are errors: a manifest that
// asks for what this version does not understand is refused, not half obeyed.
//
// A grant is a permission that the plugin asks for. Kinds: "read" and "device"
// with a path, "env" with a variable's name (a trailing * matches any rest).
// A path is absolute and clean, with "*" inside a segment as a glob, or begins
// with one of
//
//	~/          the examined user's home directory
//	./          the user's project directory
//	$NAME/      the directory that an environment variable of the examined
//	            process names
//	${process}/ the examined process's directory in /proc
//	${python}   the Python environments that the user named
//
// The host binds exactly the granted paths, read-only, and nothing else.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hashicorp/go-version"
)

// FileName is the name of a manifest's file.
const FileName = "manifest.json"

// maxBytes bounds a manifest's file.
const maxBytes = 1 << 20

// Manifest describes one plugin.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Summary string `json:"summary"`
	Licence string `json:"licence"`
	// Protocols lists the majors of the wire protocol that it serves.
	Protocols []int `json:"protocols,omitempty"`
	// Executable is a plain file name beside the manifest.
	Executable string `json:"executable,omitempty"`
	// Digest of the executable: "sha256:" and 64 lower-case hex digits.
	Digest string  `json:"digest,omitempty"`
	Grants []Grant `json:"grants"`
}

// Grant is one permission.
type Grant struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
	Name string `json:"name,omitempty"`
	// Why tells the person who is asked to consent.
	Why string `json:"why"`
}

// Kinds of grants.
const (
	Read   = "read"
	Device = "device"
	Env    = "env"
)

var (
	namePattern   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	envPattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\*?$`)
	placePattern  = regexp.MustCompile(`^(~|\.|\$[A-Za-z_][A-Za-z0-9_]*|\$\{process\})(/|$)`)
)

// Parse reads and validates a manifest.
func Parse(data []byte) (*Manifest, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("manifest has %d bytes, more than %d", len(data), maxBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("manifest is not valid: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("manifest is not valid: text after the JSON object")
	}
	return &m, m.Validate()
}

// Load reads the manifest in a plugin's directory.
func Load(dir string) (*Manifest, error) {
	name := filepath.Join(dir, FileName)
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading a plugin's manifest: %w", err)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// Encode writes the manifest as its file holds it.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding a manifest: %w", err)
	}
	return append(data, '\n'), nil
}

// Validate checks every field; all faults are named at once.
func (m *Manifest) Validate() error {
	var errs []error
	if !namePattern.MatchString(m.Name) {
		errs = append(errs, fmt.Errorf("name %q: use lower-case letters, digits and dashes, at most 63", m.Name))
	}
	if m.Version != "" {
		if _, err := version.NewSemver(m.Version); err != nil {
			errs = append(errs, fmt.Errorf("version %q is not semantic: use MAJOR.MINOR.PATCH", m.Version))
		}
	}
	if m.Digest != "" && !digestPattern.MatchString(m.Digest) {
		errs = append(errs, fmt.Errorf("digest %q: use sha256: and 64 lower-case hex digits", m.Digest))
	}
	if m.Executable != "" && (m.Executable != filepath.Base(m.Executable) || strings.ContainsAny(m.Executable, `/\`) || m.Executable == "..") {
		errs = append(errs, fmt.Errorf("executable %q: give the name of a file beside the manifest", m.Executable))
	}
	for i, g := range m.Grants {
		if err := g.validate(); err != nil {
			errs = append(errs, fmt.Errorf("grant %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

func (g Grant) validate() error {
	switch g.Kind {
	case Env:
		if !envPattern.MatchString(g.Name) || g.Path != "" {
			return fmt.Errorf("env grant %q: give the name of a variable, with * only at its end", g.Name)
		}
	case Read, Device:
		if g.Name != "" {
			return fmt.Errorf("%s grant has a name %q; give a path", g.Kind, g.Name)
		}
		return validatePath(g.Path)
	default:
		return fmt.Errorf("kind %q: use read, device or env", g.Kind)
	}
	return nil
}

func validatePath(p string) error {
	if p == "${python}" {
		return nil
	}
	rest := p
	if place := placePattern.FindString(p); place != "" {
		rest = "/" + strings.TrimPrefix(p, place)
	}
	if !path.IsAbs(rest) || path.Clean(rest) != rest || strings.ContainsAny(rest, "\x00\n") {
		return fmt.Errorf("path %q: give a clean absolute path, or one that begins with ~/, ./, $NAME/ or ${process}/", p)
	}
	if p == "/" {
		return errors.New(`path "/" would grant the whole machine; name what is read`)
	}
	return nil
}
