// SPDX-License-Identifier: Apache-2.0

package shell

import (
	"fmt"
	"strings"
	"testing"
)

func TestFindInstalls(t *testing.T) {
	for script, want := range map[string]string{
		"pip install torch": "pip install [torch] [] []",
		"python3 -m pip install -U --no-cache-dir 'torch>=2' numpy":             "pip install [torch>=2 numpy] [] []",
		"uv pip install --system -r requirements.txt torch":                     "uv pip install [torch] [] [requirements.txt]",
		"uv add torch --index https://x":                                        "uv add [torch] [https://x] []",
		"pip install torch --index-url=https://a --extra-index-url https://b":   "pip install [torch] [https://a https://b] []",
		"pip install -f https://c -t /opt --timeout 3 torch -c constraints.txt": "pip install [torch] [https://c] [constraints.txt]",
		"sudo pip3 install a && pip install b; echo pip install c":              "pip install [a] [] []|pip install [b] [] []",
		`bash -lc "pip install a"`:                                              "pip install [a] [] []",
		"pip install a > log 2>&1":                                              "pip install [a] [] []",
		"pip download torch":                                                    "", "conda install pytorch": "", "pip freeze": "", "pip": "", "# pip install a": "",
	} {
		var got []string
		for _, i := range FindInstalls(script) {
			got = append(got, fmt.Sprintf("%s %v %v %v", i.Installer, i.Requirements, i.Indexes, i.Files))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s\n got  %s\n want %s", script, strings.Join(got, "|"), want)
		}
	}
}

func TestInstallStart(t *testing.T) {
	const script = "apt-get update \\\n && pip install a"
	found := FindInstalls(script)
	if len(found) != 1 || !strings.HasPrefix(script[found[0].Start:], "pip install a") {
		t.Errorf("%+v", found)
	}
}

func FuzzFindInstalls(f *testing.F) {
	f.Add(`pip install -i "$URL" torch==2 && bash -c "uv pip install -r a"`)
	f.Fuzz(func(t *testing.T, script string) {
		for _, i := range FindInstalls(script) {
			if i.Start < 0 || i.Start >= len(script) || i.Installer == "" {
				t.Errorf("%+v does not fit %q", i, script)
			}
		}
	})
}
