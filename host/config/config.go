// SPDX-License-Identifier: Apache-2.0

package config

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Config is a configuration whose names all resolve. Slices are in the order
// of the files.
type Config struct {
	Host Host
	// Sandbox is how all plugins are enclosed; see SandboxOf.
	Sandbox    Sandbox
	Registries []*Registry
	Plugins    []*Plugin
	Checks     []*Check
	Requires   []*Require
	Suites     []*Suite
	// Skips are those at top level, which count in every suite.
	Skips   []*Skip
	Waivers []*Waiver
	// Sources, Kernels and Sinks are those at top level that are on, those of
	// modules there among them. Pipelines share them.
	Sources   []*Source
	Kernels   []*Kernel
	Sinks     []*Sink
	Pipelines []*Pipeline
	// Cache bounds what is kept of the work of pipelines.
	Cache Cache
	// Telemetry is nil when nothing is to be told to anybody.
	Telemetry *Telemetry
	// Variables are the declarations; values are in expressions only.
	Variables []*Variable
	// Files are the names of the files that were read, in their order, those of
	// modules last.
	Files []string

	sources sources
}

// Host holds the settings of the process, with defaults filled in.
type Host struct {
	// LogLevel is one of LogLevels.
	LogLevel string
	// Audit is one of AuditModes.
	Audit string
	// Timeout bounds a call to a plugin that has no deadline of its own.
	Timeout time.Duration
	// Cache allows to keep what plugins observed; see package factcache.
	Cache bool
	// PluginDirs are absolute.
	PluginDirs []Path
	// Range of the block; zero when there is none.
	Range Range
}

// Plugin is a declared plugin.
type Plugin struct {
	Name string
	// Source is "builtin/NAME", "installed/NAME", "NAMESPACE/NAME", or the path as
	// it was written.
	Source string
	// ID is the source when it is in a registry, and Registry the name of that;
	// empty when none is declared, so that it is the user's own.
	ID, Registry string
	// Prerelease allows versions such as 2.0.0-rc.1 of the registry.
	Prerelease bool
	// Executable is the absolute path when Source is one, else the zero Path.
	Executable Path
	// Version is a valid constraint, or empty.
	Version string
	// Digest is "sha256:" and 64 lower-case hexadecimal digits, or empty.
	Digest string
	// Grants narrows what the plugin asks for. Nil does not narrow; an empty
	// list that is not nil grants nothing.
	Grants []string
	// GrantRanges are where the elements of Grants stand.
	GrantRanges []Range
	// Timeout of each call; zero means that of the host.
	Timeout time.Duration
	// Sandbox is nil without a block; see Config.SandboxOf.
	Sandbox *Sandbox
	Secrets []SecretSource
	Range   Range
}

// Path is a file that a configuration names.
type Path struct {
	// Absolute path, relative ones being relative to the file that names them.
	Absolute string
	// Written is the path as it stands in the configuration.
	Written string
	Range   Range
}

// Variable is a declared variable.
type Variable struct {
	Name        string
	Description string
	// Type in the notation of the language, for example "list(string)".
	Type      string
	Sensitive bool
	// Required: it has no default.
	Required bool
	Range    Range
}

// Check is policy on one check.
type Check struct {
	// Code as it was written; CanonicalCode finds the plugin's spelling.
	Code    string
	Enabled bool
	// Severity replaces that of the findings; empty leaves it.
	Severity Severity
	// Reason for this policy, possibly empty.
	Reason string
	Range  Range

	config *Body
}

// Settings decodes the config block against what the plugin declares.
func (c *Check) Settings(schema SettingsSchema) (Settings, Diagnostics) {
	return DecodeSettings(c.config, schema)
}

// RefKind is the kind of thing that a reference names.
type RefKind string

// The kinds of references.
const (
	RefSource  RefKind = "source"
	RefKernel  RefKind = "kernel"
	RefAB      RefKind = "ab"
	RefSink    RefKind = "sink"
	RefModule  RefKind = "module"
	RefSuite   RefKind = "suite"
	RefRequire RefKind = "require"
)

// Ref is a resolved reference.
type Ref struct {
	Kind RefKind
	Name string
	// Range is where the reference stands.
	Range Range
}

// String is "kind.name".
func (r Ref) String() string { return string(r.Kind) + "." + r.Name }

// Plugin returns a declared plugin.
func (c *Config) Plugin(name string) (*Plugin, bool) {
	return find(c.Plugins, name, func(p *Plugin) string { return p.Name })
}

// Require returns a requirement.
func (c *Config) Require(name string) (*Require, bool) {
	return find(c.Requires, name, func(r *Require) string { return r.Name })
}

// Suite returns a suite.
func (c *Config) Suite(name string) (*Suite, bool) {
	return find(c.Suites, name, func(s *Suite) string { return s.Name })
}

// Check returns the policy on a code, in whichever spelling.
func (c *Config) Check(code string) (*Check, bool) {
	return find(c.Checks, fold(code), func(k *Check) string { return fold(k.Code) })
}

// At makes a message about a place in the configuration, for findings that
// only the host can make, such as a column that a table does not have.
func (c *Config) At(r Range, severity Severity, summary, detail string) *Diagnostic {
	d := newDiagnostic(severity, r, summary, "%s", detail)
	d.source = c.sources[r.File]
	return d
}

func find[T any](all []*T, name string, nameOf func(*T) string) (*T, bool) {
	for _, v := range all {
		if nameOf(v) == name {
			return v, true
		}
	}
	return nil, false
}

// Body is a config block with the values that its expressions may use. It is
// opaque outside this package.
type Body struct {
	// body is nil when there is no block; at is then the owner's.
	body    hcl.Body
	at      hcl.Range
	scope   *scope
	sources sources
	// schemas is shared by the bodies of a configuration; nil for none.
	schemas *schemaCache
	// decoded is what DecodeSettings came to last.
	decoded atomic.Pointer[decoded]
}
