// SPDX-License-Identifier: Apache-2.0

package nvml

import "testing"

func TestCUDAVersion(t *testing.T) {
	for n, want := range map[int]string{12040: "12.4", 11080: "11.8", 13000: "13.0", 0: "", -5: ""} {
		if got := cudaVersion(n); got != want {
			t.Errorf("cudaVersion(%d) = %q, want %q", n, got, want)
		}
	}
}
