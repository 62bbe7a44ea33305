// SPDX-License-Identifier: Apache-2.0

// Package release is the signed description of one version of a plugin, as a
// registry's metadata carry it.
//
// A plugin in a registry is named NAMESPACE/NAME. A release is the plugin in one
// version for all its platforms; it is described by one JSON document, in its
// canonical form (Encode) the target
//
//	plugins/NAMESPACE/NAME/VERSION/release.json
//
// of the publisher's delegated role, and it is the field "release" in that
// target's custom data too, so that a client that has the metadata knows every
// release without another download. The archive of a platform is the target
//
//	plugins/NAMESPACE/NAME/VERSION/PLATFORM.tar.zst
//
// PLATFORM is GOOS_GOARCH, as in linux_amd64, or "any" for a plugin without
// machine code.
//
// # Names and versions
//
// A namespace is up to 39 lower-case letters, digits and dashes, a letter first,
// and none of root, targets, snapshot, timestamp, builtin and any; a name is the
// same with up to 63, and no such exceptions. A version is MAJOR.MINOR.PATCH or
// MAJOR.MINOR.PATCH-PRERELEASE of Semantic Versioning 2.0.0, without build metadata
// and in lower case ([CheckVersion]).
//
// # Canonical form
//
// What is signed and logged is what Encode writes: the JSON of a [Release] in the
// order of its fields, maps sorted by key, optional fields left out when empty,
// without spaces, escapes for HTML or a newline at the end. Parse takes other
// spellings of the same JSON; it refuses unknown keys, text after the object, more
// than [MaxDocument] bytes and whatever Validate refuses.
//
// The bounds of each field, and documents that must be taken and refused, are
// published in testdata/vectors/release.
//
// # Yanked
//
// A release never changes. That it was yanked stands beside it, in the field
// "yanked" of the custom data.
package release

import (
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// ID names a plugin in a registry.
type ID struct {
	Namespace string // of the publisher: "acme"
	Name      string // as in the plugin's manifest: "scaler"
}

// Release is one version of a plugin.
type Release struct {
	ID       string `json:"id"` // "acme/scaler"
	Version  string `json:"version"`
	Summary  string `json:"summary"`
	Licence  string `json:"licence"`
	Homepage string `json:"homepage,omitempty"` // an https address
	Changes  string `json:"changes,omitempty"`  // what is new, plain text
	// Protocols lists the majors of the wire protocol that it serves.
	Protocols []int `json:"protocols"`
	// MinHost is the oldest version of Bulkhead that runs it; empty is any.
	MinHost string `json:"min_host,omitempty"`
	// Grants it asks for, as its manifest does.
	Grants     []manifest.Grant `json:"grants"`
	Collectors []string         `json:"collectors,omitempty"`
	Checks     []string         `json:"checks,omitempty"`
	Kernels    []Kernel         `json:"kernels,omitempty"`
	// Platforms by GOOS_GOARCH or "any".
	Platforms map[string]Platform `json:"platforms"`
	Published time.Time           `json:"published"` // UTC, whole seconds
}

// Kernel is one kernel of a release.
type Kernel struct {
	Name        string `json:"name"`
	Compartment string `json:"compartment"`
	// StateVersion is that of the states it makes, MinStateVersion the oldest it
	// loads; both 0 when it does not fit.
	StateVersion    uint32 `json:"state_version,omitempty"`
	MinStateVersion uint32 `json:"min_state_version,omitempty"`
}

// Platform is what a release has for one platform.
type Platform struct {
	H1         string `json:"h1"`         // "h1:...", of the unpacked files: golang.org/x/mod/sumdb/dirhash.Hash1
	Executable string `json:"executable"` // "sha256:..." of the executable, as the manifest in the archive says
	Archive    string `json:"archive"`    // "sha256:..." of the archive
	Bytes      int64  `json:"bytes"`      // of the archive
	Unpacked   int64  `json:"unpacked"`   // bytes of all files
}

// Yanked says why a release should not be used any more. Locks that name it keep
// working; no new one will.
type Yanked struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Known is a release as a client learnt of it.
type Known struct {
	Release
	Registry string // the name of the registry
	Yanked   *Yanked
}
