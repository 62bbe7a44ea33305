// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestJSONRoundTrip reads back what was written.
func TestJSONRoundTrip(t *testing.T) {
	want := sick()
	var got Doctor
	if err := json.Unmarshal(asJSON(t, want), &got); err != nil {
		t.Fatal(err)
	}
	emptyIsNil := cmp.Transformer("empty", func(s []string) []string {
		if len(s) == 0 {
			return nil
		}
		return s
	})
	if diff := cmp.Diff(want.Summary, got.Summary); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want.RootCauses, got.RootCauses, emptyIsNil); diff != "" {
		t.Error(diff)
	}
	if got.Findings[0].Title != want.Findings[0].Title || len(got.Findings) != len(want.Findings) || !got.StartedAt.Equal(when) {
		t.Errorf("got %+v", got)
	}
}

// TestWriteJSONLeavesItsValueAlone: lists are filled in on a copy.
func TestWriteJSONLeavesItsValueAlone(t *testing.T) {
	d, r, f := sick(), ran(), observed()
	asJSON(t, d)
	asJSON(t, r)
	asJSON(t, f)
	if diff := cmp.Diff(sick(), d); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ran(), r); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(observed(), f); diff != "" {
		t.Error(diff)
	}
}

// TestEveryStringSurvivesJSON: escapes change the document, not the values.
func TestEveryStringSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.OneOf(
			rapid.String(),
			rapid.StringOf(rapid.SampledFrom([]rune("a\"\\\x00\x1b\x7f\u0085\u009b\u200b\u2028\u202e\ufeff\U000e0041<>&漢🚀\n\t"))),
		).Draw(rt, "string")
		data := asJSON(rt, Failure{Error: ErrorInfo{Summary: s}})
		if !utf8.Valid(data) {
			rt.Fatal("not UTF-8")
		}
		harmless(rt, "failure", string(data))
		var back Failure
		if err := json.Unmarshal(data, &back); err != nil {
			rt.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); back.Error.Summary != want {
			rt.Fatalf("%q became %q", want, back.Error.Summary)
		}
	})
}

func TestMarkupIsNotEscaped(t *testing.T) {
	data := asJSON(t, Failure{Error: ErrorInfo{Summary: "torch>=2.4,<3 & more"}})
	if !strings.Contains(string(data), `"torch>=2.4,<3 & more"`) {
		t.Errorf("a requirement is unreadable:\n%s", data)
	}
}

func TestCanonicalValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		" 1 ":                      "1",
		"{ \"a\" : [ 1,\n 2 ] }":   `{"a":[1,2]}`,
		"\"a  b\"":                 `"a  b"`,
		"\"\u009b2J\u202e\"":       `"\u009b2J\u202e"`,
		"\"\U000e0041\"":           `"\udb40\udc41"`,
		`"\u009b"`:                 `"\u009b"`,
		"not JSON":                 "not JSON",
		`{"z":1,"a":1.50,"e":1e3}`: `{"z":1,"a":1.50,"e":1e3}`,
	} {
		if got := string(CanonicalValue(json.RawMessage(in))); got != want {
			t.Errorf("CanonicalValue(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCanonicalValueIsStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(rt, "value")
		raw, err := json.MarshalIndent(v, " ", "\t")
		if err != nil {
			rt.Fatal(err)
		}
		once := CanonicalValue(raw)
		if again := CanonicalValue(once); !bytes.Equal(once, again) {
			rt.Fatalf("%q, then %q", once, again)
		}
		var back map[string][]string
		if err := json.Unmarshal(once, &back); err != nil {
			rt.Fatal(err)
		}
		for key, list := range v {
			if len(list) != len(back[key]) {
				rt.Fatalf("%q lost values", key)
			}
		}
	})
}

func TestNotANumberIsAnError(t *testing.T) {
	var b bytes.Buffer
	err := Doctor{DurationMS: math.NaN()}.WriteJSON(&b)
	if err == nil || !strings.Contains(err.Error(), "encoding the diagnosis") || b.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, b.Len())
	}
}

func TestFactsAreSortedAndUnique(t *testing.T) {
	data := asJSON(t, Facts{CollectedAt: when, Facts: []fact.Fact{
		{Address: "b", Value: json.RawMessage("1")}, {Address: "a", Value: json.RawMessage("1")}, {Address: "b", Value: json.RawMessage("2")},
	}})
	got, err := ReadSnapshot(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := []fact.Fact{{Address: "a", Value: json.RawMessage("1")}, {Address: "b", Value: json.RawMessage("2")}}
	if diff := cmp.Diff(want, got.Facts); diff != "" {
		t.Error(diff)
	}
}

func TestShortFormForPreflight(t *testing.T) {
	d := sick()
	short := d.Short("training_box")
	if short.Suite != "training_box" || short.Summary != d.Summary || len(short.Areas) != len(d.Areas) || len(short.RootCauses) != 2 {
		t.Errorf("got %+v", short)
	}
	if empty := (Doctor{}).Short("s"); empty.Areas == nil || empty.RootCauses == nil {
		t.Error("lists are null")
	}
}

func TestFactsText(t *testing.T) {
	long := json.RawMessage(`"` + strings.Repeat("long ", 20) + `"`)
	f := Facts{Facts: []fact.Fact{
		{Address: "z.last", Value: json.RawMessage("1")},
		{Address: "a.long", Value: long, Evidence: []fact.Evidence{{Path: "/etc/x", Line: 2, Value: "seen"}, {Call: "statfs"}}},
		{Address: "b.unknown", Unknown: "permission denied"},
		{Address: "c[" + strings.Repeat("/very/deep", 9) + "].x", Value: json.RawMessage(`true`)},
	}}
	for _, tt := range []struct {
		what string
		opt  Options
		want string
	}{
		{"terse", Options{Width: 40}, `a.long = "long long long long long lo...
b.unknown ? permission denied
c[/very/d...ry/deep/very/deep].x = true
z.last = 1
`},
		{"verbose", Options{Width: 40, Verbose: true}, `a.long =
  "long long long long long long long
  long long long long long long long
  long long long long long long "
    /etc/x:2  seen
    statfs
b.unknown ? permission denied
c[/very/d...ry/deep/very/deep].x = true
z.last = 1
`},
	} {
		t.Run(tt.what, func(t *testing.T) { same(t, tt.want, asText(t, f, tt.opt)) })
	}
	if got := (Facts{}).String(); got != "0 facts of this machine" {
		t.Errorf("got %q", got)
	}
}
