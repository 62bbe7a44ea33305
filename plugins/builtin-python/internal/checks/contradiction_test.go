// SPDX-License-Identifier: Apache-2.0

package checks

import "testing"

// TestContradiction: a remedy must not ask for what no version can be.
func TestContradiction(t *testing.T) {
	for requirement, want := range map[string]bool{
		"nvidia-cudnn-cu12<10.0,==9.1.0.70,>=9.8": true,
		"numpy==1.26.4,==2.0.0":                   true,
		"numpy>=2,<2":                             true,
		"numpy>=1.21,<2":                          false,
		"numpy":                                   false,
		"torch==2.6.0,>=2.4":                      false,
		"fsspec!=2024.1,==2024.*":                 false,
		"not a requirement":                       false,
	} {
		if got := isContradiction(requirement); got != want {
			t.Errorf("%s: %v, want %v", requirement, got, want)
		}
	}
}
