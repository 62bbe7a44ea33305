// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Header says where a state comes from. Kernel and Version are required.
type Header struct {
	// Kernel with its plugin: "algorithms.ridge".
	Kernel string `json:"kernel"`
	// Version of the kernel's state, from 1. It is not the version of the plugin.
	Version int `json:"version"`
	// Plugin is the version of the plugin, such as "0.2.0".
	Plugin string `json:"plugin,omitempty"`
	// ConfigDigest of the settings: "sha256:" and 64 lower-case digits.
	ConfigDigest string `json:"config_digest,omitempty"`
	// Input are the columns that were learned from; see Columns.
	Input []Column `json:"input,omitempty"`
	// Seed of every random choice.
	Seed uint64 `json:"seed,string"`
	// Metrics of the fit; all are finite.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	// Parent is the digest of the state that this one goes on from; see
	// State.Digest.
	Parent string `json:"parent,omitempty"`
}

// Column is a column of an input.
type Column struct {
	Name     string `json:"name"`
	Nullable bool   `json:"nullable,omitempty"`
	// Role as in package table: "target", "id", "weight"; empty for a feature.
	Role string `json:"role,omitempty"`
	// Type as Arrow spells it: "float64", "utf8", "timestamp[us, tz=UTC]".
	Type string `json:"type"`
}

// Columns describes a schema.
func Columns(schema *arrow.Schema) []Column {
	out := make([]Column, 0, schema.NumFields())
	for _, f := range schema.Fields() {
		out = append(out, Column{Name: f.Name, Type: f.Type.String(), Nullable: f.Nullable, Role: table.Role(f)})
	}
	return out
}

// maxName bounds the bytes of names.
const maxName = 256

// clone shares nothing with h.
func (h Header) clone() Header {
	h.Input, h.Metrics = slices.Clone(h.Input), maps.Clone(h.Metrics)
	return h
}

// check says what is wrong with a header, or nothing.
func (h Header) check() error {
	if reason := badName(h.Kernel); reason != "" {
		return fmt.Errorf("the name of the kernel %s", reason)
	}
	if h.Version < 1 || h.Version > math.MaxInt32 {
		return fmt.Errorf("the version %d is not between 1 and %d", h.Version, math.MaxInt32)
	}
	if h.Plugin != "" && badName(h.Plugin) != "" {
		return fmt.Errorf("the version of the plugin %s", badName(h.Plugin))
	}
	for what, d := range map[string]string{"config_digest": h.ConfigDigest, "parent": h.Parent} {
		if d != "" && !isDigest(d) {
			return fmt.Errorf("%s %q is not sha256: and 64 lower-case hexadecimal digits", what, d)
		}
	}
	return h.checkLists()
}

func (h Header) checkLists() error {
	for i, c := range h.Input {
		if !utf8.ValidString(c.Name) || !utf8.ValidString(c.Role) || c.Type == "" || !utf8.ValidString(c.Type) {
			return fmt.Errorf("input column %d is not named and typed in UTF-8", i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Metrics)) {
		if reason := badName(name); reason != "" {
			return fmt.Errorf("the metric %q: its name %s", name, reason)
		}
		if v := h.Metrics[name]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("the metric %s is %v; leave out what is not finite, or keep it in an array", name, v)
		}
	}
	return nil
}

// badName says what is wrong with a name, or "".
func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has more than %d bytes", maxName)
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "has control characters"
	}
	return ""
}

const digestPrefix = "sha256:"

// isDigest reports whether s is "sha256:" and 64 lower-case hexadecimal digits.
func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}
