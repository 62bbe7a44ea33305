// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestJSONLines(t *testing.T) {
	for name, c := range map[string]struct {
		content, types string
		want           [][]string
		spec           Spec
	}{
		"each type":         {`{"a":1,"b":1.5,"c":true,"d":"x"}` + "\n" + `{"a":-2,"b":2,"c":false,"d":"y"}`, "int64 float64 bool string", [][]string{{"1", "1.5", "true", "x"}, {"-2", "2", "false", "y"}}, Spec{}},
		"missing and null":  {`{"a":1}` + "\n" + `{"b":"x"}` + "\n" + `{"a":null,"b":"y"}` + "\n{}\n", "int64 string", [][]string{{"1", "null"}, {"null", "x"}, {"null", "y"}, {"null", "null"}}, Spec{}},
		"other order":       {`{"a":1,"b":2}` + "\n" + `{"b":3,"a":4}` + "\n" + `{"b":5,"a":6}`, "int64 int64", [][]string{{"1", "2"}, {"4", "3"}, {"6", "5"}}, Spec{}},
		"strings stay":      {`{"a":"1"}` + "\n" + `{"a":"NA"}` + "\n" + `{"a":""}`, "string", [][]string{{"1"}, {"NA"}, {""}}, Spec{}},
		"own nulls":         {`{"a":"x"}` + "\n" + `{"a":"?"}`, "string", [][]string{{"x"}, {"null"}}, Spec{Nulls: []string{"?"}}},
		"mixed":             {`{"a":"x"}` + "\n" + `{"a":1.50}` + "\n" + `{"a":true}`, "string", [][]string{{"x"}, {"1.50"}, {"true"}}, Spec{}},
		"large integers":    {`{"a":9223372036854775808}`, "string", [][]string{{"9223372036854775808"}}, Spec{}},
		"escapes":           {`{"a\u0062":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x"}`, "string", [][]string{{"\"\\/\b\f\n\r\té😀\ufffdx"}}, Spec{}},
		"blank lines, crlf": {"\r\n{\"a\": 1 }\r\n  \r\n{ \"a\" :2}\r\n", "int64", [][]string{{"1"}, {"2"}}, Spec{}},
		"all null":          {`{"a":null}`, "float64", [][]string{{"null"}}, Spec{}},
		"declared": {`{"a":1,"b":"2026-11-22","c":"u","d":7}`, "float32 date32 dictionary string", [][]string{{"1", "2026-11-22", "u", "7"}},
			Spec{Types: map[string]string{"a": "float32", "b": "date32", "c": "dictionary", "d": "string"}}},
		"late and declared": {`{"a":1}` + "\n" + `{"a":2}` + "\n" + `{"a":3,"z":4}`, "int64 int32", [][]string{{"1", "null"}, {"2", "null"}, {"3", "4"}}, Spec{sample: 10, Types: map[string]string{"z": "int32"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path, c.spec.Format = write(t, c.content), JSONL
			tab, err := Open(context.Background(), c.spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := types(tab); got != c.types {
				t.Errorf("types are %q, want %q", got, c.types)
			}
			if got := rows(t, tab); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("rows are %q, want %q", got, c.want)
			}
		})
	}
}

func TestJSONLinesErrors(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		spec    Spec
		line    int
		column  string
		says    []string
	}{
		"nested object": {`{"a":1}` + "\n" + `{"b":{"c":1}}`, Spec{}, 2, "b", []string{"Nested", "Flatten"}},
		"nested array":  {`{"tags":["x"]}`, Spec{}, 1, "tags", []string{"array"}},
		"no object":     {`[1]`, Spec{}, 1, "", []string{"JSON object", "'['"}},
		"twice":         {`{"a":1,"a":2}`, Spec{}, 1, "a", []string{"twice"}},
		"cut":           {`{"a":1`, Spec{}, 1, "", []string{"line ends"}},
		"more behind":   {`{"a":1} {"a":2}`, Spec{}, 1, "", []string{"end of the line"}},
		"leading zero":  {`{"a":01}`, Spec{}, 1, "", []string{"leading zeros"}},
		"no value":      {`{"a":nil}`, Spec{}, 1, "", []string{"a value"}},
		"control":       {"{\"a\":\"\x01\"}", Spec{}, 1, "", []string{"control"}},
		"bad escape":    {`{"a":"\x"}`, Spec{}, 1, "", []string{"escape"}},
		"not utf-8":     {"{\"a\":\"\xff\"}", Spec{}, 1, "", []string{"0xff"}},
		"wrong type":    {`{"a":"1"}`, Spec{Types: map[string]string{"a": "int64"}}, 1, "a", []string{"int64"}},
		"wrong number":  {`{"a":1}`, Spec{Types: map[string]string{"a": "date32"}}, 1, "a", []string{"date32"}},
		"empty key":     {`{"":1}`, Spec{}, 1, "", []string{"Rename"}},
		"no keys":       {`{}`, Spec{}, 1, "", []string{"No columns"}},
		"target":        {`{"churned":1}`, Spec{Target: "churn"}, 1, "churn", []string{"churned"}},
		"typed absent":  {`{"a":1}`, Spec{Types: map[string]string{"b": "int64"}}, 1, "b", []string{"typed column"}},
		"only blanks":   {"\n\n", Spec{}, 0, "", []string{"No rows"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path, c.spec.Format = write(t, c.content), JSONL
			_, err := Open(context.Background(), c.spec, nil)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if e.Line != c.line || e.Column != c.column {
				t.Errorf("the error %v is at %s, want line %d, column %q", e, e.Where(), c.line, c.column)
			}
			for _, s := range c.says {
				if !strings.Contains(e.Error(), s) {
					t.Errorf("%q does not say %q", e, s)
				}
			}
		})
	}
}

// FuzzJSONRow holds the parser to encoding/json: what one accepts of flat
// objects, the other does, with equal keys and values.
func FuzzJSONRow(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":"x\u00e9","c":null,"d":true}`, `{}`, `{"a":-0.5e+7 }`, `{"a":{}}`, `{"a":"\ud83d\ude00\udead"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		b := newBlock(context.Background(), "x", strings.NewReader(""))
		if b.checkBytes(line) != nil {
			return
		}
		var p jsonParser
		members, err := p.parse(line)
		if errors.Is(err, errNested) {
			return
		}
		dec := json.NewDecoder(strings.NewReader(string(line)))
		dec.UseNumber()
		var theirs map[string]any
		theirErr := dec.Decode(&theirs)
		if theirErr == nil {
			if _, err := dec.Token(); !errors.Is(err, io.EOF) {
				theirErr = errors.New("more behind")
			}
		}
		if theirs == nil && theirErr == nil {
			theirErr = errors.New("null")
		}
		if (err == nil) != (theirErr == nil) {
			t.Fatalf("%q: we say %v, encoding/json %v", line, err, theirErr)
		}
		if err == nil {
			same(t, members, theirs)
		}
	})
}

func same(t *testing.T, members []jsonMember, theirs map[string]any) {
	t.Helper()
	last := map[string]jsonMember{}
	for _, m := range members {
		last[string(m.key)] = m
	}
	if len(last) != len(theirs) {
		t.Fatalf("%d keys, and by encoding/json %d", len(last), len(theirs))
	}
	for key, m := range last {
		got := string(m.text)
		if m.kind == jsonNull {
			got = "<nil>"
		}
		if want, ok := theirs[key]; !ok || fmt.Sprint(want) != got {
			t.Fatalf("%q is %q, and by encoding/json %v", key, got, want)
		}
	}
}

// FuzzJSONLines reads any bytes as a file.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n{\"b\":\"x\"}\n"), uint8(0))
	f.Add([]byte("{\"a\":1}\n{\"a\":\"x\"}\n"), uint8(8))
	f.Fuzz(func(t *testing.T, content []byte, sample uint8) {
		readTwice(t, Spec{Path: write(t, string(content)), Format: JSONL, sample: int64(sample)})
	})
}

func BenchmarkJSONLines(b *testing.B) {
	content := strings.Repeat(`{"a":17.9899,"b":10.38,"name":"some text","d":1001,"ok":true}`+"\n", 200000)
	tab, err := Open(context.Background(), Spec{Path: write(b, content), Format: JSONL}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		for _, err := range tab.Batches(context.Background()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
