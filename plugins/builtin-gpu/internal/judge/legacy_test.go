// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestOtherDriver: what the driver said decides which one is proposed, and the
// distribution how.
func TestOtherDriver(t *testing.T) {
	const (
		legacy = "supported through the NVIDIA 580.xx Legacy drivers"
		open   = "The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1b06) installed in this system is not supported by open nvidia.ko"
	)
	for _, c := range []struct{ said, driver, id, want string }{
		{legacy, "590.48.01", "ubuntu", "sudo apt install nvidia-driver-580"},
		{legacy, "590.48.01", "fedora", "akmod-nvidia-580xx"},
		{legacy, "590.48.01", "rhel", "nvidia-driver:580-dkms"},
		{legacy, "590.48.01", "arch", "nvidia-580xx-utils"},
		{legacy, "590.48.01", "gentoo", "https://docs.nvidia.com"},
		{open, "570.153.02", "ubuntu", "sudo apt install nvidia-driver-570"},
		{open, "595.10", "ubuntu", "sudo apt install nvidia-driver-580"},
		{"RmInitAdapter failed", "570.153.02", "ubuntu", ""},
	} {
		s := &scene{Context: &check.Context{Facts: withDistribution(c.id)}, driver: c.driver}
		var lines []string
		for _, r := range s.otherDriver(c.said) {
			lines = append(lines, r.Summary)
			lines = append(lines, r.Preview...)
		}
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, c.want) || c.want == "" && text != "" {
			t.Errorf("%s on %s: %q, want %q", c.said, c.id, text, c.want)
		}
	}
}

func withDistribution(id string) fact.Set {
	var r fact.Recorder
	r.Add("os.id", id)
	return fact.NewSet(r.Facts())
}
