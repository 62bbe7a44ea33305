// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// fixtureDir writes fixtures to a directory.
func fixtureDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// numbersIn is a table of one column of floats.
func numbersIn(values string) string {
	return `{"columns": [{"name": "a", "type": "float64", "values": [` + values + `]}]}`
}

// TestFixtures runs fixtures of all kinds against the sound plugin. The texts are
// what an author reads.
func TestFixtures(t *testing.T) {
	copied := func(in, expect string) string {
		return `{"kernel": "copy", "input": ` + in + `, "expect": ` + expect + `}`
	}
	for name, tt := range map[string]struct{ fixture, want string }{
		"the same":           {copied(numbersIn(`1, null, "NaN", "-Inf"`), `{"output": `+numbersIn(`1, null, "NaN", "-Inf"`)+`}`), ""},
		"another number":     {copied(numbersIn(`1, 2.5`), `{"output": `+numbersIn(`1, 2`)+`}`), `column "a", row 1: expected 2, got 2.5`},
		"a null":             {copied(numbersIn(`1, null`), `{"output": `+numbersIn(`1, 0`)+`}`), `row 1: expected 0, got null`},
		"too few rows":       {copied(numbersIn(`1`), `{"output": `+numbersIn(`1, 2`)+`}`), "rows: expected 2, got 1"},
		"another column":     {copied(numbersIn(`1`), `{"output": {"columns": [{"name": "b", "type": "float64", "values": [1]}]}}`), `columns: expected ["b float64"], got ["a float64"]`},
		"another role":       {copied(numbersIn(`1`), `{"output": {"columns": [{"name": "a", "type": "float64", "role": "target", "values": [1]}]}}`), `as target`},
		"many differences":   {copied(numbersIn(`1, 1, 1, 1, 1, 1, 1, 1`), `{"output": `+numbersIn(`2, 2, 2, 2, 2, 2, 2, 2`)+`}`), "3 more rows differ"},
		"an error, expected": {`{"kernel": "copy", "settings": {"lowd": 1}, "input": ` + numbersIn(`1`) + `, "expect": {"error": "lowd"}}`, ""},
		"no error":           {copied(numbersIn(`1`), `{"error": "too long"}`), `expected an error with "too long", got none`},
		"another error":      {`{"kernel": "copy", "settings": {"lowd": 1}, "input": ` + numbersIn(`1`) + `, "expect": {"error": "too long"}}`, `expected an error with "too long", got "`},
		"an error":           {`{"kernel": "copy", "settings": {"lowd": 1}, "input": ` + numbersIn(`1`) + `, "expect": {"dropped": 0}}`, "the kernel refuses the call"},
		"rejected":           {copied(numbersIn(`1`), `{"rejected": [{"row": 0}]}`), "rows put aside: expected [{Row:0"},
		"dropped":            {copied(numbersIn(`1`), `{"dropped": 3}`), "rows dropped: expected 3, got 0"},
		"a report":           {copied(numbersIn(`1`), `{"report": {"rows": 1}}`), "report: expected rows = 1, got no such key"},
		"no such kernel":     {`{"kernel": "clip", "input": ` + numbersIn(`1`) + `, "expect": {"dropped": 0}}`, `no kernel "clip"`},
		"a fit":              {`{"kernel": "learn", "fit": ` + numbersIn(`1, 2`) + `, "input": ` + numbersIn(`3`) + `, "expect": {"output": ` + numbersIn(`3`) + `}}`, ""},
		"a finding":          {`{"facts": {"sample.files": 2}, "expect": {"findings": [{"code": "sample.many", "severity": "warning"}]}}`, ""},
		"no finding":         {`{"facts": {"sample.files": 0}, "expect": {"findings": []}}`, ""},
		"an unwanted one":    {`{"facts": {"sample.files": 2}, "expect": {"findings": []}}`, "findings: expected [], got [{Code:sample.many"},
		"facts":              {`{"machine": {"/etc/os-release": "ID=debian"}, "expect": {"facts": {"sample.release": "ID=d", "sample.files": 1, "sample.none": null}}}`, ""},
		"another fact":       {`{"machine": {"/etc/os-release": "ID=debian"}, "expect": {"facts": {"sample.release": "x"}}}`, `fact sample.release: expected "x", got "ID=d"`},
		"a fact less":        {`{"machine": {}, "expect": {"facts": {"sample.files": 1}}}`, "fact sample.files: expected 1, got none"},
		"a fact more":        {`{"machine": {"/etc/os-release": "ID=debian"}, "expect": {"facts": {"sample.files": null}}}`, "fact sample.files: expected none, got 1"},
		"not a fixture":      {`{"kernel": "copy"`, "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fixtureDir(t, map[string]string{"one.json": tt.fixture, "notes.txt": "no fixture"})
			r := RunWith(t.Context(), sound().subject(), Options{Fixtures: dir, Only: []string{"fixture"}})
			if len(r.Cases) != 1 || r.Cases[0].Name != "fixture/one" {
				t.Fatalf("cases %+v", r.Cases)
			}
			c := r.Cases[0]
			if (tt.want == "") != (c.Status == Passed) || !strings.Contains(c.Detail, tt.want) {
				t.Errorf("%s: %s, want %q", c.Status, c.Detail, tt.want)
			}
		})
	}
}

func TestFixturesInOrder(t *testing.T) {
	one := `{"facts": {}, "expect": {"findings": []}}`
	dir := fixtureDir(t, map[string]string{"b.json": one, "a.json": one, "10.json": one})
	var names []string
	for _, r := range Rules(Options{Fixtures: dir, Only: []string{"fixture/*"}}) {
		names = append(names, r.Name)
	}
	if want := []string{"fixture/10", "fixture/a", "fixture/b"}; !slices.Equal(names, want) {
		t.Errorf("rules %q, want %q", names, want)
	}
	r := RunWith(t.Context(), sound().subject(), Options{Fixtures: t.TempDir(), Only: []string{"fixture"}})
	if len(r.Cases) != 1 || r.Cases[0].Status != Skipped || !strings.Contains(r.Cases[0].Detail, "holds no *.json") {
		t.Errorf("no fixtures: %+v", r.Cases)
	}
}

func TestWrongFixtures(t *testing.T) {
	for text, want := range map[string]string{
		`{"kernel": "a", "input": {"columns": []}, "expct": {}}`:                   `unknown field "expct"`,
		`{"kernel": "a", "input": {"columns": []}, "expect": {}}`:                  "expects nothing",
		`{"expect": {"dropped": 1}}`:                                               "one of kernel, facts and machine",
		`{"kernel": "a", "facts": {}, "expect": {"dropped": 1}}`:                   "one of kernel, facts and machine",
		`{"kernel": "a", "expect": {"dropped": 1}}`:                                "has an input",
		`{"kernel": "a", "input": {"columns": []}, "expect": {"facts": {"a": 1}}}`: "one with machine expects facts",
		`{"facts": {}, "expect": {"dropped": 1}}`:                                  "one with facts expects findings",
		`{"facts": {}, "expect": {"findings": []}} x`:                              "text after",
		`{"facts": {}, "expect": {"findings": []}, "tolerance": {"absolute": -1}}`: "not negative",
		`{"facts": {}, "expect": {"findings": []}, "tolerance": {"absolut": 1}}`:   "absolut",
		`{"machine": {}, "expect": {"facts": {"a": 1}, "findings": []}}`:           "one with facts expects findings",
	} {
		if _, err := ParseFixture([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	if _, err := ParseFixture(make([]byte, MaxFixtureBytes+1)); err == nil {
		t.Error("a fixture without bounds is read")
	}
}

// TestColumns reads values of every type.
func TestColumns(t *testing.T) {
	for typ, values := range map[string]string{
		"int8": `-128, null`, "int64": `9223372036854775807`, "uint64": `18446744073709551615`, "float32": `1.5, "NaN"`, "float64": `1e308, "Inf", "-Inf"`,
		"bool": `true, null`, "string": `"ż", ""`, "binary": `"/w=="`, "date32": `"2024-02-29"`, "timestamp[us]": `"2024-02-29 12:00:00"`,
		"timestamp[ns, UTC]": `"2024-02-29T12:00:00Z"`, "dictionary": `"a", "b", "a"`, "list[float64]": `[1, 2.5], [], null`, "list[float32, 2]": `[1, 2]`,
	} {
		var c Column
		if err := json.Unmarshal([]byte(`{"name": "a", "type": "`+typ+`", "values": [`+values+`]}`), &c); err != nil {
			t.Fatal(err)
		}
		b, err := (&Table{[]Column{c}}).record()
		if err != nil || b.NumRows() != int64(len(c.Values)) {
			t.Errorf("%s: %v, %v", typ, b, err)
			continue
		}
		if err := (Tolerance{}).compareTables(b, b.Schema(), []arrow.RecordBatch{b.NewSlice(0, 1), b.NewSlice(1, b.NumRows())}); err != nil {
			t.Errorf("%s is not itself: %v", typ, err)
		}
	}
}

func TestWrongColumns(t *testing.T) {
	for column, want := range map[string]string{
		`{"name": "a", "type": "float16", "values": []}`:             "float16",
		`{"name": "a", "type": "list[list]", "values": []}`:          "list[TYPE]",
		`{"name": "a", "type": "list[int8, 0]", "values": []}`:       "1 value or more",
		`{"name": "a", "type": "timestamp[h]", "values": []}`:        "s, ms, us or ns",
		`{"name": "a", "type": "int64", "values": [1.5]}`:            "digits",
		`{"name": "a", "type": "int64", "values": ["1"]}`:            "digits",
		`{"name": "a", "type": "int8", "values": [300]}`:             "int8",
		`{"name": "a", "type": "float64", "values": ["1"]}`:          `"NaN"`,
		`{"name": "a", "type": "float64", "values": [[1]]}`:          "float64",
		`{"name": "a", "type": "string", "values": [1]}`:             "in quotes",
		`{"name": "a", "type": "date32", "values": ["yesterday"]}`:   "date32",
		`{"name": "a", "type": "list[int8]", "values": [1]}`:         "list[int8]",
		`{"name": "a", "type": "list[float32, 2]", "values": [[1]]}`: "list[float32, 2]",
	} {
		var c Column
		if err := json.Unmarshal([]byte(column), &c); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Table{[]Column{c}}).record(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", column, err, want)
		}
	}
	a := Column{Name: "a", Type: "bool", Values: []json.RawMessage{[]byte("true")}}
	if _, err := (&Table{[]Column{a, {Name: "b", Type: "bool"}}}).record(); err == nil || !strings.Contains(err.Error(), "0 values") {
		t.Errorf("columns of several lengths: %v", err)
	}
	if _, err := (&Table{[]Column{a, a}}).record(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("columns of one name: %v", err)
	}
}

func TestTolerance(t *testing.T) {
	for _, tt := range []struct {
		t         Tolerance
		want, got string
		same      bool
	}{
		{Tolerance{}, `1`, `1.0`, true}, {Tolerance{}, `9007199254740993`, `9007199254740992`, false}, {Tolerance{}, `1`, `1.0000001`, false},
		{Tolerance{Absolute: 0.1}, `1`, `1.09`, true}, {Tolerance{Absolute: 0.1}, `1`, `1.11`, false}, {Tolerance{Relative: 0.1}, `-100`, `-109`, true},
		{Tolerance{Relative: 0.1}, `-100`, `-111`, false}, {Tolerance{Absolute: 0.1}, `[1, {"a": 2}]`, `[1.05, {"a": 2.05}]`, true},
		{Tolerance{Absolute: 0.1}, `[1]`, `[1, 1]`, false}, {Tolerance{}, `{"a": 1}`, `{"b": 1}`, false}, {Tolerance{}, `"1"`, `1`, false},
		{Tolerance{}, `null`, `null`, true}, {Tolerance{}, `1`, ``, false}, {Tolerance{}, `true`, `false`, false},
	} {
		if got := tt.t.sameJSON([]byte(tt.want), []byte(tt.got)); got != tt.same {
			t.Errorf("%s and %s within %+v: %v", tt.want, tt.got, tt.t, got)
		}
	}
}

// FuzzFixture: whatever a fixture says, reading it ends without a panic, and a
// table that was read compares equal to itself.
func FuzzFixture(f *testing.F) {
	f.Add([]byte(`{"kernel": "clip", "input": ` + numbersIn(`1, null, "NaN"`) + `, "expect": {"output": ` + numbersIn(`1, null, "NaN"`) + `}}`))
	f.Add([]byte(`{"kernel": "a", "input": {"columns": [{"name": "a", "type": "list[float32, 2]", "values": [[1, 2]]}]}, "expect": {"dropped": 0}}`))
	f.Add([]byte(`{"facts": {"a.b": 1}, "expect": {"findings": [{"code": "a.b"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := ParseFixture(data)
		if err != nil || x.Input == nil {
			return
		}
		b, err := x.Input.record()
		if err != nil {
			return
		}
		if err := x.Tolerance.compareTables(b, b.Schema(), []arrow.RecordBatch{b}); err != nil {
			t.Error(err)
		}
	})
}
