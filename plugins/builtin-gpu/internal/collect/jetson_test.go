// SPDX-License-Identifier: Apache-2.0

package collect

import "testing"

func TestTegraVersion(t *testing.T) {
	for text, want := range map[string]string{
		"# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025": "36.4.3",
		"# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref":                                                    "35.4.1",
		"": "", "# R (release)": "", "garbage\x00": "",
	} {
		if got := tegraVersion(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
