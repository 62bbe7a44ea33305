// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/cdi"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var toolkitCollector = fact.Collector{
	Name:    "nvidia-toolkit",
	Summary: "NVIDIA Container Toolkit, CDI specifications, and what a container was told about GPUs",
	Facts: []fact.Description{
		{Address: "docker.nvidia_toolkit.path", Summary: "nvidia-ctk, or the runtime where there is no nvidia-ctk", Type: "string"},
		{Address: "docker.nvidia_toolkit.hook", Summary: "nvidia-container-runtime-hook, which makes `docker run --gpus` work", Type: "string"},
		{Address: "docker.cdi.specs", Summary: "CDI specifications: {path, kind, devices, driver_version, problem}", Type: "list"},
		{Address: "docker.container.visible_devices", Summary: "NVIDIA_VISIBLE_DEVICES of the process, where it is set", Type: "string"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		addProgram(t, r, "docker.nvidia_toolkit.path", "nvidia-ctk", nvidiaRuntime)
		addProgram(t, r, "docker.nvidia_toolkit.hook", "nvidia-container-runtime-hook")
		collectCDI(t, r)
		if v, ok := t.Env["NVIDIA_VISIBLE_DEVICES"]; ok {
			r.Add("docker.container.visible_devices", v, fact.Call("environment", "NVIDIA_VISIBLE_DEVICES="+v))
		}
		return nil
	},
}

func addProgram(t *fact.Target, r *fact.Recorder, address string, names ...string) {
	for _, name := range names {
		for _, dir := range runtimeDirs {
			if program := path.Join(dir, name); linked(t, program) {
				r.Add(address, program, fact.File(program, 0, ""))
				return
			}
		}
	}
}

// cdiSpec is an element of docker.cdi.specs.
type cdiSpec struct {
	Path          string   `json:"path"`
	Kind          string   `json:"kind,omitempty"`
	Devices       []string `json:"devices,omitempty"`
	DriverVersion string   `json:"driver_version,omitempty"`
	// Line of the driver version, and Problem of a file that cannot be read.
	Line    int    `json:"line,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// cdiDirs are the default directories; the last two are one on most systems.
var cdiDirs = []string{"/etc/cdi", "/run/cdi", "/var/run/cdi"}

// maxSpecs bounds the files that are parsed.
const maxSpecs = 64

func collectCDI(t *fact.Target, r *fact.Recorder) {
	var (
		specs    []cdiSpec
		evidence []fact.Evidence
		seen     = map[string]bool{}
	)
	for _, name := range cdiFiles(t) {
		resolved, err := t.Resolve(name)
		key := strings.TrimPrefix(resolved, "/var")
		if err != nil || seen[key] || len(specs) == maxSpecs {
			continue
		}
		seen[key] = true
		s := readSpec(t, name)
		specs = append(specs, s)
		evidence = append(evidence, fact.File(name, s.Line, s.Kind+" "+s.DriverVersion+s.Problem))
	}
	if specs != nil {
		r.Add("docker.cdi.specs", specs, evidence...)
	}
}

func cdiFiles(t *fact.Target) []string {
	var out []string
	for _, dir := range cdiDirs {
		for _, extension := range []string{"yaml", "yml", "json"} {
			out = append(out, t.Glob(dir+"/*."+extension)...)
		}
	}
	return out
}

func readSpec(t *fact.Target, name string) cdiSpec {
	out := cdiSpec{Path: name}
	data, err := t.ReadFile(name)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	spec, err := cdi.Parse(data)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	out.Kind, out.Devices, out.DriverVersion, out.Line = spec.Kind, spec.Devices, spec.DriverVersion, spec.Line
	return out
}
