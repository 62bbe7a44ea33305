// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
)

func TestParseBanner(t *testing.T) {
	for banner, want := range map[string][2]string{
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version:": {"535.183.01", facts.FlavorClosed},
		"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder@U22)":   {"570.86.15", facts.FlavorOpen},
		"NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  610.12  Release Build":                        {"610.12", facts.FlavorOpen},
		"NVRM version: something else 1.2": {}, "": {}, "GCC version: 12.2.0": {},
	} {
		if version, flavor := parseBanner(banner); version != want[0] || flavor != want[1] {
			t.Errorf("parseBanner(%q) = %q, %q; want %q", banner, version, flavor, want)
		}
	}
}

func TestBlacklisted(t *testing.T) {
	for line, want := range map[string]string{
		"blacklist nouveau": "nouveau", " blacklist\tnvidia ": "nvidia", "install nvidia-drm /bin/false": "nvidia_drm",
		"install nvidia /sbin/modprobe --ignore-install nvidia": "", "# blacklist nvidia": "", "blacklist pcspkr": "",
		"options nouveau modeset=0": "", "": "",
	} {
		if got := blacklisted(line); got != want {
			t.Errorf("blacklisted(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestGPUWords(t *testing.T) {
	got := strings.Join(gpuWords("quiet root=/dev/sda secret=1 intel_iommu=on rd.driver.blacklist=nouveau nomodeset"), " ")
	if got != "intel_iommu=on rd.driver.blacklist=nouveau nomodeset" {
		t.Errorf("%q", got)
	}
}

func FuzzParseBanner(f *testing.F) {
	f.Add("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun")
	f.Add("NVRM version: Open Kernel Module")
	f.Fuzz(func(t *testing.T, text string) {
		version, flavor := parseBanner(text)
		if version != "" && (!tables.IsVersion(version) || flavor == "") {
			t.Errorf("version %q, flavour %q", version, flavor)
		}
	})
}

func FuzzParseInformation(f *testing.F) {
	f.Add([]byte("Model: \t NVIDIA A100\nGPU UUID: \t GPU-??\n"))
	f.Add([]byte(":\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key, value := range parseInformation(data) {
			if value == "" || !utf8.ValidString(key+value) {
				t.Errorf("%q: %q", key, value)
			}
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add([]byte(`{"cuda":{"version":"12.4.1"}}`))
	f.Add([]byte("CUDA Version 10.2.89"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, v := range []string{parseVersionJSON(data), parseVersionText(data)} {
			if v != "" && !tables.IsVersion(v) {
				t.Errorf("version %q", v)
			}
		}
	})
}

func FuzzKernelFiles(f *testing.F) {
	f.Add("27 1 254:0 / / rw - ext4 /dev/vda rw", "Uid:\t1\t1\t1\t1", "kernel/nvidia.ko.xz: a.ko")
	f.Fuzz(func(t *testing.T, mounts, status, index string) {
		if line, disk := rootDisk(mounts); (line == 0) != (disk == "") {
			t.Errorf("line %d, disk %q", line, disk)
		}
		parseStatus(status)
		gpuModules([]byte(status))
		gpuWords(mounts)
		for _, id := range setAside(mounts) {
			if len(id) != 9 {
				t.Errorf("PCI number %q", id)
			}
		}
		if name := moduleInIndex([]byte(index)); strings.Contains(name, "/../") {
			t.Errorf("module outside of its directory: %q", name)
		}
	})
}
