// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, json, wantErr string
	}{
		{"minimal", `{"name":"gpu","summary":"s","licence":"Apache-2.0","grants":[]}`, ""},
		{"every grant", `{"name":"a","summary":"","licence":"","grants":[
			{"kind":"read","path":"/etc/os-release","why":"w"},
			{"kind":"read","path":"/sys/bus/pci/devices/*/vendor","why":"w"},
			{"kind":"read","path":"~/.cache","why":"w"},
			{"kind":"read","path":"./Dockerfile*","why":"w"},
			{"kind":"read","path":"$VIRTUAL_ENV","why":"w"},
			{"kind":"read","path":"${process}/limits","why":"w"},
			{"kind":"read","path":"${python}","why":"w"},
			{"kind":"device","path":"/dev/nvidiactl","why":"w"},
			{"kind":"device","path":"/dev/nvidia[0-9]*","why":"w"},
			{"kind":"write","path":"./out","why":"w"},
			{"kind":"write","path":"~/.cache/huggingface","why":"w"},
			{"kind":"exec","path":"${python}","why":"w"},
			{"kind":"exec","path":"/usr/bin/nvcc","why":"w"},
			{"kind":"net","address":"huggingface.co:443","why":"w"},
			{"kind":"secret","name":"hf_token","why":"w"},
			{"kind":"env","name":"NCCL_*","why":"w"}]}`, ""},
		{"unknown key", `{"name":"a","summary":"","licence":"","grants":[],"network":true}`, `unknown field "network"`},
		{"trailing text", `{"name":"a","summary":"","licence":"","grants":[]} x`, "text after"},
		{"bad name", `{"name":"../a","summary":"","licence":"","grants":[]}`, `name "../a"`},
		{"bad version", `{"name":"a","version":"one","summary":"","licence":"","grants":[]}`, "not semantic"},
		{"bad digest", `{"name":"a","digest":"sha256:00","summary":"","licence":"","grants":[]}`, "digest"},
		{"executable elsewhere", `{"name":"a","executable":"../sh","summary":"","licence":"","grants":[]}`, "executable"},
		{"whole machine", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"/","why":""}]}`, "whole system"},
		{"traversal", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"/etc/../root","why":""}]}`, "clean absolute path"},
		{"home traversal", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"~/../x","why":""}]}`, "clean absolute path"},
		{"relative", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"etc","why":""}]}`, "clean absolute path"},
		{"unknown kind", `{"name":"a","summary":"","licence":"","grants":[{"kind":"root","path":"/x","why":""}]}`, `kind "root": use one of write, exec`},
		{"a script", `{"name":"a","summary":"","licence":"","runtime":{"python":">=3.10, <4"},"grants":[]}`, ""},
		{"a runtime without a version", `{"name":"a","summary":"","licence":"","runtime":{},"grants":[]}`, `such as ">=3.10"`},
		{"a runtime of words", `{"name":"a","summary":"","licence":"","runtime":{"python":"new"},"grants":[]}`, `python "new"`},
		{"another runtime", `{"name":"a","summary":"","licence":"","runtime":{"ruby":"3"},"grants":[]}`, `unknown field "ruby"`},
		{"no reason", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"/x","why":" "}]}`, "has no why"},
		{"env pattern", `{"name":"a","summary":"","licence":"","grants":[{"kind":"env","name":"A=B","why":""}]}`, "env grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.json))
			switch {
			case tt.wantErr == "" && err != nil:
				t.Fatal(err)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)):
				t.Fatalf("error %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}

func TestEncodeRoundTrip(t *testing.T) {
	m := &Manifest{Name: "gpu", Version: "1.2.3", Digest: "sha256:" + strings.Repeat("a", 64), Grants: []Grant{{Kind: Env, Name: "PATH", Why: "w"}}}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), data, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil || got.Digest != m.Digest || len(got.Grants) != 1 {
		t.Fatalf("Load = %+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, grant := range []string{
		`"read","path":"~/x"`, `"write","path":"./out"`, `"exec","path":"/usr/bin/ld"`, `"device","path":"/dev/nvidia[0-9]*"`,
		`"net","address":"HF.co:443"`, `"net","address":"[::1]:80"`, `"env","name":"A_*"`, `"secret","name":"token"`,
	} {
		f.Add([]byte(`{"name":"gpu","summary":"s","licence":"Apache-2.0","runtime":{"python":">=3.10"},"grants":[{"kind":` + grant + `,"why":"w"}]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("a manifest that parses does not encode: %v", err)
		}
		twice, err := Parse(again)
		if err != nil {
			t.Fatalf("an encoded manifest does not parse: %v", err)
		}
		if !reflect.DeepEqual(m.Grants, twice.Grants) {
			t.Fatalf("%v became %v", m.Grants, twice.Grants)
		}
		keptIsHeld(t, m.Grants)
	})
}

// keptIsHeld narrows grants to each of themselves: what is kept is what was
// asked for.
func keptIsHeld(t *testing.T, grants []Grant) {
	t.Helper()
	for _, g := range grants {
		kept, err := Narrow(grants, []string{g.String()})
		if err != nil || len(kept) == 0 {
			t.Fatalf("%q cannot be named: %v", g, err)
		}
		for _, k := range kept {
			if grants[k.Asked].Kind != k.Kind || grants[k.Asked].Value() != k.Value() {
				t.Fatalf("%q keeps %q of %q", g, k.Grant, grants[k.Asked])
			}
		}
	}
}
