// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// builds are what torch/version.py may say, and the finding about it on a
// machine with an NVIDIA GPU; none for the build that belongs there.
var builds = map[string]struct {
	torch
	code string
}{
	"CUDA":    {torch{version: "2.5.1+cu124", cuda: "12.4"}, ""},
	"39 CPU":  {torch{version: "2.5.1+cpu"}, "torch.cpu-wheel-on-gpu-host"},
	"40 ROCm": {torch{version: "2.5.1+rocm6.2", hip: "6.2.41133-dd7f95766"}, "torch.rocm-wheel-on-nvidia"},
}

// TestTorchBuild: what is read of torch/version.py is what Python reads, and is
// a fault only where there is a GPU. The GPU is added to the recorded facts.
func TestTorchBuild(t *testing.T) {
	for name, b := range builds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.install(b.wheel(s))
			saw := s.runs("import torch.version as v; print(v.__version__, v.cuda or '', v.hip or '', sep='|', end='')")
			var build struct{ Version, CUDA, HIP string }
			r := s.diagnose(1)
			r.value(t, "torch", &build)
			if got := build.Version + "|" + build.CUDA + "|" + build.HIP; got != saw.text {
				t.Errorf("the doctor reads %q, Python %q", got, saw.text)
			}
			if found := r.news(t); len(found) > 0 {
				t.Errorf("false alarms: %v", found)
			}
			version, _, _ := strings.Cut(saw.text, "|")
			found := slices.DeleteFunc(s.withGPU(1).Findings, func(f finding) bool { return !strings.HasPrefix(f.Code, "torch.") })
			if b.code == "" && len(found) > 0 || b.code != "" && (len(found) != 1 || found[0].Code != b.code || !found[0].names([]string{version})) {
				t.Errorf("with a GPU: %v, want %q about %s", found, b.code, version)
			}
		})
	}
}

// withGPU diagnoses the recorded facts of the stage with a number of GPUs.
func (s *stage) withGPU(count int) *report {
	s.t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(s.host("facts", "--python", s.target, "--json")), &document); err != nil {
		s.t.Fatal(err)
	}
	facts, _ := document["facts"].([]any)
	for _, f := range facts {
		if f := f.(map[string]any); f["address"] == "gpu.count" {
			f["value"] = count
		}
	}
	data, err := json.Marshal(document)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(s.dir+"/facts.json", string(data))
	r := &report{}
	if err := json.Unmarshal([]byte(s.host("doctor", "--snapshot", s.dir+"/facts.json", "--json")), r); err != nil {
		s.t.Fatal(err)
	}
	return r
}
