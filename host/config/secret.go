// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// SecretSource says where the value of a secret comes from: an environment
// variable of the host or a file, exactly one of them. The value itself is read
// when a plugin is started and is part of no configuration.
type SecretSource struct {
	Name string
	// Env is the name of a variable, or empty.
	Env string
	// File is the zero Path without one.
	File  Path
	Range Range
}

// SecretValue is a value that never shows itself: printed, logged or encoded it
// is a placeholder.
type SecretValue struct{ text string }

// Reveal returns the value, for the plugin that it was granted to.
func (v SecretValue) Reveal() string { return v.text }

// String is a placeholder.
func (v SecretValue) String() string { return "(secret)" }

// GoString is a placeholder.
func (v SecretValue) GoString() string { return "(secret)" }

// MarshalText is a placeholder.
func (v SecretValue) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Read returns the value, without the line end that a file ends with. lookup
// finds variables, as os.LookupEnv does.
func (s SecretSource) Read(lookup func(string) (string, bool)) (SecretValue, error) {
	text, err := s.read(lookup)
	switch {
	case err != nil:
		return SecretValue{}, fmt.Errorf("secret %q (%s): %w", s.Name, s.Range, err)
	case text == "":
		return SecretValue{}, fmt.Errorf("secret %q (%s) is empty; set it, or remove the block", s.Name, s.Range)
	case len(text) > secret.MaxBytes:
		return SecretValue{}, fmt.Errorf("secret %q (%s) is larger than %d bytes; is it the right one", s.Name, s.Range, secret.MaxBytes)
	}
	return SecretValue{text}, nil
}

func (s SecretSource) read(lookup func(string) (string, bool)) (string, error) {
	if s.Env != "" {
		text, ok := lookup(s.Env)
		if !ok {
			return "", fmt.Errorf("the variable %s is not set; set it before the start", s.Env)
		}
		return text, nil
	}
	data, err := regular.ReadFile(s.File.Absolute, secret.MaxBytes+int64(len("\r\n")))
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), err
}

// Secret returns the source of a secret.
func (p *Plugin) Secret(name string) (SecretSource, bool) {
	for _, s := range p.Secrets {
		if s.Name == name {
			return s, true
		}
	}
	return SecretSource{}, false
}

func secretBlock() BlockSchema {
	return BlockSchema{
		Type: "secret", Labels: []string{"name"}, Repeats: true,
		Description: "Where the value of a secret comes from that the plugin asks for. The value stands in no report.",
		Attributes: []AttributeSchema{
			{Name: "env", Type: TypeString, Description: "Variable of the host's environment that holds it."},
			{Name: "file", Type: TypePath, Description: "File that holds it."},
		},
	}
}

// secrets reads the secrets of a plugin.
func (l *loader) secrets(plugin string, blocks hcl.Blocks) []SecretSource {
	var out []SecretSource
	for _, b := range blocks {
		source, ok := l.secretSource(secretBlock(), b)
		if ok && l.declareIn("plugin "+plugin+" ", "secret", source.Name, b.DefRange) {
			out = append(out, source)
		}
	}
	return out
}

// secretSource reads a block that says where a secret comes from.
func (l *loader) secretSource(schema BlockSchema, b *hcl.Block) (SecretSource, bool) {
	s, before := l.section(schema, b), len(l.diags)
	source := SecretSource{Name: b.Labels[0], Env: s.text("env"), File: s.path("file"), Range: rangeOf(b.DefRange)}
	if schema.Type == "secret" {
		if err := secret.CheckName(source.Name); err != nil {
			l.errorf(b.LabelRanges[0], "Invalid name", "%s.", capital(err.Error()))
		}
	}
	if len(l.diags) > before {
		return source, false
	}
	_, hasEnv := s.attrs["env"]
	_, hasFile := s.attrs["file"]
	if hasEnv == hasFile || hasEnv && (source.Env == "" || strings.ContainsAny(source.Env, "=\x00")) {
		l.errorf(b.DefRange, capital(schema.Type)+" without a source", "Say where the value comes from: env = \"NAME\" of a variable, or file = \"PATH\", one of them.")
		return source, false
	}
	return source, true
}
