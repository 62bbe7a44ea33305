// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

type settings struct {
	Threshold float64            `json:"threshold" default:"0.7" min:"0" max:"1" doc:"d"`
	Strategy  string             `json:"strategy" default:"mean" one_of:"mean|median" doc:"d"`
	Columns   []string           `json:"columns" doc:"d"`
	Weights   map[string]float64 `json:"weights" default:"{\"a\":1}" doc:"d"`
	Token     string             `json:"token" required:"true" sensitive:"true" doc:"d"`
	Once      *inner             `json:"once" doc:"d"`
	Many      []inner            `json:"many" doc:"d"`
	hidden    int
	Ignored   int
}

type inner struct {
	N int `json:"n" deprecated:"use m" doc:"d"`
}

func TestOf(t *testing.T) {
	s := Of(settings{hidden: 1})
	types := map[string]string{}
	for _, a := range s.GetAttributes() {
		types[a.GetName()] = a.GetType()
		if a.GetName() == "threshold" && (a.GetMinimum() != 0 || a.GetMaximum() != 1 || a.GetDefaultJson() != "0.7") {
			t.Errorf("threshold is %v", a)
		}
		if a.GetName() == "token" && (!a.GetRequired() || !a.GetSensitive()) {
			t.Errorf("token is %v", a)
		}
	}
	want := map[string]string{
		"threshold": `"number"`, "strategy": `"string"`, "columns": `["list","string"]`, "weights": `["map","number"]`, "token": `"string"`,
	}
	for name, typ := range want {
		if types[name] != typ {
			t.Errorf("%s has type %s, want %s", name, types[name], typ)
		}
	}
	if len(types) != len(want) || len(s.GetBlocks()) != 2 {
		t.Errorf("schema %v", s)
	}
}

func TestDecode(t *testing.T) {
	var c settings
	if err := Decode(nil, &c); err != nil || c.Threshold != 0.7 || c.Strategy != "mean" || c.Weights["a"] != 1 {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	if err := Decode([]byte(`{"treshold": 1}`), &c); err == nil || !strings.Contains(err.Error(), "treshold") {
		t.Errorf("an unknown name gives %v", err)
	}
	if err := Decode([]byte(`{} {}`), &c); err == nil || !strings.Contains(err.Error(), "text after") {
		t.Errorf("trailing text gives %v", err)
	}
	if !json.Valid(Defaults(settings{})) {
		t.Error("defaults are not JSON")
	}
}

func TestOfPanicsOnAuthorsMistakes(t *testing.T) {
	for name, config := range map[string]any{
		"type": struct {
			F func() `json:"f"`
		}{},
		"default": struct {
			N int `json:"n" default:"x"`
		}{},
		"bound": struct {
			N int `json:"n" min:"x"`
		}{},
		"scalar": 5,
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Of(config)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"threshold": 1, "many": [{"n": 1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c settings
		if Decode(data, &c) == nil && len(data) > 0 && !json.Valid(data) {
			t.Fatalf("%q is decoded and is not JSON", data)
		}
	})
}
