// SPDX-License-Identifier: Apache-2.0

// Package cdi reads specifications of the Container Device Interface, the YAML
// or JSON files from which container engines learn what a device needs.
//
// Only what a doctor asks is read: the kind, the device names, and the driver
// version that NVIDIA's generator wrote into the names of the libraries.
// Format: https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
package cdi

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Spec is one specification.
type Spec struct {
	// Version of the format, Kind such as "nvidia.com/gpu", and device names.
	Version string
	Kind    string
	Devices []string
	// DriverVersion is the suffix of libcuda.so.* or libnvidia-ml.so.* among
	// the mounts; "" when there is none. Line is where it stands, from 1.
	DriverVersion string
	Line          int
}

type document struct {
	Version string   `yaml:"cdiVersion"`
	Kind    string   `yaml:"kind"`
	Devices []device `yaml:"devices"`
	Edits   edits    `yaml:"containerEdits"`
}

type device struct {
	Name  string `yaml:"name"`
	Edits edits  `yaml:"containerEdits"`
}

type edits struct {
	Mounts []struct {
		HostPath string `yaml:"hostPath"`
	} `yaml:"mounts"`
}

// driverLibrary asks for three digits: libcuda.so.1.1 of WSL and Jetson names no
// driver.
var driverLibrary = pattern.Lazy(`/lib(?:cuda|nvidia-ml)\.so\.(\d{3,}\.\d+(?:\.\d+)?)$`)

// maxBytes bounds a specification; those of eight GPUs have some 30 KiB.
const maxBytes = 1 << 20

// Parse reads a specification; JSON is YAML too.
func Parse(data []byte) (spec Spec, err error) {
	defer func() {
		if r := recover(); r != nil { // the YAML library has had panics on hostile input
			spec, err = Spec{}, fmt.Errorf("CDI specification cannot be parsed: %v", r)
		}
	}()
	if len(data) > maxBytes {
		return Spec{}, fmt.Errorf("CDI specification has %d bytes, more than %d", len(data), maxBytes)
	}
	var doc document
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Spec{}, fmt.Errorf("CDI specification cannot be parsed: %w", err)
	}
	if doc.Kind == "" {
		return Spec{}, errors.New(`CDI specification has no "kind"`)
	}
	spec = Spec{Version: doc.Version, Kind: doc.Kind}
	spec.readMounts(doc.Edits, data)
	for _, d := range doc.Devices {
		spec.Devices = append(spec.Devices, d.Name)
		spec.readMounts(d.Edits, data)
	}
	return spec, nil
}

func (s *Spec) readMounts(e edits, data []byte) {
	for _, m := range e.Mounts {
		found := driverLibrary().FindStringSubmatch(m.HostPath)
		if s.DriverVersion != "" || found == nil {
			continue
		}
		s.DriverVersion = found[1]
		if at := bytes.Index(data, []byte(m.HostPath)); at >= 0 {
			s.Line = 1 + bytes.Count(data[:at], []byte("\n"))
		}
	}
}
