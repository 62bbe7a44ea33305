// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"slices"
	"strings"
	"testing"
)

const generated = `---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - path: /dev/nvidia0
  - name: all
containerEdits:
  mounts:
    - hostPath: /usr/bin/nvidia-smi
      containerPath: /usr/bin/nvidia-smi
    - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.570.158.01
      containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.570.158.01
`

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, file, kind, driver, devices string
		line                              int
	}{
		{"yaml", generated, "nvidia.com/gpu", "570.158.01", "0 all", 14},
		{"json", `{"cdiVersion":"0.5.0","kind":"nvidia.com/gpu","devices":[{"name":"all","containerEdits":{"mounts":[{"hostPath":"/usr/lib64/libnvidia-ml.so.535.183.06"}]}}]}`,
			"nvidia.com/gpu", "535.183.06", "all", 1},
		{"soname is no version", "kind: nvidia.com/gpu\ncontainerEdits:\n  mounts:\n  - hostPath: /usr/lib/libcuda.so.1\n", "nvidia.com/gpu", "", "", 0},
		{"another vendor", "kind: vendor.com/device\ndevices: [{name: a}]\n", "vendor.com/device", "", "a", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse([]byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != tt.kind || s.DriverVersion != tt.driver || strings.Join(s.Devices, " ") != tt.devices || s.Line != tt.line {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, file := range []string{"", "devices: []", "kind: [", "\x00", "a: &a [*a, *a]", strings.Repeat("[", 20000)} {
		if s, err := Parse([]byte(file)); err == nil {
			t.Errorf("Parse(%.20q) = %+v, want an error", file, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(generated))
	f.Add([]byte("kind: x\nkind: y"))
	f.Add([]byte("a: &b {kind: c}\n<<: *b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err == nil && (s.Kind == "" || s.Line > 1+strings.Count(string(data), "\n") || slices.Contains(s.Devices, "\x00\x00")) {
			t.Fatalf("%+v", s)
		}
	})
}
