// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"path/filepath"
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
			{"kind":"env","name":"NCCL_*","why":"w"}]}`, ""},
		{"unknown key", `{"name":"a","summary":"","licence":"","grants":[],"network":true}`, `unknown field "network"`},
		{"trailing text", `{"name":"a","summary":"","licence":"","grants":[]} x`, "text after"},
		{"bad name", `{"name":"../a","summary":"","licence":"","grants":[]}`, `name "../a"`},
		{"bad version", `{"name":"a","version":"one","summary":"","licence":"","grants":[]}`, "not semantic"},
		{"bad digest", `{"name":"a","digest":"sha256:00","summary":"","licence":"","grants":[]}`, "digest"},
		{"executable elsewhere", `{"name":"a","executable":"../sh","summary":"","licence":"","grants":[]}`, "executable"},
		{"whole machine", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"/","why":""}]}`, "whole machine"},
		{"traversal", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"/etc/../root","why":""}]}`, "clean absolute path"},
		{"home traversal", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"~/../x","why":""}]}`, "clean absolute path"},
		{"relative", `{"name":"a","summary":"","licence":"","grants":[{"kind":"read","path":"etc","why":""}]}`, "clean absolute path"},
		{"unknown kind", `{"name":"a","summary":"","licence":"","grants":[{"kind":"net","path":"/x","why":""}]}`, `kind "net"`},
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
	f.Add([]byte(`{"name":"gpu","summary":"s","licence":"Apache-2.0","grants":[{"kind":"read","path":"~/x","why":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("a manifest that parses does not encode: %v", err)
		}
		if _, err := Parse(again); err != nil {
			t.Fatalf("an encoded manifest does not parse: %v", err)
		}
	})
}
