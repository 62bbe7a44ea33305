// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestSnapshotRoundTrip(t *testing.T) {
	want := observed()
	got, err := ReadSnapshot(bytes.NewReader(asJSON(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	compact := cmp.Transformer("compact", func(raw json.RawMessage) string {
		var b bytes.Buffer
		if json.Compact(&b, raw) != nil {
			return string(raw)
		}
		return b.String()
	})
	if diff := cmp.Diff(want, got, compact); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// TestSnapshotKeepsHostileValues: escapes for the terminal are no change.
func TestSnapshotKeepsHostileValues(t *testing.T) {
	value := "\u009b2J\u202e\x1b[31m\U000e0041"
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc := asJSON(t, Facts{CollectedAt: when, Facts: []fact.Fact{{Address: "a.b", Value: data}}})
	if Clean(string(doc)) != string(doc) {
		t.Errorf("the document holds what a terminal obeys: %q", doc)
	}
	got, err := ReadSnapshot(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Set().String("a.b"); s != value {
		t.Errorf("%q became %q", value, s)
	}
}

func TestReadSnapshotRefuses(t *testing.T) {
	doc := func(facts string) string {
		return `{"schema_version":"1.0","tool":{"name":"b","version":"1"},"target":{"kind":"machine"},"collected_at":"2026-11-05T08:30:00Z","facts":` + facts + `,"diagnostics":[]}`
	}
	for _, tt := range []struct{ what, in, want string }{
		{"nothing", "", "ends too early"},
		{"half", `{"schema_version":"1.0","facts":[`, "ends too early"},
		{"no JSON", "\n\nhello", "line 3: it is not JSON"},
		{"a list", "[]", "a JSON array cannot stand here"},
		{"no version", `{"facts":[]}`, "schema_version: it is missing"},
		{"another major", `{"schema_version":"2.0","facts":[]}`, `version "2.0" is not one`},
		{"a version that is none", `{"schema_version":"one","facts":[]}`, `version "one" is not one`},
		{"a diagnosis", `{"schema_version":"1.0","findings":[],"facts":[]}`, "report of a diagnosis"},
		{"no facts", `{"schema_version":"1.0"}`, "the list is missing"},
		{"null facts", doc("null"), "the list is missing"},
		{"two documents", doc("[]") + "{}", "something follows"},
		{"an unknown name", strings.Replace(doc("[]"), `"diagnostics"`, `"diagnotics"`, 1), `unknown field "diagnotics"`},
		{"no time", strings.Replace(doc("[]"), `"collected_at":"2026-11-05T08:30:00Z",`, "", 1), "collected_at"},
		{"a fact without an address", doc(`[{"value":1}]`), "facts[0]"},
		{"a bad address", doc(`[{"address":"Gpu.count","value":1}]`), "not a fact address"},
		{"neither value nor reason", doc(`[{"address":"a.b"}]`), "neither a value nor a reason"},
		{"value and reason", doc(`[{"address":"a.b","value":1,"unknown":"x"}]`), "both a value and a reason"},
		{"one address twice", doc(`[{"address":"a","value":1},{"address":"a","value":2}]`), "facts[1]: a stands there twice"},
		{"a negative line", doc(`[{"address":"a","value":1,"evidence":[{"line":-4}]}]`), "negative line"},
		{"a type", doc(`[{"address":7,"value":1}]`), "cannot stand here"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, err := ReadSnapshot(strings.NewReader(tt.in))
			if _, ok := errors.AsType[*SnapshotError](err); !ok {
				t.Fatalf("got %v, want a SnapshotError", err)
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "bulkhead snapshot save") {
				t.Errorf("%q does not say %q and what to do next", err, tt.want)
			}
		})
	}
}

func TestReadSnapshotOfANewerMinor(t *testing.T) {
	in := `{"schema_version":"1.7","tool":{"name":"b","version":"2"},"target":{"kind":"machine","cloud":"x"},"collected_at":"2026-11-05T08:30:00Z","facts":[{"address":"a","value":1,"ttl":5}],"diagnostics":[],"more":{}}`
	f, err := ReadSnapshot(strings.NewReader(in))
	if err != nil || len(f.Facts) != 1 {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestReadSnapshotIsBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"schema_version":"`), spaces{})
	_, err := ReadSnapshot(endless)
	if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadSnapshotPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("the disk is gone")
	if _, err := ReadSnapshot(io.MultiReader(strings.NewReader("{"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzReadSnapshot(f *testing.F) {
	var b bytes.Buffer
	if err := observed().WriteJSON(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema_version":"1.0","facts":[{"address":"a[%25]","value":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadSnapshot(bytes.NewReader(data))
		if err != nil {
			return
		}
		// What was read can be written, read again, and printed.
		again, err := ReadSnapshot(bytes.NewReader(asJSON(t, got)))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if len(again.Facts) != len(got.Facts) {
			t.Fatalf("%d facts became %d", len(got.Facts), len(again.Facts))
		}
		if err := got.WriteText(io.Discard, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCheckAddress(t *testing.T) {
	for _, good := range []string{
		"cpu", "gpu.driver.version", "python.env[/opt/venv].version", "disk[/].free_bytes", "a[b]", "a[x][y].z",
		fact.At("python.env", "/odd%dir]/here", "kind"), "docker.files-2", "disk[C:\\Users\\Ada Lovelace].total_bytes",
	} {
		if err := CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "a.", ".a", "a..b", "Gpu", "a b", "a[", "a[]", "a]", "a[x]b", "a[x].", "[x]", "a[100%]", "a[x\x1b]", "a[x\ny]", "ä",
		"a[" + strings.Repeat("x", MaxAddressBytes) + "]",
	} {
		if CheckAddress(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWithoutKeys(t *testing.T) {
	for in, want := range map[string]string{
		"cpu.count": "cpu.count", "python.env[/opt/venv].version": "python.env.version", "a[b]": "a", "a[x][y].z": "a.z",
	} {
		if got := WithoutKeys(in); got != want {
			t.Errorf("WithoutKeys(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCheckAddress(f *testing.F) {
	f.Add("python.env[/opt/venv].version")
	f.Add("a[%25%5D]")
	f.Fuzz(func(t *testing.T, s string) {
		if CheckAddress(s) == nil && strings.ContainsAny(WithoutKeys(s), "[]") {
			t.Errorf("%q keeps a bracket: %q", s, WithoutKeys(s))
		}
	})
}
