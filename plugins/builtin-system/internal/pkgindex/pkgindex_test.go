// SPDX-License-Identifier: Apache-2.0

package pkgindex

import (
	"fmt"
	"strings"
	"testing"
)

func words(settings []Setting) string {
	var out []string
	for _, s := range settings {
		out = append(out, fmt.Sprintf("%d:%s=%s", s.Line, s.Key, s.Value))
	}
	return strings.Join(out, " ")
}

func TestPip(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"index", "[global]\nindex-url = https://pypi.org/simple\n", "2:index-url=https://pypi.org/simple"},
		{"password", "[global]\nindex_url: https://ada:s3cret@host/simple?token=x\n", "2:index-url=https://***@host/simple"},
		{"several lines", "[install]\nextra-index-url =\n    https://a/simple\n    # why\n\thttps://b/simple\ntimeout = 3\n    https://c\n",
			"3:extra-index-url=https://a/simple 5:extra-index-url=https://b/simple"},
		{"another section", "[freeze]\nindex-url = https://a\n", ""},
		{"no section", "index-url = https://a\n", ""},
		{"comment", "[global]\n; index-url = https://a\n", ""},
		{"line ends of Windows", "[global]\r\nno-index = true\r\n", "2:no-index=true"},
		{"garbage", "\x00[global\n=\n:::\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := words(Pip([]byte(tt.file))); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestUV(t *testing.T) {
	for _, tt := range []struct{ name, prefix, file, want string }{
		{"string", "", "index-url = \"https://ada:x@a/simple\"\n", "1:index-url=https://***@a/simple"},
		{"list", "", "extra-index-url = [\"https://a\", 'https://b']\nother = \"https://c\"\n", "1:extra-index-url=https://a 1:extra-index-url=https://b"},
		{"list on lines", "", "extra-index-url = [\n  \"https://a\", # x\n  \"https://b\",\n]\nname = \"https://c\"\n", "2:extra-index-url=https://a 3:extra-index-url=https://b"},
		{"table of indexes", "", "[[index]]\nname = \"torch\"\nurl = \"https://download.pytorch.org/whl/cu128\"\n", "3:index=https://download.pytorch.org/whl/cu128"},
		{"pip table", "", "[pip]\nno-index = true\n", "2:no-index=true"},
		{"another table", "", "[publish]\nindex-url = \"https://a\"\n", ""},
		{"pyproject", "tool.uv", "[project]\nurl = \"https://x\"\n[[tool.uv.index]]\nurl = \"https://a\"\n[tool.uv]\nindex-url = \"https://b\"\n", "4:index=https://a 6:index-url=https://b"},
		{"garbage", "", "[[[\n\"\"\"\n= [\n\x00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := words(UV([]byte(tt.file), tt.prefix)); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWithoutUser(t *testing.T) {
	for in, want := range map[string]string{
		"https://a/b": "https://a/b", "https://u:p@a/b": "https://***@a/b", "u:p@host:80": "***@host:80", "": "", "https://u@a?t=1#f": "https://***@a",
		"http://u:p%zz@a": "***@a", "${INDEX}": "${INDEX}",
	} {
		if got := WithoutUser(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("[global]\nindex-url = https://u:hunter2@a/simple\n"))
	f.Add([]byte("extra-index-url = [\n\"https://u:hunter2@a\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, settings := range [][]Setting{Pip(data), UV(data, ""), UV(data, "tool.uv")} {
			if len(settings) > maxSettings {
				t.Errorf("%d settings", len(settings))
			}
			for _, s := range settings {
				if s.Line < 1 || strings.Contains(s.Value, ":hunter2@") {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}
