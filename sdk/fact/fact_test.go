// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestInstances(t *testing.T) {
	keys := []string{"/opt/venv", "a]b", "100%", "x.y"}
	var r Recorder
	for _, k := range keys {
		r.Add(At("python.env", k, "version"), k)
	}
	r.Add("python.envs", 4)
	s := NewSet(r.Facts())
	got := s.Instances("python.env")
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("Instances = %q, want %q", got, keys)
	}
	for _, k := range keys {
		if s.String(At("python.env", k, "version")) != k {
			t.Errorf("instance %q does not come back", k)
		}
	}
}

func TestThreeStates(t *testing.T) {
	var r Recorder
	r.Add("a", 5)
	r.Unknown("b", "permission denied")
	r.Add("c", math.NaN())
	s := NewSet(r.Facts())
	if n, ok := s.Int("a"); !ok || n != 5 {
		t.Errorf("a = %d, %v", n, ok)
	}
	if _, ok := s.Int("b"); ok || s.Known("b") {
		t.Error("an unknown fact has a value")
	}
	if f, ok := s.Lookup("c"); !ok || f.Unknown == "" {
		t.Error("a value that JSON cannot hold is not unknown")
	}
	if _, ok := Get[string](s, "a"); ok {
		t.Error("a number reads as a string")
	}
	if s.Known("d") {
		t.Error("an absent fact is known")
	}
}

func TestEvidenceNamesItsFact(t *testing.T) {
	var r Recorder
	r.Add("a", "x", File("/etc/a", 3, "multi\nline   text"))
	r.Add("b", 7)
	got := NewSet(r.Facts()).Evidence("a", "b", "none")
	want := []Evidence{{Fact: "a", Path: "/etc/a", Line: 3, Value: "multi line text"}, {Fact: "b", Value: "7"}}
	if !slices.Equal(got, want) {
		t.Errorf("Evidence = %+v", got)
	}
}

func TestObserveSurvivesItsCollectors(t *testing.T) {
	good := Collector{Name: "good", Collect: func(_ context.Context, _ *Target, r *Recorder) error {
		r.Add("good", true)
		return nil
	}}
	bad := Collector{Name: "bad", Collect: func(context.Context, *Target, *Recorder) error { panic("oops") }}
	failing := Collector{Name: "failing", Collect: func(context.Context, *Target, *Recorder) error { return errors.New("no disk") }}
	facts, diags := Observe(t.Context(), &Target{}, bad, good, failing)
	if len(facts) != 1 || facts[0].Address != "good" {
		t.Errorf("facts = %v", facts)
	}
	if len(diags) != 2 || !strings.Contains(diags[0].Detail, "panic: oops") || !strings.Contains(diags[1].Detail, "no disk") {
		t.Errorf("diagnostics = %v", diags)
	}
}

func TestFromProtoRefusesNonsense(t *testing.T) {
	for name, f := range map[string]*pluginv1.Fact{
		"no address": {ValueJson: []byte("1")},
		"no value":   {Address: "a"},
		"not JSON":   {Address: "a", ValueJson: []byte("{")},
	} {
		if _, err := FromProto([]*pluginv1.Fact{f}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzFactRoundTrip(f *testing.F) {
	f.Add("python.env", "/opt/venv", "version", `"3.11"`)
	f.Fuzz(func(t *testing.T, group, key, field, value string) {
		if !utf8.ValidString(group) || !utf8.ValidString(key) || !utf8.ValidString(field) { // the wire carries UTF-8 only
			t.Skip()
		}
		if !json.Valid([]byte(value)) || group == "" || strings.ContainsAny(group, "[]") {
			t.Skip()
		}
		in := []Fact{{Address: At(group, key, field), Value: json.RawMessage(value)}}
		out, err := FromProto(ToProto(in))
		if err != nil || string(out[0].Value) != value {
			t.Fatalf("round trip: %v, %v", out, err)
		}
		if got := NewSet(out).Instances(group); len(got) != 1 || got[0] != key {
			t.Fatalf("key %q reads as %q", key, got)
		}
	})
}
