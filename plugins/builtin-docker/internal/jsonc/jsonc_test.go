// SPDX-License-Identifier: Apache-2.0

package jsonc

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		in string
		ok bool
	}{
		{`{"a": 1}`, true},
		{"\xef\xbb\xbf{\"a\": 1}", true},
		{"// top\n{\n  \"a\": 1, // why\n  /* more\n lines */ \"b\": [1, 2,],\n}\n", true},
		{`{"url": "http://x/*y*/", "c": "a\"//b,}"}`, true},
		{`{"a": 1,, }`, false},
		{`/* unfinished`, false},
		{"\x00", false},
	} {
		out := Plain([]byte(tt.in))
		if len(out) != len(tt.in) || json.Valid(out) != tt.ok || bytes.Count(out, []byte("\n")) != bytes.Count([]byte(tt.in), []byte("\n")) {
			t.Errorf("%q gives %q", tt.in, out)
		}
	}
	var kept struct{ URL, C string }
	if err := json.Unmarshal(Plain([]byte(`{"url": "http://x/*y*/", "c": "a\"//b,}"}`)), &kept); err != nil || kept.URL != "http://x/*y*/" || kept.C != `a"//b,}` {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestLine(t *testing.T) {
	if got := Line([]byte("{\n\n\"image\": 1}"), `"image"`); got != 3 {
		t.Errorf("line %d", got)
	}
	if got := Line([]byte("{}"), `"image"`); got != 0 {
		t.Errorf("line %d", got)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("{ // a\n \"b\": [1,],\n}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out := Plain(data)
		if len(out) != len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(out))
		}
		if json.Valid(data) && !json.Valid(out) {
			t.Errorf("valid JSON %q became %q", data, out)
		}
	})
}
