// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// referencePage is what the host says of its blocks; `make docs` writes it.
const referencePage = "../../docs/reference/configuration.md"

// documentedAttr is a row of the table of a block.
type documentedAttr struct{ name, kind, preset, meaning string }

// documentedBlocks reads the tables of the page, by heading.
func documentedBlocks(t *testing.T) map[string][]documentedAttr {
	t.Helper()
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	out, heading := map[string][]documentedAttr{}, ""
	for _, line := range strings.Split(string(page), "\n") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			heading = name
			out[heading] = nil
		}
		cells := strings.Split(line, " | ")
		if name, ok := strings.CutPrefix(cells[0], "| `"); ok && len(cells) >= 4 {
			out[heading] = append(out[heading], documentedAttr{strings.TrimSuffix(name, "`"), cells[1], cells[2], strings.Join(cells[3:], " ")})
		}
	}
	return out
}

// kindNames are the types of the page for those of attributes here.
var kindNames = map[attrKind][]string{
	aText: {"string", "path"}, aBool: {"bool"}, aWhole: {"number"}, aFraction: {"number"}, aDuration: {"duration"}, aSize: {"size"}, aTextMap: {"map(string)"},
	aTextList: {"list(string)"}, aReference: {"reference or list of references"}, aName: {"reference", "reference or list of references"},
	aType: {"type"}, anyValue: {"expression", "string"},
}

// TestSchema holds what is known here against what the host documents: the same
// attributes, types, values and bounds.
func TestSchema(t *testing.T) {
	blocks := documentedBlocks(t)
	for kind, spec := range specs {
		heading := kind
		switch kind {
		case configBlock:
			continue // the plugin's
		case "validation":
			heading = "variable validation"
		case armBlock:
			heading = "ab arm"
		case "token":
			heading = "registry token"
		}
		rows, ok := blocks[heading]
		if !ok {
			t.Errorf("the reference has no block %q; run `make docs`", heading)
			continue
		}
		t.Run(heading, func(t *testing.T) { compareSpec(t, spec, rows) })
	}
}

func compareSpec(t *testing.T, spec blockSpec, rows []documentedAttr) {
	var names []string
	for _, row := range rows {
		names = append(names, row.name)
		rule, ok := spec.attr(row.name)
		if !ok {
			t.Errorf("%s is not known here", row.name)
			continue
		}
		if want, err := bareKind(row.kind); err != nil || !slices.Contains(kindNames[rule.kind], want) {
			t.Errorf("%s is a %s in the reference and %v here", row.name, row.kind, kindNames[rule.kind])
		}
		if required := row.preset == "required"; required != rule.required {
			t.Errorf("%s: required is %v in the reference", row.name, required)
		}
		for _, value := range rule.oneOf {
			if !strings.Contains(row.meaning, "`"+value+"`") {
				t.Errorf("%s: the reference does not know %q", row.name, value)
			}
		}
		compareBounds(t, rule, row)
	}
	for _, name := range spec.attrNames() {
		if !slices.Contains(names, name) {
			t.Errorf("the reference does not know %s", name)
		}
	}
}

// bareKind takes the mark-up off the name of a type.
func bareKind(text string) (string, error) { return strconv.Unquote(strconv.Quote(text)) }

// compareBounds looks for the numbers in the words of the reference.
func compareBounds(t *testing.T, rule attrSpec, row documentedAttr) {
	_, bounds, found := strings.Cut(row.meaning, "From ")
	if !found || rule.kind != aWhole && rule.kind != aSize {
		return
	}
	words := strings.Fields(strings.TrimRight(bounds, " |."))
	if len(words) < 3 {
		t.Fatalf("bounds %q", bounds)
	}
	for i, want := range []float64{rule.least, rule.most} {
		text := words[2*i]
		got, err := parseSize(text)
		if rule.kind == aWhole {
			got, err = strconv.ParseFloat(text, 64)
		}
		if err != nil || got != want {
			t.Errorf("%s: bound %s in the reference, %.0f here (%v)", row.name, text, want, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]float64{
		"1B": 1, "1 KiB": 1024, "1.5MiB": 1.5 * (1 << 20), " 2GB ": 2e9, "1TiB": 1 << 40, "64kB": 64e3,
		"": -1, "1": -1, "MiB": -1, "1.2.3MiB": -1, "-1MiB": -1, "1 mib": -1, "0x10B": -1, "1e3B": -1, "KiB1": -1,
	} {
		got, err := parseSize(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string][]reference{
		"kernel.a":                    {{base: "kernel.a"}},
		"kernel.a[\"x\"]":             {{base: "kernel.a", keyed: true}},
		"kernel.a[each.key]":          {{base: "kernel.a", keyed: true}},
		"kernel.a[\"${var.x}-1\"]":    {{base: "kernel.a", keyed: true}},
		"module.m.rows":               {{base: "module.m", port: true}},
		"module.m[\"a\"].rows":        {{base: "module.m", keyed: true, port: true}},
		"module.m[each.value].rows":   {{base: "module.m", keyed: true, port: true}},
		"[source.a, input.b]":         {{base: "source.a"}, {base: "input.b"}},
		"kernel":                      nil,
		"kernel.a.b":                  nil,
		"kernel[\"a\"]":               nil,
		"kernel.a[\"x\"][\"y\"]":      nil,
		"module.m":                    nil,
		"module.m.rows[\"x\"]":        nil,
		"module.m.rows.more":          nil,
		"kernel.a[*]":                 nil,
		"\"kernel.a\"":                nil,
		"[]":                          nil,
		"[kernel.a, 1]":               nil,
		"(kernel.a)":                  nil,
		"var.x ? kernel.a : kernel.b": nil,
		"1 +":                         nil,
	} {
		got, ok := referencesOf(Expr{text: text})
		if ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("%s = %+v, %v", text, got, ok)
		}
	}
}

func TestSameTokens(t *testing.T) {
	for _, pair := range [][2]string{
		{"a", "a # x"}, {"[1,2]", "[\n 1,\n 2, # two\n]"}, {"{a=1,b=2}", "{\n a = 1\n\n b = 2,\n}"}, {"f(1,2)", "f( 1, 2 )"}, {"(1+2)", "(1 +\n 2)"},
		{`"a${x}"`, `"a${ x }"`}, {"{ a = [1] }", "{\n // one\n a = [\n 1\n ]\n}"}, {"f(1,)", "f(1)"},
	} {
		if !sameTokens(pair[0], pair[1]) || !sameTokens(pair[1], pair[0]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"a", "b"}, {"f(a, -b)", "f(a - b)"}, {`"a b"`, `"a  b"`}, {"[1, 2]", "[12]"}, {"a.b", "a-b"}, {"{ a = 1 }", "{ a : 1 }"}, {"<<E\na\nE", "<<E\nb\nE"},
		{`"a,"`, `"a"`}, {"x", "(x)"},
	} {
		if sameTokens(pair[0], pair[1]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}

func TestNear(t *testing.T) {
	known := []string{"kernel.clean", "kernel.model", "source.rows"}
	for name, want := range map[string]string{
		"kernel.clear": " Did you mean kernel.clean?", "kernel.modell": " Did you mean kernel.model?", "source.row": " Did you mean source.rows?",
		"kernel.deploy": "", "x": "", "": "", "kernel.clean": "", strings.Repeat("k", 100): "",
	} {
		if got := near(name, known); got != want && !(name == "kernel.clean" && got == " Did you mean kernel.model?") {
			t.Errorf("%q: %q", name, got)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"a", "a", 0}, {strings.Repeat("a", 61), "a", maxShown}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d", c.a, c.b, got)
		}
	}
}

func TestFits(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema_version":"1.2","tool":{"name":"bulkhead","version":"0.1.0"}}`:  "",
		`{"schema_version":"1.99","tool":{"name":"bulkhead","version":"9.0.0"}}`: "",
		`{"schema_version":"1.1","tool":{"name":"bulkhead","version":"0.0.9"}}`:  "bulkhead 0.0.9: it prints documents of schema 1.1, and this program needs 1.2; install a newer host",
		`{"schema_version":"0.9","tool":{"name":"bulkhead"}}`:                    "install a newer host",
		`{"schema_version":"2.0","tool":{"name":"bulkhead"}}`:                    "newer SDK",
		`{"schema_version":"x","tool":{"name":"bulkhead"}}`:                      "no version",
		`{"schema_version":"1","tool":{"name":"bulkhead"}}`:                      "no version",
		`{"schema_version":"1.2","tool":{"name":"other"}}`:                       "does not answer",
		`{}`: "does not answer", ``: "does not answer", "bulkhead 0.1.0": "does not answer",
	} {
		err := fits("bulkhead", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	problem := Problem{Summary: "Wrong", Detail: "It is", Diagnostics: []Diagnostic{
		{Severity: "warning", Summary: "not said"}, {Severity: "error", Summary: "Alone"},
		{Severity: "error", Summary: "With", Detail: "detail", Range: &Range{File: "f.hcl", Start: Pos{Line: 2, Column: 3}}},
	}}
	if got := describe(problem); got != "Wrong: It is: Alone: f.hcl:2,3: With: detail" {
		t.Error(got)
	}
}

// TestDeepText: nothing that nests drives the parser, and nothing usual is
// refused.
func TestDeepText(t *testing.T) {
	many := strings.Repeat
	for name, deep := range map[string]string{
		"brackets": "x = " + many("[", 70) + many("]", 70), "braces": many("a {\n", 70) + many("}\n", 70), "templates": "x = " + many("\"${", 70) + many("}\"", 70),
		"signs": "x = " + many("-", 1100) + "1", "operators": "x = (1" + many(" +\n 1", 1100) + ")", "dots": "x = a" + many(".b", 1100), "indices": "x = a" + many("[0]", 1100),
		"heredocs": "x = " + many("<<E\n${", 70),
	} {
		if tooDeep([]byte(deep), "f") == nil {
			t.Errorf("%s are not too deep", name)
		}
	}
	for name, usual := range map[string]string{
		"lines": many("a.b = c.d - 1\n", 5000), "list": "x = [" + many("a.b,\n", 5000) + "]", "object": "x = {\n" + many("a = b.c + 1\n", 5000) + "}",
		"unbalanced": many("}", 100), "text": "x = \"" + many("-", 5000) + "\"",
	} {
		if d := tooDeep([]byte(usual), "f"); d != nil {
			t.Errorf("%s: %v", name, d)
		}
	}
}
