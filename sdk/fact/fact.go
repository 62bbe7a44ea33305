// SPDX-License-Identifier: Apache-2.0

// Package fact is for plugins that observe a machine and for those that read
// the observations.
//
// A Fact is a typed, addressed observation with its evidence. An address is
// dotted words, with an instance key in brackets where there are several of a
// kind: "gpu.driver.version", "python.env[/opt/venv].version". In a key "%"
// and "]" are written "%25" and "%5D". A value is one JSON value; sizes are in
// bytes and durations in seconds.
//
// There are three states: a fact that is there, a fact that is there but
// unknown (with the reason: permission denied, a format that is not
// understood), and no fact at all (the thing was looked for and is absent, or
// was not looked for). A collector never guesses and never judges.
//
// # Inputs
//
// A host may keep the facts of a plugin and use them again as long as nothing
// that they depend on has changed. What they depend on is not declared but
// recorded: every look at a Target leaves an Input, also one that found nothing.
// An input of a file is its identity (device, inode, size, times of the last
// changes of content and inode), of a link its text, and below /proc and /sys,
// where nothing has times, the content itself. A directory that was only passed
// through counts by its type alone.
//
// Facts are kept only when every collector of the plugin has a TTL, no look was
// of a kind that cannot be repeated, and nothing changed during the collection.
package fact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Fact is one observation.
type Fact struct {
	Address string `json:"address"`
	// Value is JSON; nil when the value is unknown.
	Value json.RawMessage `json:"value,omitempty"`
	// Unknown says why the value could not be read; empty when it is known.
	Unknown  string     `json:"unknown,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence says where an observation comes from.
type Evidence struct {
	// Fact is the address of the fact; set where evidence stands in a finding.
	Fact string `json:"fact,omitempty"`
	// Path is a file on the examined machine.
	Path string `json:"path,omitempty"`
	// Line counts from 1; 0 means the whole file.
	Line int `json:"line,omitempty"`
	// Call names a system or library call: "statfs", "nvmlDeviceGetName".
	Call string `json:"call,omitempty"`
	// Value is the text that was seen, on one line.
	Value string `json:"value,omitempty"`
}

// File is evidence from a file; line 0 means the whole of it.
func File(path string, line int, value string) Evidence {
	return Evidence{Path: path, Line: line, Value: oneLine(value)}
}

// Call is evidence from a system or library call.
func Call(call, value string) Evidence {
	return Evidence{Call: call, Value: oneLine(value)}
}

// At builds the address of a fact about one instance:
// At("python.env", "/opt/venv", "version") is "python.env[/opt/venv].version".
// An empty field gives the instance itself. Bytes of a key that are not UTF-8
// become U+FFFD on the wire.
func At(group, key, field string) string {
	address := group + "[" + keyEscaper.Replace(key) + "]"
	if field == "" {
		return address
	}
	return address + "." + field
}

var (
	keyEscaper   = strings.NewReplacer("%", "%25", "]", "%5D")
	keyUnescaper = strings.NewReplacer("%25", "%", "%5D", "]")
)

// maxEvidenceValue bounds the quoted text in evidence, in bytes.
const maxEvidenceValue = 200

func oneLine(s string) string {
	s = text(strings.Join(strings.Fields(s), " "))
	if len(s) > maxEvidenceValue {
		s = strings.ToValidUTF8(s[:maxEvidenceValue], "") + "..."
	}
	return s
}

// text makes what was read from a foreign file fit for the wire, which carries
// UTF-8 only: other bytes become U+FFFD.
func text(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// marshal encodes a value without escaping <, > and &, which stand in
// requirements and would only hurt the reader.
func marshal(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encoding a fact: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ToProto converts facts for the wire.
func ToProto(facts []Fact) []*pluginv1.Fact {
	out := make([]*pluginv1.Fact, 0, len(facts))
	for _, f := range facts {
		out = append(out, &pluginv1.Fact{
			Address:   text(f.Address),
			ValueJson: f.Value,
			Unknown:   text(f.Unknown),
			Evidence:  EvidenceToProto(f.Evidence),
		})
	}
	return out
}

// FromProto converts facts from the wire. A fact without an address, with a
// value that is not JSON, or with neither value nor reason is an error.
func FromProto(facts []*pluginv1.Fact) ([]Fact, error) {
	out := make([]Fact, 0, len(facts))
	for _, f := range facts {
		if f.GetAddress() == "" {
			return nil, fmt.Errorf("a fact has no address")
		}
		if f.GetUnknown() == "" && !json.Valid(f.GetValueJson()) {
			return nil, fmt.Errorf("fact %s has neither a JSON value nor a reason", f.GetAddress())
		}
		out = append(out, Fact{
			Address:  f.GetAddress(),
			Value:    f.GetValueJson(),
			Unknown:  f.GetUnknown(),
			Evidence: EvidenceFromProto(f.GetEvidence()),
		})
	}
	return out, nil
}

// EvidenceToProto converts evidence for the wire.
func EvidenceToProto(es []Evidence) []*pluginv1.Evidence {
	out := make([]*pluginv1.Evidence, 0, len(es))
	for _, e := range es {
		out = append(out, &pluginv1.Evidence{
			Fact: text(e.Fact), Path: text(e.Path), Line: int32(e.Line), Call: text(e.Call), Value: text(e.Value),
		})
	}
	return out
}

// EvidenceFromProto converts evidence from the wire.
func EvidenceFromProto(es []*pluginv1.Evidence) []Evidence {
	var out []Evidence
	for _, e := range es {
		out = append(out, Evidence{
			Fact: e.GetFact(), Path: e.GetPath(), Line: int(e.GetLine()), Call: e.GetCall(), Value: e.GetValue(),
		})
	}
	return out
}
