// SPDX-License-Identifier: Apache-2.0

package tables

import "testing"

// TestImplied: kernels of flashinfer want it in their public version, once it
// compares them.
func TestImplied(t *testing.T) {
	row := Implied().Rows[0]
	for _, c := range []struct{ version, partner, want string }{
		{"0.6.13", "0.6.14", "flashinfer-python==0.6.13"},
		{"0.6.16+cu130", "0.6.16", "flashinfer-python==0.6.16"},
		{"0.6.14.post1", "0.6.14rc1", "flashinfer-python==0.6.14.post1"},
		{"0.3.1", "0.3.1", ""},
		{"0.6.13", "", ""},
		{"", "0.6.13", ""},
	} {
		got, ok := row.Requirement(c.version, c.partner)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s beside %s: %q %v, want %q", c.version, c.partner, got, ok, c.want)
		}
	}
}

// TestSystemPackages: a library is found by its name, with what its number is.
func TestSystemPackages(t *testing.T) {
	got, ok := Systems().Packages("libavutil.so.58")
	if !ok || got["apt"] != "ffmpeg" || got["dnf"] != "'libavutil.so.58()(64bit)'" {
		t.Errorf("%v %v", got, ok)
	}
	if got, ok := Systems().Packages("libcudart.so.12"); ok {
		t.Errorf("a library of CUDA is of no system: %v", got)
	}
}
