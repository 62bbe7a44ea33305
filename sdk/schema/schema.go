// SPDX-License-Identifier: Apache-2.0

// Package schema turns a Go struct into the schema of a `config {}` block.
//
// Each exported field with a json tag is one attribute. Other tags:
//
//	default:"0.7"       filled in when the user gives nothing; text for a
//	                    string, JSON for every other type
//	required:"true"     the user must give it
//	doc:"..."           one sentence for help and generated pages
//	one_of:"a|b|c"      the allowed values of a string
//	min:"0" max:"1"     bounds of a number, both included
//	deprecated:"..."    what to use instead
//	sensitive:"true"    never shown in plans, reports and logs
//
// Field types: string, bool, integers, floats, slices of those and string-keyed
// maps of those. A struct field is a block that may stand once, a slice of
// structs a block that may stand any number of times.
//
// The host checks the user's settings against the schema, fills in the
// defaults and sends one JSON object, which Decode reads into the same struct.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Of derives the schema of a struct or a pointer to one; nil gives an empty
// schema. A struct that breaks the rules above is a bug of the plugin's
// author: Of panics and names the field.
func Of(config any) *pluginv1.Schema {
	if config == nil {
		return &pluginv1.Schema{}
	}
	t := reflect.TypeOf(config)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return ofStruct(t)
}

// Decode reads settings into config, a pointer to the struct that Of described.
// Empty data gives the defaults of the struct's tags. Unknown names are errors.
func Decode(data []byte, config any) error {
	if len(data) == 0 {
		data = Defaults(config)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(config); err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading settings: text after the JSON object")
	}
	return nil
}

// Defaults returns the JSON object of a struct's default values.
func Defaults(config any) []byte {
	values := map[string]json.RawMessage{}
	for _, a := range Of(config).GetAttributes() {
		if a.GetDefaultJson() != "" {
			values[a.GetName()] = json.RawMessage(a.GetDefaultJson())
		}
	}
	out, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("schema: default that is not JSON in %T: %v", config, err))
	}
	return out
}

func ofStruct(t reflect.Type) *pluginv1.Schema {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("schema: settings are a struct, not %s", t))
	}
	out := &pluginv1.Schema{}
	for i := range t.NumField() {
		addField(out, t, t.Field(i))
	}
	return out
}

func addField(out *pluginv1.Schema, owner reflect.Type, f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" || name == "-" {
		return
	}
	if block := blockOf(name, f); block != nil {
		out.Blocks = append(out.Blocks, block)
		return
	}
	typ, ok := typeOf(f.Type)
	if !ok {
		panic(fmt.Sprintf("schema: field %s.%s has type %s, which settings cannot have", owner, f.Name, f.Type))
	}
	out.Attributes = append(out.Attributes, attribute(name, typ, owner, f))
}

func attribute(name, typ string, owner reflect.Type, f reflect.StructField) *pluginv1.Attribute {
	a := &pluginv1.Attribute{
		Name:        name,
		Type:        typ,
		Required:    f.Tag.Get("required") == "true",
		Description: f.Tag.Get("doc"),
		Deprecated:  f.Tag.Get("deprecated"),
		Sensitive:   f.Tag.Get("sensitive") == "true",
		Minimum:     bound(owner, f, "min"),
		Maximum:     bound(owner, f, "max"),
	}
	if choices := f.Tag.Get("one_of"); choices != "" {
		a.OneOf = strings.Split(choices, "|")
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		a.DefaultJson = defaultJSON(owner, f, text)
	}
	return a
}

func blockOf(name string, f reflect.StructField) *pluginv1.Block {
	b := &pluginv1.Block{Type: name, Description: f.Tag.Get("doc"), Required: f.Tag.Get("required") == "true"}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Struct:
		b.Nesting, b.Schema = pluginv1.Block_NESTING_SINGLE, ofStruct(t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		b.Nesting, b.Schema = pluginv1.Block_NESTING_LIST, ofStruct(t.Elem())
	default:
		return nil
	}
	return b
}

// typeOf writes a Go type in cty's JSON notation.
func typeOf(t reflect.Type) (string, bool) {
	switch t.Kind() {
	case reflect.String:
		return `"string"`, true
	case reflect.Bool:
		return `"bool"`, true
	case reflect.Slice:
		elem, ok := typeOf(t.Elem())
		return `["list",` + elem + `]`, ok
	case reflect.Map:
		elem, ok := typeOf(t.Elem())
		return `["map",` + elem + `]`, ok && t.Key().Kind() == reflect.String
	case reflect.Pointer:
		return typeOf(t.Elem())
	}
	return `"number"`, t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64 && t.Kind() != reflect.Uintptr
}

func defaultJSON(owner reflect.Type, f reflect.StructField, text string) string {
	if f.Type.Kind() == reflect.String {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(fmt.Sprintf("schema: default of %s.%s: %v", owner, f.Name, err))
		}
		return string(quoted)
	}
	if err := json.Unmarshal([]byte(text), reflect.New(f.Type).Interface()); err != nil {
		panic(fmt.Sprintf("schema: default of %s.%s: %v", owner, f.Name, err))
	}
	return text
}

func bound(owner reflect.Type, f reflect.StructField, tag string) *float64 {
	text, ok := f.Tag.Lookup(tag)
	if !ok {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("schema: %s of %s.%s: %v", tag, owner, f.Name, err))
	}
	return &v
}
