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
// So are keys in other letters and keys that stand twice in one object, which
// other programs would read in another way.
//
// A plugin in Python has one key more, "runtime": {"python": ">=3.10"}. Its
// executable is then a script, which the interpreter runs, and its digest is
// that of the script.
//
// # Grants
//
// A grant is a permission that the plugin asks for, and "why" tells the person
// who is asked to consent. The kinds:
//
//	read    path     see a file, or a directory with all that is in it
//	write   path     see and change it
//	exec    path     start a program, or those in a directory
//	device  path     use a device node below /dev
//	net     address  connect to one "host:port", through the host's proxy
//	env     name     see a variable of the examined process; a trailing *
//	                 matches any rest
//	secret  name     get a value that the configuration gives under that name
//
// A path is absolute and clean, or begins with one of
//
//	~/          the examined user's home directory
//	./          the user's project directory
//	$NAME/      the directory, or each of the directories, that an environment
//	            variable of the examined process names
//	${process}/ the examined process's directory in /proc
//	${python}   the Python environments that the user named
//	${sink}     the file that a sink of a pipeline names (write only): the plugin
//	            gets it open and not its path, and may make it as large as it gets
//
// The glob characters *, ? and [] match inside one segment. The host binds
// exactly the granted paths and nothing else.
//
// Some things no manifest may ask for, since a consent to them could not be
// given with open eyes: whole systems ("/", "/etc", "~"), other processes, the
// environment and the memory of the examined one, disks, and the right to write
// what the host, the shell or the system will run or obey later.
//
// An address has the form that sdk/network gives it: lower case, international
// names as xn--, IP addresses as short as they can be, the port a number.
//
// [Narrow] takes from grants what a configuration leaves out.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/internal/jsonkeys"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/internal/regular"
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
	Digest string `json:"digest,omitempty"`
	// Runtime is nil for a program that the system runs by itself.
	Runtime *Runtime `json:"runtime,omitempty"`
	Grants  []Grant  `json:"grants"`
}

// Runtime is what an interpreted plugin needs.
type Runtime struct {
	// Python constrains the interpreter's version, for example ">=3.10".
	Python string `json:"python"`
}

var (
	namePattern   = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}$`)
	digestPattern = pattern.Lazy(`^sha256:[0-9a-f]{64}$`)
)

// Parse reads and validates a manifest.
func Parse(data []byte) (*Manifest, error) {
	m, err := ParseKnown(data)
	if err != nil {
		return nil, err
	}
	if err := jsonkeys.Check(data); err != nil {
		return nil, fmt.Errorf("manifest is not valid: %w", err)
	}
	return m, m.Validate()
}

// ParseKnown reads a manifest that was validated before, which the caller knows
// by the digest of data: one that the host was built with.
func ParseKnown(data []byte) (*Manifest, error) {
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
	m.normalise()
	return &m, nil
}

// normalise brings grants that have several spellings into one.
func (m *Manifest) normalise() {
	for i, g := range m.Grants {
		if address, err := canonicalAddress(g.Address); g.Kind == Net && err == nil {
			m.Grants[i].Address = address
		}
	}
}

// ReadFile returns the bytes of a manifest's file. Whoever wrote a plugin's
// directory chose what stands there: a pipe or a device, which would hold the host
// up, and a file without end are refused.
func ReadFile(name string) ([]byte, error) {
	return regular.ReadFile(name, maxBytes)
}

// Load reads the manifest in a plugin's directory.
func Load(dir string) (*Manifest, error) {
	name := filepath.Join(dir, FileName)
	data, err := ReadFile(name)
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

// maxGrants bounds what one plugin may ask for: nobody reads more.
const maxGrants = 1000

// Validate checks every field; all faults are named at once.
func (m *Manifest) Validate() error {
	var errs []error
	if !namePattern().MatchString(m.Name) {
		errs = append(errs, fmt.Errorf("name %q: use lower-case letters, digits and dashes, at most 63", m.Name))
	}
	if m.Version != "" {
		if _, err := version.NewSemver(m.Version); err != nil {
			errs = append(errs, fmt.Errorf("version %q is not semantic: use MAJOR.MINOR.PATCH", m.Version))
		}
	}
	if m.Digest != "" && !digestPattern().MatchString(m.Digest) {
		errs = append(errs, fmt.Errorf("digest %q: use sha256: and 64 lower-case hex digits", m.Digest))
	}
	if m.Executable != "" && (m.Executable != filepath.Base(m.Executable) || strings.ContainsAny(m.Executable, "/\\\x00") || m.Executable == "..") {
		errs = append(errs, fmt.Errorf("executable %q: give the name of a file beside the manifest", m.Executable))
	}
	return errors.Join(append(errs, m.Runtime.validate(), validateGrants(m.Grants))...)
}

func (r *Runtime) validate() error {
	if r == nil {
		return nil
	}
	if _, err := version.NewConstraint(r.Python); err != nil {
		return fmt.Errorf("runtime: python %q: give a constraint on the version, such as \">=3.10\"", r.Python)
	}
	return nil
}

func validateGrants(grants []Grant) error {
	if len(grants) > maxGrants {
		return fmt.Errorf("%d grants: at most %d can be asked for", len(grants), maxGrants)
	}
	var errs []error
	for i, g := range grants {
		if err := g.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("grant %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}
