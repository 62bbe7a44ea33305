// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

var asked = []Grant{
	{Kind: Read, Path: "~/data"}, {Kind: Read, Path: "/opt/*/lib"}, {Kind: Read, Path: "./notes"}, {Kind: Write, Path: "./notes"},
	{Kind: Write, Path: "./out"}, {Kind: Exec, Path: Python}, {Kind: Read, Path: Python}, {Kind: Device, Path: "/dev/nvidia[0-9]*"},
	{Kind: Net, Address: "huggingface.co:443"}, {Kind: Env, Name: "CUDA_*"}, {Kind: Secret, Name: "hf_token"}, {Kind: Env, Name: "hf_token"},
}

func TestNarrow(t *testing.T) {
	for entry, want := range map[string]string{
		"~/data":                   "read ~/data",
		"~/data/churn":             "read ~/data/churn",
		"read ~/data/churn/a.csv":  "read ~/data/churn/a.csv",
		"/opt/*/lib":               "read /opt/*/lib",
		"/opt/cuda/lib":            "read /opt/cuda/lib",
		"/opt/cuda/lib/x.so":       "read /opt/cuda/lib/x.so",
		"write ./notes":            "write ./notes",
		"read ./out":               "read ./out",
		"./out/today":              "write ./out/today",
		"exec ${python}":           "exec ${python}",
		"device /dev/nvidia0":      "device /dev/nvidia0",
		"read /dev/nvidia0":        "read /dev/nvidia0",
		"HuggingFace.co.:443":      "net huggingface.co:443",
		"net huggingface.co:443":   "net huggingface.co:443",
		"CUDA_HOME":                "env CUDA_HOME",
		"CUDA_V*":                  "env CUDA_V*",
		"secret hf_token":          "secret hf_token",
		"/dev/nvidia[0-9]*":        "device /dev/nvidia[0-9]*",
		"read  ~/data":             "read ~/data",
		"device /dev/nvidia[0-9]*": "device /dev/nvidia[0-9]*",
	} {
		kept, err := Narrow(asked, []string{entry})
		var got []string
		for _, k := range kept {
			got = append(got, k.String())
		}
		if err != nil || !slices.Contains(got, want) || len(slices.Compact(got)) != 1 {
			t.Errorf("%q keeps %q, %v; want %q", entry, got, err, want)
		}
	}
}

func TestNarrowRefuses(t *testing.T) {
	for entry, want := range map[string]string{
		"/root":                 "can only narrow",
		"~":                     "can only narrow",
		"~/dat":                 "can only narrow",
		"~/data*":               "can only narrow",
		"~/data/*":              "can only narrow",
		"~/database":            "can only narrow",
		"~/data/../.ssh":        `holds ".."`,
		"/opt/lib":              "can only narrow",
		"/opt/a/b/lib":          "can only narrow",
		"/opt":                  "can only narrow",
		"write ~/data":          "can only narrow",
		"write ./out/../..":     `holds ".."`,
		"./out//x":              "can only narrow",
		"./out/bulkhead.hcl/..": `holds ".."`,
		"huggingface.co:80":     "can only narrow",
		"*":                     "can only narrow",
		"CUDA*":                 "can only narrow",
		"CUDA_A*B":              "can only narrow",
		"exec /usr/bin/python3": "can only narrow",
		"/dev/nvidiactl":        "can only narrow",
		"./notes":               "write its kind before it",
		"${python}":             "write its kind before it",
		"hf_token":              "write its kind before it",
		"":                      "it is empty",
		"read ":                 "it is empty",
		"~/data/\x1b[2J":        "cannot be seen",
		"${python}/bin":         "can only narrow",
	} {
		_, err := Narrow(asked, []string{"~/data", entry})
		entryErr, ok := errors.AsType[*EntryError](err)
		if !ok || entryErr.Entry != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", entry, err, want)
		}
	}
}

func TestNarrowToAllAndNothing(t *testing.T) {
	all, err := Narrow(asked, nil)
	if err != nil || len(all) != len(asked) || all[3].Asked != 3 || all[3].Entry != -1 {
		t.Errorf("%+v, %v", all, err)
	}
	none, err := Narrow(asked, []string{})
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	twice, err := Narrow(asked, []string{"~/data", "~/data", "~/data/a"})
	if err != nil || len(twice) != 2 || twice[1].Entry != 2 || twice[1].Asked != 0 {
		t.Errorf("%+v, %v", twice, err)
	}
}

// A subdirectory that a plugin may not write to stays refused when a
// configuration names it.
func TestNarrowChecksAnew(t *testing.T) {
	grants := []Grant{{Kind: Write, Path: "$WORK"}, {Kind: Write, Path: "$HOME/x"}}
	if _, err := Narrow(grants, []string{"$WORK/.ssh"}); err != nil {
		t.Errorf("what $WORK is shows on the machine only: %v", err)
	}
	if _, err := Narrow([]Grant{{Kind: Exec, Path: "/opt/*"}}, []string{"/opt/\x00"}); err == nil {
		t.Error("a NUL byte was taken")
	}
}

func FuzzNarrow(f *testing.F) {
	for _, entry := range []string{"~/data/churn", "write ./out/x", "/opt/a/lib", "CUDA_X", "huggingface.co:443", "~/data/..", "[", "read"} {
		f.Add(entry)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		kept, err := Narrow(asked, []string{entry})
		if err != nil {
			return
		}
		for _, k := range kept {
			k.Why = "w"
			if err := k.Validate(); err != nil {
				t.Fatalf("%q keeps what no manifest may have: %v", entry, err)
			}
			if strings.Contains(k.Value(), "..") && slices.Contains(segments(k.Path), "..") {
				t.Fatalf("%q keeps %q", entry, k.Grant)
			}
		}
	})
}

// What was agreed to covers what lies in it, and nothing beside it.
func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		have, other string
		want        bool
	}{
		{"read /opt/a", "read /opt/a", true},
		{"read /opt/a", "read /opt/a/b", true},
		{"read /opt/a/b", "read /opt/a", false},
		{"read /opt/a", "read /opt/ab", false},
		{"read /opt/a", "write /opt/a", false},
		{"read /opt/a", "exec /opt/a", false},
		{"write /opt/a", "read /opt/a/b", true},
		{"read /opt/a", "read /opt/a/*/b", false},
		{"read /opt/*/lib", "read /opt/*/lib", true},
		{"env HF_*", "env HF_HOME", true},
		{"env HF_HOME", "env HF_*", false},
		{"secret token", "env token", false},
		{"net a.example:443", "net a.example:80", false},
	} {
		have, err := ParseGrant(tt.have)
		other, err2 := ParseGrant(tt.other)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if got := have.Covers(other); got != tt.want {
			t.Errorf("%q covers %q: %v", tt.have, tt.other, got)
		}
	}
}
