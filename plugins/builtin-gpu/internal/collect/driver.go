// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	moduleDir     = "/sys/module/nvidia"
	moduleVersion = "/sys/module/nvidia/version"
	procDriver    = "/proc/driver/nvidia"
	procVersion   = "/proc/driver/nvidia/version"
)

// driver records the loaded kernel module and returns its version. Without a
// view of the kernel nothing is recorded: an image's driver is not "unloaded".
func (m *machine) driver(bus bool) string {
	banner := m.ReadText(procVersion)
	loaded := banner != "" || m.Exists(moduleDir)
	if !loaded && !bus {
		return ""
	}
	version, flavor := parseBanner(banner)
	evidence := fact.File(procVersion, 1, firstLine(banner))
	if text := m.ReadText(moduleVersion); tables.IsVersion(text) {
		version, evidence = text, fact.File(moduleVersion, 1, text)
	}
	if loaded {
		m.record.Add(facts.Loaded, true, evidence)
	} else {
		m.record.Add(facts.Loaded, false, fact.File(moduleDir, 0, "absent"))
	}
	if tegraRelease(version) {
		version = "" // it counts otherwise than every table does
	}
	if version != "" {
		m.record.Add(facts.DriverVersion, version, evidence)
	}
	if flavor != "" {
		m.record.Add(facts.Flavor, flavor, fact.File(procVersion, 1, firstLine(banner)))
	}
	return version
}

// firstBranch is the smallest first number of a driver for PCs and servers that
// knows CUDA. Jetson's count by its own releases: "35.3.1" for the module, "1.1"
// for libcuda.
const firstBranch = 100

func tegraRelease(version string) bool {
	branch, ok := tables.Branch(version)
	return ok && branch < firstBranch
}

// parseBanner reads the first line of /proc/driver/nvidia/version:
//
//	NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 ...
//	NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build
func parseBanner(text string) (version, flavor string) {
	line, ok := strings.CutPrefix(firstLine(text), "NVRM version:")
	if !ok {
		return "", ""
	}
	before, after, ok := strings.Cut(line, "Kernel Module")
	if !ok {
		return "", ""
	}
	flavor = facts.FlavorClosed
	if strings.HasSuffix(strings.TrimSpace(before), "Open") {
		flavor = facts.FlavorOpen
	}
	for word := range strings.FieldsSeq(after) {
		if tables.IsVersion(word) {
			return word, flavor
		}
	}
	return "", flavor
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// information reads /proc/driver/nvidia/gpus/BDF/information.
func (m *machine) information(address string) map[string]string {
	data, err := m.ReadFile(path.Join(procDriver, "gpus", address, "information"))
	if err != nil {
		return nil
	}
	return parseInformation(data)
}

// maxInformation bounds the file, in bytes; the driver writes about 400.
const maxInformation = 16 << 10

// parseInformation reads lines "Key:  value". A value of question marks, which
// the driver writes before a GPU was first used, counts as absent.
func parseInformation(data []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(data[:min(len(data), maxInformation)]) {
		key, value, ok := strings.Cut(strings.ToValidUTF8(string(line), ""), ":")
		value = strings.TrimSpace(value)
		if ok && value != "" && !strings.Contains(value, "??") {
			out[strings.TrimSpace(key)] = value
		}
	}
	return out
}
