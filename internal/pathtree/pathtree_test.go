// SPDX-License-Identifier: Apache-2.0

package pathtree

import "testing"

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		p, dir string
		want   bool
	}{
		{"/usr", "/usr", true},
		{"/usr/bin", "/usr", true},
		{"/usr/local/bin", "/usr", true},
		{"/usr2", "/usr", false},
		{"/", "/usr", false},
		{"/usr", "/usr/bin", false},
		{"/usr", "/", true},
		{"/", "/", true},
		{"opt/x", "opt", true},
		{"opt", "/opt", false},
		{"C:/a", "C:/", true},
	} {
		if got := Within(tt.p, tt.dir); got != tt.want {
			t.Errorf("Within(%q, %q) = %v", tt.p, tt.dir, got)
		}
	}
}
